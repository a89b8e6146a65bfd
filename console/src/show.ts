// Text that others wrote, made visible: nothing in it acts, nothing in it hides.

/** A stretch of text; `odd` ones stand for a character that would not be seen, or would act. */
export interface Piece {
  text: string;
  odd: boolean;
}

/** Longer text is cut; whoever shows it offers the rest. */
export const MAX_SHOWN = 4000;

// C0 and C1 controls but line feed and tab, DEL; soft hyphen, combining grapheme joiner, Arabic letter mark, fillers;
// zero-width characters, marks and embeddings of direction, separators of lines, variation selectors; tags; lone surrogates.
const ODD =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd]|[\u{e0000}-\u{e0fff}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

// The u flag pairs surrogates by itself; what remains alone is found without it.
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function named(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x1b) return "\\e";
  if (code === 0x0d) return "\\r";
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return `\\x${code.toString(16).padStart(2, "0")}`;
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Cut at `limit` UTF-16 units, never within a pair of surrogates. */
export function cut(text: string, limit = MAX_SHOWN): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? limit - 1 : limit);
}

/** The pieces of `text`, in order; joined, and with the odd ones named, they are all of it. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  ODD.lastIndex = 0;
  for (const match of text.matchAll(ODD)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), odd: false });
    found.push({ text: named(match[0]), odd: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push({ text: text.slice(at), odd: false });
  return found;
}

/** The same as one string, for titles and labels. */
export function plain(text: string): string {
  return pieces(text)
    .map((piece) => piece.text)
    .join("");
}

export function hasLone(text: string): boolean {
  return LONE.test(text);
}

/** One line of `text` for a list: white space run together, cut. */
export function line(text: string, limit = 200): string {
  const flat = cut(text, limit * 4).replace(/\s+/g, " ").trim();
  return flat.length > limit ? `${cut(flat, limit)}…` : flat;
}

export function count(value: number): string {
  return new Intl.NumberFormat("en").format(value);
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let size = value / 1000;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** How long `seconds` are, in the two units that say it best. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How long ago `then` was (Unix seconds), roughly. */
export function ago(then: number, now: number): string {
  const seconds = now - then;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}
