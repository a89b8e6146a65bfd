// Colours for SQL and shell. They help to read and decide nothing: the gateway has read the text already.

export type Tone = "word" | "keyword" | "danger" | "string" | "number" | "comment" | "mark" | "space" | "variable";

export interface Token {
  tone: Tone;
  text: string;
}

const KEYWORDS = new Set(
  `select from where and or not in is null as on join left right full outer inner cross group by order having limit
  offset union all distinct insert into values update set delete create table index view alter add column primary key
  references foreign default begin commit rollback savepoint case when then else end exists between like ilike with
  recursive returning using grant revoke to copy explain analyze cast true false asc desc if cascade restrict function
  procedure trigger schema database role user do language execute prepare declare cursor fetch show merge`.split(/\s+/),
);
const DANGER = new Set(["drop", "truncate", "delete", "grant", "revoke", "alter", "update"]);
const SHELL_DANGER = new Set(["rm", "dd", "mkfs", "shutdown", "reboot", "kill", "chmod", "chown", "sudo", "curl", "wget"]);

type Rule = [Tone, RegExp];

const SQL: Rule[] = [
  ["space", /\s+/y],
  ["comment", /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y],
  ["string", /\$([A-Za-z_]\w*)?\$[\s\S]*?(?:\$\1\$|$)|[eEbBxX]?'(?:[^']|'')*(?:'|$)/y],
  ["variable", /"(?:[^"]|"")*(?:"|$)|\$\d+/y],
  ["number", /\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?/y],
  ["word", /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y],
  ["mark", /[^\s\w]/y],
];

const SHELL: Rule[] = [
  ["space", /\s+/y],
  ["comment", /#[^\n]*/y],
  ["string", /'[^']*(?:'|$)|"(?:\\[\s\S]|[^"\\])*(?:"|$)/y],
  ["variable", /\$\{[^}]*(?:\}|$)|\$\w+|\$[?$!#@*-]/y],
  ["mark", /&&|\|\||[|&;<>(){}]+/y],
  ["number", /\d+(?=\s|$)/y],
  ["word", /(?:\\[\s\S]|[^\s'"$|&;<>(){}\\])+/y],
  ["mark", /[\s\S]/y],
];

function run(text: string, rules: Rule[], tone: (word: string, first: boolean) => Tone): Token[] {
  const found: Token[] = [];
  let at = 0;
  let first = true;
  scan: while (at < text.length) {
    for (const [kind, rule] of rules) {
      rule.lastIndex = at;
      const match = rule.exec(text);
      if (!match || match[0] === "") continue;
      // A comment begins a word in shells: "a#b" has none.
      const glued = kind === "comment" && match[0].startsWith("#") && at > 0 && !/[\s;|&(]/.test(text[at - 1] ?? "");
      if (glued) continue;
      found.push({ tone: kind === "word" ? tone(match[0], first) : kind, text: match[0] });
      if (kind === "word") first = false;
      if (kind === "mark" && /[|&;({]/.test(match[0])) first = true;
      at += match[0].length;
      continue scan;
    }
    found.push({ tone: "mark", text: text[at] ?? "" });
    at += 1;
  }
  return found;
}

function sqlTone(word: string): Tone {
  const lower = word.toLowerCase();
  if (DANGER.has(lower)) return "danger";
  return KEYWORDS.has(lower) ? "keyword" : "word";
}

function shellTone(word: string, first: boolean): Tone {
  if (!first) return word.startsWith("-") ? "variable" : "word";
  return SHELL_DANGER.has(word) ? "danger" : "keyword";
}

/** The tokens of `text`; joined, they are `text`. Anything but SQL and shell is one token. */
export function highlight(text: string, protocol: string): Token[] {
  if (protocol === "postgres" || protocol === "mysql") return run(text, SQL, sqlTone);
  if (protocol === "ssh") return run(text, SHELL, shellTone);
  return text ? [{ tone: "word", text }] : [];
}
