// The gateway's API (docs/api.md): requests with this tab's token, and its stream of events.

import { forget, token } from "./auth";

const PREFIX = "/api/v1";

/** A request that got no for an answer (RFC 9457): `code` is stable, the rest is for people. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly fix: string,
  ) {
    super(detail);
  }
}

export type Params = Record<string, string | number | boolean | null | undefined | string[]>;

export function query(params: Params): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === "") continue;
    for (const one of [value].flat()) found.append(name, String(one));
  }
  const text = found.toString();
  return text ? `?${text}` : "";
}

let lost: () => void = () => undefined;

/** What to do when the token is good no longer. */
export function onLost(act: () => void): void {
  lost = act;
}

async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const answer = await fetch(PREFIX + path, {
    method,
    credentials: "omit",
    redirect: "error",
    cache: "no-store",
    headers: {
      Authorization: `Bearer ${token() ?? ""}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (answer.ok) return answer;
  const said = (await answer.json().catch(() => ({}))) as Partial<Record<string, string>>;
  if (answer.status === 401) {
    forget();
    lost();
  }
  throw new Problem(
    answer.status,
    said.code ?? "unreadable",
    said.detail ?? `the gateway answered ${answer.status}`,
    said.fix ?? "",
  );
}

export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return (await (await ask("GET", path + query(params), undefined, signal)).json()) as T;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return (await (await ask("POST", path, body)).json()) as T;
}

/** A list as a file. It is fetched with the token and handed over as a blob: no token stands in an address. */
export async function download(path: string, params: Params, name: string): Promise<void> {
  const blob = await (await ask("GET", path + query(params))).blob();
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export interface Told {
  kind: string;
  id: string;
  data: unknown;
}

/** Takes apart `text/event-stream` (HTML standard, section 9.2), however it is cut. */
export class Reader {
  private rest = "";
  private kind = "";
  private id = "";
  private data: string[] = [];

  /** The events that `chunk` completes. */
  read(chunk: string): Told[] {
    this.rest += chunk;
    const lines = this.rest.split("\n");
    this.rest = lines.pop() ?? "";
    const found: Told[] = [];
    for (const raw of lines) {
      const one = raw.replace(/\r$/, "");
      if (one === "") {
        if (this.data.length > 0) {
          found.push({ kind: this.kind || "message", id: this.id, data: JSON.parse(this.data.join("\n")) });
        }
        this.kind = "";
        this.data = [];
      } else if (!one.startsWith(":")) {
        const colon = one.indexOf(":");
        const name = colon < 0 ? one : one.slice(0, colon);
        const value = colon < 0 ? "" : one.slice(colon + 1).replace(/^ /, "");
        if (name === "event") this.kind = value;
        else if (name === "data") this.data.push(value);
        else if (name === "id") this.id = value;
      }
    }
    return found;
  }
}

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15_000;

/**
 * Follow events until `signal` ends it; connects anew by itself, and goes on behind the last record heard.
 * `state` is told whether the stream is open.
 */
export async function follow(
  params: Params,
  tell: (event: Told) => void,
  state: (open: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  let pause = FIRST_PAUSE;
  let last = "";
  while (!signal.aborted) {
    try {
      const more: Params = last === "" ? {} : { after: last };
      const answer = await ask("GET", `/events${query({ ...params, ...more })}`, undefined, signal);
      const body = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
      const reader = new Reader();
      state(true);
      pause = FIRST_PAUSE;
      while (body) {
        const { done, value } = await body.read();
        if (done) break;
        for (const event of reader.read(value)) {
          if (event.id !== "") last = event.id;
          tell(event);
        }
      }
    } catch (error) {
      if (signal.aborted || (error instanceof Problem && error.status < 500)) return;
    }
    state(false);
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}
