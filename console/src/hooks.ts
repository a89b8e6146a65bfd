// What pages share: data that is loaded, lists that go on, streams that are followed, the clock.

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";

import { follow, get, type Params, Problem, type Told } from "./api";
import type { Page } from "./model";

export interface Loaded<T> {
  data: T | null;
  problem: string;
  again: () => void;
}

export function words(error: unknown): string {
  if (error instanceof Problem) return error.fix ? `${error.message} (${error.fix})` : error.message;
  return error instanceof Error ? error.message : "it did not work";
}

/** What `path` answers; anew when anything in it changes, and every `seconds` where given. */
export function useData<T>(path: string | null, params: Params = {}, seconds = 0): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [problem, setProblem] = useState("");
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify([path, params]);
  useEffect(() => {
    if (path === null) return undefined;
    const over = new AbortController();
    get<T>(path, params, over.signal).then(
      (found) => {
        setData(found);
        setProblem("");
      },
      (error: unknown) => {
        if (!over.signal.aborted) setProblem(words(error));
      },
    );
    const timer = seconds > 0 ? setTimeout(() => setTurn((before) => before + 1), seconds * 1000) : 0;
    return () => {
      over.abort();
      clearTimeout(timer);
    };
    // The key holds path and parameters; objects made anew at each drawing are not new questions.
  }, [key, turn, seconds]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  return { data, problem, again };
}

export interface Listed<T> {
  items: T[];
  problem: string;
  loading: boolean;
  more: (() => void) | null;
  again: () => void;
}

/** A list, page after page. */
export function useList<T>(path: string, params: Params): Listed<T> {
  const [items, setItems] = useState<T[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const [loading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify([path, params]);
  const current = useRef(key);
  current.current = key;
  useEffect(() => {
    const over = new AbortController();
    setLoading(true);
    get<Page<T>>(path, params, over.signal).then(
      (page) => {
        setItems(page.items);
        setNext(page.next);
        setProblem("");
        setLoading(false);
      },
      (error: unknown) => {
        if (over.signal.aborted) return;
        setItems([]);
        setNext(null);
        setProblem(words(error));
        setLoading(false);
      },
    );
    return () => over.abort();
  }, [key, turn]);
  const more = (): void => {
    if (next === null) return;
    const asked = key;
    setLoading(true);
    get<Page<T>>(path, { ...params, cursor: next }).then(
      (page) => {
        if (current.current !== asked) return;
        setItems((before) => [...before, ...page.items]);
        setNext(page.next);
        setLoading(false);
      },
      (error: unknown) => {
        setProblem(words(error));
        setLoading(false);
      },
    );
  };
  return { items, problem, loading, more: next === null ? null : more, again: () => setTurn((before) => before + 1) };
}

/** Follow a stream of events while the page is there; whether it is open. */
export function useEvents(params: Params | null, tell: (event: Told) => void): boolean {
  const [open, setOpen] = useState(false);
  const told = useRef(tell);
  told.current = tell;
  const key = JSON.stringify(params);
  const seen = useVisible();
  useEffect(() => {
    if (params === null || !seen) return undefined;
    const over = new AbortController();
    void follow(params, (event) => told.current(event), setOpen, over.signal);
    return () => over.abort();
  }, [key, seen]);
  return open;
}

/** Whether anybody can see this tab. A browser has six connections to a gateway for all its tabs together. */
function useVisible(): boolean {
  return useSyncExternalStore(
    (tell) => {
      document.addEventListener("visibilitychange", tell);
      return () => document.removeEventListener("visibilitychange", tell);
    },
    () => document.visibilityState === "visible",
  );
}

/** Unix time in seconds, anew every second. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

const subscribers = new Set<() => void>();

/** Go to another page of the console. */
export function go(path: string, replace = false): void {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  for (const tell of subscribers) tell();
}

/** Where we are: path and query. */
export function usePlace(): URL {
  const place = useSyncExternalStore(
    (tell) => {
      subscribers.add(tell);
      addEventListener("popstate", tell);
      return () => {
        subscribers.delete(tell);
        removeEventListener("popstate", tell);
      };
    },
    () => location.href,
  );
  return new URL(place);
}

/** One parameter of the address, kept there so that a list that was filtered can be sent to somebody. */
export function useParameter(name: string): [string, (value: string) => void] {
  const place = usePlace();
  const set = (value: string): void => {
    const url = new URL(location.href);
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
    go(url.pathname + url.search, true);
  };
  return [place.searchParams.get(name) ?? "", set];
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} - Vedette`;
  }, [title]);
}

/** Whose subjects are meant where a principal is named without its issuer. */
export const here = { issuer: "vedette" };
