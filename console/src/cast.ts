// Recordings in asciicast version 2 (https://docs.asciinema.org/manual/asciicast/v2/).

export interface Moment {
  at: number;
  code: string;
  data: string;
}

export interface Cast {
  width: number;
  height: number;
  moments: Moment[];
  duration: number;
}

/** What `text` holds. Lines that are none (a file that is being written ends in half of one) are left out. */
export function parse(text: string): Cast {
  const lines = text.split("\n");
  const head = object(lines[0] ?? "");
  const moments: Moment[] = [];
  for (const line of lines.slice(1)) {
    const found = array(line);
    if (!found) continue;
    const [at, code, data] = found;
    if (typeof at === "number" && typeof code === "string" && typeof data === "string") moments.push({ at, code, data });
  }
  return {
    width: bounded(head.width, 80, 500),
    height: bounded(head.height, 24, 200),
    moments,
    duration: moments.at(-1)?.at ?? 0,
  };
}

function object(line: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(line);
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function array(line: string): unknown[] | null {
  if (!line.startsWith("[")) return null;
  try {
    const found: unknown = JSON.parse(line);
    return Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}

export function bounded(value: unknown, usual: number, most: number): number {
  return typeof value === "number" && value >= 1 ? Math.min(Math.floor(value), most) : usual;
}

/** No pause longer than this is played. */
export const LONGEST_PAUSE = 2;

/** When each moment is shown, with long pauses cut short. */
export function paced(moments: readonly Moment[], longest = LONGEST_PAUSE): number[] {
  let at = 0;
  let before = 0;
  return moments.map((moment) => {
    at += Math.min(longest, Math.max(0, moment.at - before));
    before = moment.at;
    return at;
  });
}
