import { describe, expect, it } from "vitest";

import { highlight } from "../src/highlight";

const tones = (text: string, protocol: string): string[] =>
  highlight(text, protocol)
    .filter((token) => token.tone !== "space")
    .map((token) => `${token.tone}:${token.text}`);

describe("SQL", () => {
  it("has keywords, names, strings, numbers and comments", () => {
    expect(tones("UPDATE orders SET a = 'it''s' WHERE id = 4.5 -- why", "postgres").join(" ")).toBe(
      "danger:UPDATE word:orders keyword:SET word:a mark:= string:'it''s' keyword:WHERE word:id mark:= number:4.5 comment:-- why",
    );
  });

  it("does not take what stands in strings for anything else", () => {
    const found = tones("SELECT $tag$ DROP TABLE x $tag$, E'drop', \"drop\"", "postgres");
    expect(found.some((each) => each.startsWith("danger"))).toBe(false);
  });
});

it("shell: programs, options, strings, variables, operators", () => {
  expect(tones('rm -rf "$HOME" | grep x # done', "ssh").join(" ")).toBe(
    'danger:rm variable:-rf string:"$HOME" mark:| keyword:grep word:x comment:# done',
  );
  expect(tones("echo a#b", "ssh").at(-1)).toBe("word:a#b");
});

it.each(["postgres", "ssh", "mysql", "kubernetes"])("%s: nothing is lost or added, whatever the text is", (protocol) => {
  let seed = 3;
  const alphabet = "ab'\"$-/*#\\ \n;|&(){}<>=0123é\u202e\0x";
  for (let turn = 0; turn < 500; turn += 1) {
    let text = "";
    for (let at = 0; at < 30; at += 1) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      text += alphabet[seed % alphabet.length];
    }
    const joined = highlight(text, protocol).map((token) => token.text);
    expect(joined.join("")).toBe(text);
  }
});
