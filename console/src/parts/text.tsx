// Small parts that show text, times and verdicts.

import { type ReactNode, useState } from "react";

import { highlight } from "../highlight";
import { go } from "../hooks";
import { MAX_SHOWN, ago, cut, line, pieces, plain } from "../show";

/** Others' words: what acts or hides is written out, and marked. */
export function Text({ text }: { text: string }): ReactNode {
  return (
    <bdi>
      {pieces(text).map((piece, at) =>
        piece.odd ? (
          <span key={at} className="odd" title="a character that would not be seen, or would act">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
    </bdi>
  );
}

/** One line of it. */
export function Line({ text, limit = 200 }: { text: string; limit?: number }): ReactNode {
  return <Text text={line(text, limit)} />;
}

/** A statement or command as it was, coloured; cut where it is very long. */
export function Code({ text, protocol, limit = MAX_SHOWN }: { text: string; protocol: string; limit?: number }): ReactNode {
  const [whole, setWhole] = useState(false);
  const shown = whole ? cut(text, 200_000) : cut(text, limit);
  return (
    <>
      <pre className="code" tabIndex={0}>
        <code>
          {highlight(shown, protocol).map((token, at) => (
            <span key={at} className={`t-${token.tone}`}>
              <Text text={token.text} />
            </span>
          ))}
          {shown.length < text.length && <span className="cut">…</span>}
        </code>
      </pre>
      {shown.length < text.length && !whole && (
        <button type="button" className="link" onClick={() => setWhole(true)}>
          show all {text.length.toLocaleString("en")} characters
        </button>
      )}
    </>
  );
}

/** The same on one line, for lists. */
export function CodeLine({ text, protocol, limit = 160 }: { text: string; protocol: string; limit?: number }): ReactNode {
  return (
    <code className="codeline">
      {highlight(line(text, limit), protocol).map((token, at) => (
        <span key={at} className={`t-${token.tone}`}>
          <Text text={token.text} />
        </span>
      ))}
    </code>
  );
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

/** A time of Unix seconds; of another day with its date. */
export function When({ at, now }: { at: number; now?: number }): ReactNode {
  const date = new Date(at * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return (
    <time dateTime={date.toISOString()} title={FULL.format(date)}>
      {now !== undefined ? ago(at, now) : today ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`}
    </time>
  );
}

/** A principal: the subject first, its issuer small. */
export function Who({ id, actor }: { id: string; actor?: string }): ReactNode {
  const mark = id.lastIndexOf("#");
  return (
    <span className="who" title={plain(id)}>
      <Text text={line(mark < 0 ? id : id.slice(mark + 1), 80)} />
      {actor ? (
        <span className="dim">
          {" "}
          for <Text text={line(actor, 60)} />
        </span>
      ) : null}
    </span>
  );
}

const SAID: Record<string, [string, string]> = {
  allow: ["allowed", "good"],
  deny: ["denied", "bad"],
  pending: ["waiting", "wait"],
  approved: ["approved", "good"],
  denied: ["denied", "bad"],
  expired: ["expired", "dim"],
  withdrawn: ["withdrawn", "dim"],
  used: ["used", "good"],
  hold: ["hold", "wait"],
};

/** A verdict or a status, by word and by colour. */
export function Badge({ word }: { word: string }): ReactNode {
  const [said, tone] = SAID[word] ?? [word, "dim"];
  return <span className={`badge ${tone}`}>{said}</span>;
}

export function Effects({ names }: { names: readonly string[] }): ReactNode {
  return (
    <>
      {names.map((name) => (
        <span key={name} className={`effect e-${/^[a-z]+$/.test(name) ? name : "unknown"}`}>
          {name}
        </span>
      ))}
    </>
  );
}

/** A link within the console. */
export function Link({ to, children, className }: { to: string; children: ReactNode; className?: string }): ReactNode {
  return (
    <a
      href={to}
      className={className}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
        scrollTo(0, 0);
      }}
    >
      {children}
    </a>
  );
}

export function Trouble({ text }: { text: string }): ReactNode {
  return text ? (
    <p className="trouble" role="alert">
      {plain(text)}
    </p>
  ) : null;
}

export function Empty({ children }: { children: ReactNode }): ReactNode {
  return <p className="empty">{children}</p>;
}
