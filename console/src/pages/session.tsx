import { type ReactNode, useEffect, useRef, useState } from "react";

import { get, post } from "../api";
import { useData, useEvents, useNow, usePlace, useTitle, words } from "../hooks";
import type { JournalRecord, Proof, Recording, Records, Self, Session as Row } from "../model";
import { Files } from "../parts/list";
import { StepView } from "../parts/step";
import { Line, Link, Text, Trouble, When, Who } from "../parts/text";
import { Player } from "../parts/player";
import { bytes, count, span } from "../show";
import { steps } from "../timeline";

const PAGE = 1000;
/** What is drawn at once; a session may have a hundred thousand actions. */
const DRAWN = 300;

export function Session({ id, self }: { id: string; self: Self }): ReactNode {
  useTitle("Session");
  const path = `/sessions/${encodeURIComponent(id)}`;
  const session = useData<Row>(path, {}, 5);
  const { records, problem, live } = useRecords(path, id, session.data);
  const tapes = useData<{ items: Recording[] }>(`${path}/recordings`, {}, session.data?.live ? 10 : 0);
  const at = usePlace().searchParams.get("at") ?? "";
  const row = session.data;
  const found = steps(records);
  return (
    <>
      <div className="head">
        <h1>
          <Link to="/console/sessions" className="dim">
            Sessions
          </Link>{" "}
          / {row ? <Who id={row.principal || "nobody known"} actor={row.actor} /> : "…"}
        </h1>
        {row?.live && <Kill path={path} again={session.again} />}
      </div>
      <Trouble text={session.problem} />
      {row && <Facts row={row} />}
      <div className="row">
        <ProofOf path={path} self={self} />
        <Files path={`${path}/records`} params={{}} name={`session-${id.slice(0, 12)}`} />
      </div>
      {tapes.data && tapes.data.items.length > 0 && <Tapes path={path} items={tapes.data.items} />}
      <h2>
        Timeline {live && <span className="badge live">watching live</span>}
      </h2>
      <Trouble text={problem} />
      <Timeline found={found} at={at} follow={row?.live === true} />
    </>
  );
}

/** All records, page by page, then those that come while the session lasts. */
function useRecords(path: string, id: string, row: Row | null): { records: JournalRecord[]; problem: string; live: boolean } {
  const [records, setRecords] = useState<JournalRecord[]>([]);
  const [last, setLast] = useState<number | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const over = new AbortController();
    const load = async (): Promise<void> => {
      let after: number | null = 0;
      let newest = 0;
      while (after !== null && !over.signal.aborted) {
        const page: Records = await get<Records>(`${path}/records`, { after, limit: PAGE }, over.signal);
        newest = page.items.at(-1)?.seq ?? newest;
        after = page.next;
        setRecords((before) => joined(before, page.items));
      }
      setLast(newest);
    };
    load().catch((error: unknown) => {
      if (!over.signal.aborted) setProblem(words(error));
    });
    return () => over.abort();
  }, [path]);
  const lasts = row !== null && row.closed === null;
  const following = lasts && last !== null;
  const open = useEvents(
    following ? { topics: ["sessions", "actions"], session: id, after: last } : null,
    (event) => {
      if (event.kind !== "session" && event.kind !== "action") return;
      setRecords((before) => joined(before, [event.data as JournalRecord]));
    },
  );
  return { records, problem, live: following && open };
}

function joined(before: JournalRecord[], more: JournalRecord[]): JournalRecord[] {
  const newest = before.at(-1)?.seq ?? 0;
  return [...before, ...more.filter((record) => record.seq > newest)];
}

function Facts({ row }: { row: Row }): ReactNode {
  const now = useNow();
  return (
    <dl className="facts across">
      <dt>Resource</dt>
      <dd>
        <Line text={row.resource} limit={60} /> <span className="dim">{row.protocol}</span>
      </dd>
      <dt>Opened</dt>
      <dd>
        <When at={row.opened} />
      </dd>
      <dt>{row.live ? "Live for" : "Lasted"}</dt>
      <dd>
        {span((row.closed ?? now) - row.opened)} <span className="dim"><Line text={row.reason} limit={120} /></span>
      </dd>
      <dt>Actions</dt>
      <dd>
        {count(row.actions)}, <span className={row.denied ? "bad" : ""}>{count(row.denied)} denied</span>, {count(row.held)} held
      </dd>
      <dt>Came back</dt>
      <dd>
        {count(row.rows)} rows, {bytes(row.bytes)}, {count(row.masked)} values masked
      </dd>
      <dt>From</dt>
      <dd>
        <Line text={row.address || "unknown"} limit={60} /> <span className="dim"><Line text={row.application} limit={60} /></span>
      </dd>
      {row.run && (
        <>
          <dt>Run</dt>
          <dd>
            <Link to={`/console/sessions?q=${encodeURIComponent(row.run)}`}>
              <Line text={row.run} limit={80} />
            </Link>
          </dd>
        </>
      )}
    </dl>
  );
}

function Kill({ path, again }: { path: string; again: () => void }): ReactNode {
  const [sure, setSure] = useState(false);
  const [reason, setReason] = useState("");
  const [trouble, setTrouble] = useState("");
  if (!sure) {
    return (
      <button type="button" className="bad" onClick={() => setSure(true)}>
        Kill
      </button>
    );
  }
  const kill = (): void => {
    post(`${path}/kill`, { reason }).then(again, (error: unknown) => setTrouble(words(error)));
  };
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        kill();
      }}
    >
      <label className="field">
        <span>Why, for the record</span>
        <input name="why" value={reason} maxLength={300} autoComplete="off" autoFocus onChange={(event) => setReason(event.target.value)} />
      </label>
      <button type="submit" className="bad">
        End it now
      </button>
      <button type="button" onClick={() => setSure(false)}>
        Let it be
      </button>
      <Trouble text={trouble} />
    </form>
  );
}

function ProofOf({ path, self }: { path: string; self: Self }): ReactNode {
  const [proof, setProof] = useState<Proof | null>(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  if (self.role !== "admin" && self.role !== "auditor") return <span />;
  const prove = (): void => {
    setBusy(true);
    get<Proof>(`${path}/proof`)
      .then(setProof, (error: unknown) => setTrouble(words(error)))
      .finally(() => setBusy(false));
  };
  return (
    <div className="proof">
      {proof ? (
        <>
          <span className={`badge ${proof.good ? "good" : "bad"}`}>{proof.good ? "chain verified" : "NOT as it was written"}</span>{" "}
          <span className="dim">
            {count(proof.records)} records of this session among {count(proof.all_records)}, {count(proof.checkpoints)} signed
            checkpoints, {count(proof.tail)} at the end not signed yet; head {proof.head} <code>{proof.link.slice(0, 16)}</code>
          </span>
          {proof.problems.map((each) => (
            <p key={each} className="bad">
              <Text text={each} />
            </p>
          ))}
        </>
      ) : (
        <button type="button" disabled={busy} onClick={prove}>
          {busy ? "verifying…" : "Verify the chain"}
        </button>
      )}
      <Trouble text={trouble} />
    </div>
  );
}

function Tapes({ path, items }: { path: string; items: Recording[] }): ReactNode {
  const [chosen, setChosen] = useState(items.length === 1 ? (items[0]?.name ?? "") : "");
  const tape = items.find((each) => each.name === chosen);
  return (
    <section>
      <h2>Recordings</h2>
      <div className="tabs">
        {items.map((each) => (
          <button key={each.name} type="button" className={each.name === chosen ? "here" : ""} onClick={() => setChosen(each.name)}>
            <When at={each.at} /> {each.form} {each.width > 0 && `${each.width}×${each.height}`}
          </button>
        ))}
      </div>
      {tape && <Player key={tape.name} path={`${path}/recordings/${encodeURIComponent(tape.name)}`} />}
    </section>
  );
}

function Timeline({ found, at, follow }: { found: ReturnType<typeof steps>; at: string; follow: boolean }): ReactNode {
  const [many, setMany] = useState(DRAWN);
  const target = useRef<HTMLLIElement>(null);
  const there = found.some((step) => step.id === at);
  useEffect(() => {
    target.current?.scrollIntoView({ block: "center" });
  }, [there]);
  const wanted = at ? found.findIndex((step) => step.id === at) : -1;
  const from = follow ? Math.max(0, found.length - many) : Math.max(0, Math.min(wanted - 50, found.length - many));
  const shown = found.slice(from, from + many);
  return (
    <>
      {from > 0 && (
        <button type="button" className="more" onClick={() => setMany(many + DRAWN)}>
          {count(from)} before these
        </button>
      )}
      <ol className="timeline">
        {shown.map((step) => (
          <li key={`${step.kind}${step.seq}`} ref={step.id === at ? target : null} className={step.id === at ? "step sought" : "step"}>
            <StepView step={step} />
          </li>
        ))}
      </ol>
      {from + many < found.length && (
        <button type="button" className="more" onClick={() => setMany(many + DRAWN)}>
          {count(found.length - from - many)} more
        </button>
      )}
    </>
  );
}
