import { expect, it } from "vitest";

import { Reader, query } from "../src/api";
import { within } from "../src/auth";

it("events are the same wherever they are cut", () => {
  const text = ': hello\n\nid: 7\nevent: approval\ndata: {"a":\ndata: 1}\n\nevent: end\r\ndata: {}\r\n\r\n';
  const whole = new Reader().read(text);
  expect(whole).toEqual([
    { kind: "approval", id: "7", data: { a: 1 } },
    { kind: "end", id: "7", data: {} },
  ]);
  for (let at = 1; at < text.length; at += 1) {
    const reader = new Reader();
    expect([...reader.read(text.slice(0, at)), ...reader.read(text.slice(at))]).toEqual(whole);
  }
});

it("a query has what was given, and nothing else", () => {
  const found = query({ q: "a&b=c#d", none: null, empty: "", topics: ["x", "y"], no: false });
  expect(found).toBe("?q=a%26b%3Dc%23d&topics=x&topics=y&no=false");
  expect(query({})).toBe("");
});

it.each([
  ["https://evil.example/console/", "/console/"],
  ["//evil.example", "/console/"],
  ["/console//evil.example", "/console/"],
  ["/console/\\evil.example", "/console/"],
  ["javascript:alert(1)", "/console/"],
  ["/console/callback", "/console/"],
  ["/console/sessions/abc?at=abc.1", "/console/sessions/abc?at=abc.1"],
])("%s is gone back to as %s", (path, where) => {
  expect(within(path)).toBe(where);
});
