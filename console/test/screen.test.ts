import { describe, expect, it } from "vitest";

import { paced, parse } from "../src/cast";
import { Screen } from "../src/screen";

const shown = (data: string, width = 20, height = 4): string[] => {
  const screen = new Screen(width, height);
  screen.write(data);
  return screen.rows.map((row) => row.map((cell) => cell.text).join("").trimEnd());
};

describe("a screen", () => {
  it("writes, wraps and scrolls", () => {
    expect(shown("abc\r\ndef")).toEqual(["abc", "def", "", ""]);
    expect(shown("abcdef", 3)).toEqual(["abc", "def", "", ""]);
    expect(shown("1\r\n2\r\n3\r\n4\r\n5")).toEqual(["2", "3", "4", "5"]);
  });

  it("moves, erases, inserts and deletes", () => {
    expect(shown("hello\u001b[2;3Hx\u001b[1;1H\u001b[K")).toEqual(["", "  x", "", ""]);
    expect(shown("abc\u001b[2D\u001b[P")).toEqual(["ac", "", "", ""]);
    expect(shown("abc\u001b[2D\u001b[@")).toEqual(["a bc", "", "", ""]);
    expect(shown("a\r\nb\u001b[1;1H\u001b[L")).toEqual(["", "a", "b", ""]);
    expect(shown("x\u001b[2Jy")).toEqual([" y", "", "", ""]);
  });

  it("has an alternate screen, and comes back from it", () => {
    expect(shown("shell\u001b[?1049h\u001b[Heditor")[0]).toBe("editor");
    expect(shown("shell\u001b[?1049h\u001b[Heditor\u001b[?1049l")[0]).toBe("shell");
  });

  it("shows nothing of titles, links and graphics", () => {
    expect(shown("\u001b]0;owned\u0007a\u001b]8;;http://x\u001b\\b\u001bPq#0\u001b\\c")[0]).toBe("abc");
    expect(shown("a\u202e\u200bb")[0]).toBe("ab");
  });

  it("is the same wherever what it gets is cut", () => {
    const data = "\u001b[1;31mred\u001b[0m\r\n\u001b]0;t\u0007ok\u001b[2;1Hé日\u001b[?25l";
    const whole = new Screen(20, 4);
    whole.write(data);
    for (let at = 1; at < data.length; at += 1) {
      const screen = new Screen(20, 4);
      screen.write(data.slice(0, at));
      screen.write(data.slice(at));
      expect(screen.runs()).toEqual(whole.runs());
    }
  });

  it("has colours", () => {
    const screen = new Screen(10, 1);
    screen.write("\u001b[1;32mok\u001b[0m \u001b[38;5;196mx\u001b[7;41my");
    const runs = screen.runs()[0]?.slice(0, 4).map((run) => `${run.text}:${run.style}`);
    expect(runs).toEqual(["ok:f2 bold", " :", "x:f9", "y:f9 b1 inverse"]);
  });

  it("stays in bounds, whatever comes", () => {
    let seed = 11;
    const alphabet = "\u001b[]0;9?HhJKmrABCDLMPSTXd@78c\r\n\tx日\u0007";
    const screen = new Screen(17, 5);
    for (let turn = 0; turn < 20_000; turn += 1) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      screen.write(alphabet[seed % alphabet.length] ?? "");
    }
    expect(screen.rows).toHaveLength(5);
    expect(screen.rows.every((row) => row.length === 17)).toBe(true);
  });
});

describe("a recording", () => {
  it("is read up to its last whole line", () => {
    const cast = parse('{"version":2,"width":100,"height":30}\n[0.5,"o","a"]\n[1,"m","ls"]\nnonsense\n[2,"o');
    expect([cast.width, cast.height, cast.duration]).toEqual([100, 30, 1]);
    expect(cast.moments).toHaveLength(2);
  });

  it("has bounds, whatever its header says", () => {
    expect(parse('{"width":1e9,"height":-1}')).toMatchObject({ width: 500, height: 24 });
    expect(parse("")).toMatchObject({ width: 80, height: 24, moments: [] });
  });

  it("has no long pauses", () => {
    const moments = [1, 3601].map((at) => ({ at, code: "o", data: "" }));
    expect(paced(moments)).toEqual([1, 3]);
  });
});
