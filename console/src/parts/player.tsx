import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";

import { get } from "../api";
import { type Cast, bounded, paced, parse } from "../cast";
import { words } from "../hooks";
import { Screen } from "../screen";
import { line, span } from "../show";
import { Text, Trouble } from "./text";

/** Plays what a terminal showed: speed, seek, jump to a command. */
export function Player({ path }: { path: string }): ReactNode {
  const [cast, setCast] = useState<Cast | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    let over = false;
    recorded(path).then(
      (found) => {
        if (!over) setCast(parse(found));
      },
      (error: unknown) => setTrouble(words(error)),
    );
    return () => {
      over = true;
    };
  }, [path]);
  return (
    <>
      <Trouble text={trouble} />
      {cast && <Playing cast={cast} />}
    </>
  );
}

/** Most that is played here; whoever wants more of it exports it. */
const MAX_PARTS = 32;

async function recorded(path: string): Promise<string> {
  let found = "";
  let offset: number | null = 0;
  for (let part = 0; offset !== null && part < MAX_PARTS; part += 1) {
    const got: { data: string; next: number | null } = await get(path, { offset });
    found += got.data;
    offset = got.next;
  }
  return found;
}

function Playing({ cast }: { cast: Cast }): ReactNode {
  const times = useMemo(() => paced(cast.moments), [cast]);
  const total = times.at(-1) ?? 0;
  const [at, setAt] = useState(total);
  const [speed, setSpeed] = useState(1);
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing) return undefined;
    let before = performance.now();
    let frame = requestAnimationFrame(function turn(now) {
      const passed = ((now - before) / 1000) * speed;
      before = now;
      setAt((then) => Math.min(total, then + passed));
      frame = requestAnimationFrame(turn);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, speed, total]);
  useEffect(() => {
    if (at >= total) setPlaying(false);
  }, [at, total]);
  const screen = useScreen(cast, times, at);
  const marks = cast.moments.flatMap((moment, index) => (moment.code === "m" ? [{ at: times[index] ?? 0, label: moment.data }] : []));
  return (
    <div className="player">
      <pre className="screen" role="img" aria-label="The terminal">
        {screen.runs().map((runs, y) => (
          <div key={y}>
            {runs.map((run, x) => (
              <span key={x} className={run.style}>
                {run.text}
              </span>
            ))}
          </div>
        ))}
      </pre>
      <div className="row controls">
        <button
          type="button"
          onClick={() => {
            if (at >= total) setAt(0);
            setPlaying(!playing);
          }}
        >
          {playing ? "Pause" : "Play"}
        </button>
        <input
          type="range"
          aria-label="Where in the recording"
          min={0}
          max={total}
          step="any"
          value={at}
          onChange={(event) => setAt(Number(event.target.value))}
        />
        <span className="dim">
          {span(at)} of {span(total)}
        </span>
        <label className="field">
          <span className="hidden">Speed</span>
          <select value={speed} onChange={(event) => setSpeed(Number(event.target.value))}>
            {[0.5, 1, 2, 4, 16].map((each) => (
              <option key={each} value={each}>
                {each}×
              </option>
            ))}
          </select>
        </label>
      </div>
      {marks.length > 0 && (
        <ol className="marks">
          {marks.map((mark, index) => (
            <li key={index}>
              <button type="button" className="link" onClick={() => setAt(mark.at)}>
                {span(mark.at)} <Text text={line(mark.label, 100)} />
              </button>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

/** The screen at a time: played on from where it was, or from the beginning where that is earlier. */
function useScreen(cast: Cast, times: number[], at: number): Screen {
  const kept = useRef<{ screen: Screen; next: number; cast: Cast } | null>(null);
  let state = kept.current;
  if (state === null || state.cast !== cast || (state.next > 0 && (times[state.next - 1] ?? 0) > at)) {
    state = { screen: new Screen(cast.width, cast.height), next: 0, cast };
  }
  while (state.next < cast.moments.length && (times[state.next] ?? 0) <= at) {
    const moment = cast.moments[state.next];
    if (moment?.code === "o" || moment?.code === "e") {
      // A command without a terminal ends its lines with a line feed alone.
      state.screen.write(moment.data.replace(/(?<!\r)\n/g, "\r\n"));
    } else if (moment?.code === "r") {
      const [width, height] = moment.data.split("x").map(Number);
      state.screen.resize(bounded(width, 80, 500), bounded(height, 24, 200));
    }
    state.next += 1;
  }
  kept.current = state;
  return state.screen;
}
