import { describe, expect, it } from "vitest";

import { bytes, count, cut, line, pieces, plain, span } from "../src/show";

describe("others' words", () => {
  it.each([
    ["\u001b[2J", "\\e[2J"],
    ["a\u0000b", "a\\x00b"],
    ["\u202egpj.exe", "U+202Egpj.exe"],
    ["\u2066x\u2069", "U+2066xU+2069"],
    ["zero\u200bwidth", "zeroU+200Bwidth"],
    ["soft\u00adhyphen", "softU+00ADhyphen"],
    ["\u009b31m", "\\x9b31m"],
    ["cr\rlf", "cr\\rlf"],
    ["\u{e0041}", "U+E0041"],
    ["\ufeff", "U+FEFF"],
    ["\ud800x", "U+D800x"],
    ["x\udc00", "xU+DC00"],
    ["\u2028", "U+2028"],
    ["\ufe0f", "U+FE0F"],
  ])("%j is written out", (text, shown) => {
    expect(plain(text)).toBe(shown);
    expect(pieces(text).some((piece) => piece.odd)).toBe(true);
  });

  it.each(["<script>alert(1)</script>", "naïve Zoë 日本語 😀", "a\tb\nc", ""])("%j stays what it is", (text) => {
    expect(plain(text)).toBe(text);
    expect(pieces(text).every((piece) => !piece.odd)).toBe(true);
  });

  it("shows nothing that acts, whatever it is made of", () => {
    let seed = 7;
    for (let turn = 0; turn < 300; turn += 1) {
      let text = "";
      for (let at = 0; at < 40; at += 1) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        text += String.fromCharCode(seed % (seed % 3 ? 0x300 : 0x10000));
      }
      const found = pieces(text);
      expect(found.filter((piece) => !piece.odd).every((piece) => text.includes(piece.text))).toBe(true);
      const shown = found.map((piece) => piece.text).join("");
      expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }
  });

  it("is cut where it is long, and never within a character", () => {
    expect(cut("a".repeat(10_000_000), 50)).toHaveLength(50);
    expect(cut("😀😀", 3)).toBe("😀");
    expect(line("a\n\n  b".repeat(500), 20)).toHaveLength(21);
  });
});

it("figures read easily", () => {
  expect(count(1234567)).toBe("1,234,567");
  expect([bytes(0), bytes(1500), bytes(25_000_000)]).toEqual(["0 B", "1.5 kB", "25 MB"]);
  const spans = [span(0.004), span(59.4), span(61), span(3700), span(90_000)];
  expect(spans).toEqual(["4 ms", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
});
