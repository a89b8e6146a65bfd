// Lists: filters above, files beside, more below.

import { type ReactNode, useEffect, useState } from "react";

import { download, type Params } from "../api";
import { type Listed, useParameter, words } from "../hooks";
import { Empty, Trouble } from "./text";

/** Below a list: more of it, or that there is nothing. */
export function Rest<T>({ list, nothing }: { list: Listed<T>; nothing: string }): ReactNode {
  return (
    <>
      <Trouble text={list.problem} />
      {!list.loading && !list.problem && list.items.length === 0 && <Empty>{nothing}</Empty>}
      {list.more && (
        <button type="button" className="more" disabled={list.loading} onClick={list.more}>
          {list.loading ? "…" : "more"}
        </button>
      )}
    </>
  );
}

/** The list as files. */
export function Files({ path, params, name }: { path: string; params: Params; name: string }): ReactNode {
  const [trouble, setTrouble] = useState("");
  const save = (format: string): void => {
    const wanted = { ...params, limit: null, format };
    download(path, wanted, `${name}.${format}`).catch((error: unknown) => setTrouble(words(error)));
  };
  return (
    <span className="files">
      <button type="button" className="link" onClick={() => save("csv")}>
        CSV
      </button>
      <button type="button" className="link" onClick={() => save("jsonl")}>
        JSON Lines
      </button>
      <Trouble text={trouble} />
    </span>
  );
}

/** A line to type in, which is kept in the address once typing rests. */
export function Typed({ name, label, wide }: { name: string; label: string; wide?: boolean }): ReactNode {
  const [value, set] = useParameter(name);
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => set(typed), 300);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label className={wide ? "field wide" : "field"}>
      <span>{label}</span>
      <input
        type="search"
        name={name}
        value={typed}
        maxLength={300}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setTyped(event.target.value)}
      />
    </label>
  );
}

/** One of a few. */
export function Choice({ name, label, options }: { name: string; label: string; options: Record<string, string> }): ReactNode {
  const [value, set] = useParameter(name);
  return (
    <label className="field">
      <span>{label}</span>
      <select name={name} value={value} onChange={(event) => set(event.target.value)}>
        {Object.entries(options).map(([key, said]) => (
          <option key={key} value={key}>
            {said}
          </option>
        ))}
      </select>
    </label>
  );
}

export const TIMES = { "": "any time", "3600": "last hour", "86400": "last day", "604800": "last 7 days", "2592000": "last 30 days" };
export const EFFECTS = Object.fromEntries(
  ["", "read", "write", "delete", "destroy", "create", "alter", "grant", "execute", "export", "configure", "unknown"].map(
    (name) => [name, name || "any"],
  ),
);

/** The beginning of the last so many seconds, to the minute: so that it is not a new question each second. */
export function since(seconds: string): number | null {
  return seconds ? Math.floor(Date.now() / 60_000) * 60 - Number(seconds) : null;
}
