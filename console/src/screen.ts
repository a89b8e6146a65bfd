// A terminal's screen, as far as replaying needs one (ECMA-48 and xterm's usual extensions): text, moves, erasing,
// scrolling, colours, the alternate screen. What it does not know it leaves out. Nothing is ever answered or run.

export interface Cell {
  text: string;
  style: string;
}

const BLANK: Cell = { text: " ", style: "" };
const MAX_SEQUENCE = 4096;

interface Pen {
  fore: string;
  back: string;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
}

const PLAIN: Pen = { fore: "", back: "", bold: false, dim: false, italic: false, underline: false, inverse: false };

export class Screen {
  rows: Cell[][];
  x = 0;
  y = 0;
  private pen: Pen = { ...PLAIN };
  private saved = { x: 0, y: 0 };
  private top = 0;
  private bottom: number;
  private other: Cell[][] | null = null;
  private rest = "";
  private wrap = false;

  constructor(
    public width: number,
    public height: number,
  ) {
    this.rows = this.empty();
    this.bottom = height - 1;
  }

  private empty(): Cell[][] {
    return Array.from({ length: this.height }, () => this.line());
  }

  private line(): Cell[] {
    return Array.from({ length: this.width }, () => BLANK);
  }

  resize(width: number, height: number): void {
    const before = this.rows;
    this.width = width;
    this.height = height;
    this.rows = Array.from({ length: height }, (_, y) => {
      const row = before[y] ?? [];
      return Array.from({ length: width }, (_, x) => row[x] ?? BLANK);
    });
    this.other = null;
    this.top = 0;
    this.bottom = height - 1;
    this.move(this.x, this.y);
  }

  write(data: string): void {
    let text = this.rest + data;
    this.rest = "";
    while (text !== "") {
      const taken = this.take(text);
      if (taken === 0) {
        // Half of a sequence: the rest is still to come, unless it is no sequence at all.
        if (text.length < MAX_SEQUENCE) this.rest = text;
        return;
      }
      text = text.slice(taken);
    }
  }

  /** Perform what `text` begins with; how many units that was, 0 where it is not all there. */
  private take(text: string): number {
    const first = text.charCodeAt(0);
    if (first === 0x1b) return this.escape(text);
    if (first < 0x20 || first === 0x7f) {
      this.control(first);
      return 1;
    }
    const run = /^[^\u0000-\u001f\u007f]+/.exec(text)?.[0] ?? text[0] ?? "";
    for (const character of run) this.put(character);
    return run.length;
  }

  private control(code: number): void {
    if (code === 0x0d) this.move(0, this.y);
    else if (code === 0x08) this.move(this.x - 1, this.y);
    else if (code === 0x09) this.move(Math.min(this.width - 1, (Math.floor(this.x / 8) + 1) * 8), this.y);
    else if (code >= 0x0a && code <= 0x0c) this.down();
  }

  private put(character: string): void {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0x80 && code < 0xa0) return;
    if (/\p{M}|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u.test(character)) return;
    const wide = isWide(code);
    if (this.wrap || (wide && this.x === this.width - 1)) {
      this.move(0, this.y);
      this.down();
    }
    const row = this.rows[this.y];
    if (!row) return;
    row[this.x] = { text: character, style: this.style() };
    if (wide && this.x + 1 < this.width) row[this.x + 1] = { text: "", style: this.style() };
    const next = this.x + (wide ? 2 : 1);
    this.wrap = next >= this.width;
    this.x = Math.min(next, this.width - 1);
  }

  private down(): void {
    this.wrap = false;
    if (this.y === this.bottom) this.scroll(1);
    else if (this.y < this.height - 1) this.y += 1;
  }

  private scroll(lines: number): void {
    const many = Math.min(Math.abs(lines), this.bottom - this.top + 1);
    for (let turn = 0; turn < many; turn += 1) {
      this.rows.splice(lines > 0 ? this.top : this.bottom, 1);
      this.rows.splice(lines > 0 ? this.bottom : this.top, 0, this.line());
    }
  }

  private move(x: number, y: number): void {
    this.wrap = false;
    this.x = Math.max(0, Math.min(this.width - 1, x));
    this.y = Math.max(0, Math.min(this.height - 1, y));
  }

  private escape(text: string): number {
    if (text.length < 2) return 0;
    const kind = text[1] ?? "";
    if (kind === "[") {
      const found = /^\u001b\[([0-9;:<=>?]*)([ -/]*)([@-~])/.exec(text);
      if (found) {
        if (!found[2]) this.sequence(found[1] ?? "", found[3] ?? "");
        return found[0].length;
      }
      return /^\u001b\[[0-9;:<=>? -/]*$/.test(text) && text.length < MAX_SEQUENCE ? 0 : 2;
    }
    if (kind === "]" || kind === "P" || kind === "_" || kind === "^" || kind === "X") {
      // Titles, links, graphics: nothing of these is shown.
      const end = /\u0007|\u001b\\|\u009c/.exec(text);
      if (end) return end.index + end[0].length;
      return text.length < MAX_SEQUENCE ? 0 : text.length;
    }
    if (/[ -/]/.test(kind)) return text.length < 3 ? 0 : 3;
    if (kind === "7") this.saved = { x: this.x, y: this.y };
    else if (kind === "8") this.move(this.saved.x, this.saved.y);
    else if (kind === "D" || kind === "E") {
      if (kind === "E") this.x = 0;
      this.down();
    } else if (kind === "M") {
      if (this.y === this.top) this.scroll(-1);
      else this.move(this.x, this.y - 1);
    } else if (kind === "c") {
      this.rows = this.empty();
      this.pen = { ...PLAIN };
      this.move(0, 0);
    }
    return 2;
  }

  private sequence(parameters: string, final: string): void {
    if (/^[<=>?]/.test(parameters)) {
      if (parameters.startsWith("?") && (final === "h" || final === "l")) this.mode(parameters.slice(1), final === "h");
      return;
    }
    const numbers = parameters.split(/[;:]/).map((each) => Math.min(Number(each) || 0, 9999));
    const one = Math.max(1, numbers[0] ?? 1);
    const row = this.rows[this.y];
    switch (final) {
      case "A":
        return this.move(this.x, this.y - one);
      case "B":
      case "e":
        return this.move(this.x, this.y + one);
      case "C":
      case "a":
        return this.move(this.x + one, this.y);
      case "D":
        return this.move(this.x - one, this.y);
      case "E":
        return this.move(0, this.y + one);
      case "F":
        return this.move(0, this.y - one);
      case "G":
      case "`":
        return this.move(one - 1, this.y);
      case "d":
        return this.move(this.x, one - 1);
      case "H":
      case "f":
        return this.move(Math.max(1, numbers[1] ?? 1) - 1, one - 1);
      case "J":
        return this.erase(numbers[0] ?? 0);
      case "K": {
        const how = numbers[0] ?? 0;
        if (row) row.fill(BLANK, how === 0 ? this.x : 0, how === 1 ? this.x + 1 : this.width);
        return undefined;
      }
      case "X":
        row?.fill(BLANK, this.x, Math.min(this.width, this.x + one));
        return undefined;
      case "P":
        row?.splice(this.x, one);
        while (row && row.length < this.width) row.push(BLANK);
        return undefined;
      case "@":
        row?.splice(this.x, 0, ...Array.from({ length: Math.min(one, this.width) }, () => BLANK));
        if (row) row.length = this.width;
        return undefined;
      case "L":
      case "M": {
        if (this.y < this.top || this.y > this.bottom) return undefined;
        const top = this.top;
        this.top = this.y;
        this.scroll(final === "M" ? one : -one);
        this.top = top;
        return undefined;
      }
      case "S":
        return this.scroll(one);
      case "T":
        return this.scroll(-one);
      case "r":
        this.top = Math.min(one, this.height) - 1;
        this.bottom = Math.min(numbers[1] || this.height, this.height) - 1;
        if (this.top >= this.bottom) [this.top, this.bottom] = [0, this.height - 1];
        return this.move(0, 0);
      case "s":
        this.saved = { x: this.x, y: this.y };
        return undefined;
      case "u":
        return this.move(this.saved.x, this.saved.y);
      case "m":
        return this.colour(numbers);
      default:
        return undefined;
    }
  }

  private erase(how: number): void {
    const row = this.rows[this.y];
    if (how === 0) row?.fill(BLANK, this.x);
    if (how === 1) row?.fill(BLANK, 0, this.x + 1);
    for (let y = 0; y < this.height; y += 1) {
      if (how >= 2 || (how === 0 && y > this.y) || (how === 1 && y < this.y)) this.rows[y] = this.line();
    }
  }

  private mode(parameters: string, on: boolean): void {
    if (!parameters.split(";").some((each) => ["47", "1047", "1049"].includes(each))) return;
    if (on && this.other === null) {
      this.other = this.rows;
      this.rows = this.empty();
    } else if (!on && this.other !== null) {
      this.rows = this.other;
      this.other = null;
    }
  }

  private colour(numbers: number[]): void {
    for (let at = 0; at < numbers.length; at += 1) {
      const code = numbers[at] ?? 0;
      if (code === 0) this.pen = { ...PLAIN };
      else if (code === 1) this.pen.bold = true;
      else if (code === 2) this.pen.dim = true;
      else if (code === 3) this.pen.italic = true;
      else if (code === 4) this.pen.underline = true;
      else if (code === 7) this.pen.inverse = true;
      else if (code === 22) this.pen.bold = this.pen.dim = false;
      else if (code === 23) this.pen.italic = false;
      else if (code === 24) this.pen.underline = false;
      else if (code === 27) this.pen.inverse = false;
      else if (code >= 30 && code <= 37) this.pen.fore = String(code - 30);
      else if (code >= 90 && code <= 97) this.pen.fore = String(code - 82);
      else if (code >= 40 && code <= 47) this.pen.back = String(code - 40);
      else if (code >= 100 && code <= 107) this.pen.back = String(code - 92);
      else if (code === 39) this.pen.fore = "";
      else if (code === 49) this.pen.back = "";
      else if (code === 38 || code === 48) {
        // Of 256 colours and of true ones, the nearest of the sixteen.
        const many = numbers[at + 1] === 2 ? 4 : 2;
        const found = numbers[at + 1] === 5 ? sixteen(numbers[at + 2] ?? 0) : "7";
        if (code === 38) this.pen.fore = found;
        else this.pen.back = numbers[at + 1] === 5 ? found : "";
        at += many;
      }
    }
  }

  private style(): string {
    const { fore, back, bold, dim, italic, underline, inverse } = this.pen;
    const names = [fore && `f${fore}`, back && `b${back}`, bold && "bold", dim && "faint", italic && "italic"];
    return [...names, underline && "underline", inverse && "inverse"].filter(Boolean).join(" ");
  }

  /** The screen in runs of one style each, line by line. */
  runs(): { text: string; style: string }[][] {
    return this.rows.map((row) => {
      const found: { text: string; style: string }[] = [];
      for (const cell of row) {
        const last = found.at(-1);
        if (last && last.style === cell.style) last.text += cell.text;
        else found.push({ ...cell });
      }
      return found;
    });
  }
}

function sixteen(colour: number): string {
  if (colour < 16) return String(colour);
  if (colour >= 232) return colour < 244 ? "8" : "7";
  const index = colour - 16;
  const [red, green, blue] = [Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6];
  const bits = (red > 2 ? 1 : 0) + (green > 2 ? 2 : 0) + (blue > 2 ? 4 : 0);
  return String(bits + (Math.max(red, green, blue) > 3 ? 8 : 0));
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1f64f) ||
    (code >= 0x1f900 && code <= 0x1f9ff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}
