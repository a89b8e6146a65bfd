import { type ReactNode, useEffect, useRef, useState } from "react";

import { post } from "../api";
import { typing } from "../app";
import { go, useData, useEvents, useList, useNow, useParameter, useTitle, words } from "../hooks";
import type { Approval, Page } from "../model";
import { Files, Rest } from "../parts/list";
import { Badge, Code, CodeLine, Effects, Empty, Line, Link, Text, Trouble, When, Who } from "../parts/text";
import { plain, span } from "../show";

const HOME = "/console/approvals";

export function Approvals({ chosen }: { chosen: string }): ReactNode {
  const [view] = useParameter("view");
  useTitle("Approvals");
  return (
    <>
      <div className="head">
        <h1>Approvals</h1>
        <div className="tabs">
          <Link to={HOME} className={view ? "" : "here"}>
            Waiting
          </Link>
          <Link to={`${HOME}?view=past`} className={view === "past" ? "here" : ""}>
            Past
          </Link>
        </div>
      </div>
      {view === "past" && !chosen ? <Past /> : <Inbox chosen={chosen} />}
    </>
  );
}

/** What waits, as it comes and goes. What was looked at stays in view when somebody decides it. */
function Inbox({ chosen }: { chosen: string }): ReactNode {
  const [holds, setHolds] = useState<ReadonlyMap<string, Approval>>(new Map());
  const now = useNow();
  const open = useEvents({ topics: ["approvals"] }, (event) => {
    if (event.kind !== "approval") return;
    const hold = event.data as Approval;
    setHolds((before) => new Map(before).set(hold.id, hold));
  });
  const asked = useData<Approval>(chosen && !holds.has(chosen) ? `/approvals/${encodeURIComponent(chosen)}` : null);
  const waiting = [...holds.values()]
    .filter((hold) => hold.status === "pending" && hold.expires > now)
    .sort((one, other) => Number(other.yours) - Number(one.yours) || one.expires - other.expires);
  const id = chosen || waiting[0]?.id || "";
  const shown = holds.get(id) ?? (asked.data?.id === id ? asked.data : null);
  useArrows(waiting, id);
  const decided = (hold: Approval): void => {
    setHolds((before) => new Map(before).set(hold.id, hold));
    // It stays in view, with what came of it.
    go(`${HOME}/${encodeURIComponent(hold.id)}`, true);
  };
  return (
    <div className={chosen ? "inbox chosen" : "inbox"}>
      <section aria-label="Waiting" className="letters">
        <p className="dim" role="status">
          {open ? "live" : "connecting…"}, {waiting.length} waiting
          <span className="hint">, j and k go up and down</span>
        </p>
        {open && waiting.length === 0 && <Empty>Nothing waits for anybody.</Empty>}
        <ul>
          {waiting.map((hold) => (
            <li key={hold.id}>
              <Link to={`${HOME}/${encodeURIComponent(hold.id)}`} className={hold.id === id ? "letter here" : "letter"}>
                <span className="row">
                  <b>
                    <Who id={hold.requester.principal} actor={hold.requester.actor} />
                  </b>
                  <Left hold={hold} now={now} />
                </span>
                <CodeLine text={hold.text} protocol={hold.protocol} limit={90} />
                <span className="row dim">
                  <span>
                    <Line text={hold.resource} limit={40} /> · <Line text={hold.rule} limit={60} />
                  </span>
                  {hold.yours && <span className="badge wait">yours</span>}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </section>
      <section aria-label="The request" className="opened">
        <Trouble text={chosen ? asked.problem : ""} />
        {shown && <Request key={shown.id} hold={shown} now={now} told={decided} />}
      </section>
    </div>
  );
}

function useArrows(waiting: Approval[], id: string): void {
  const state = useRef({ waiting, id });
  state.current = { waiting, id };
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (typing(event) || event.metaKey || event.ctrlKey || (event.key !== "j" && event.key !== "k")) return;
      const at = state.current.waiting.findIndex((hold) => hold.id === state.current.id);
      const next = state.current.waiting[at + (event.key === "j" ? 1 : -1)];
      if (next) go(`${HOME}/${encodeURIComponent(next.id)}`, true);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

function Left({ hold, now }: { hold: Approval; now: number }): ReactNode {
  const left = hold.expires - now;
  if (hold.status !== "pending") return <Badge word={hold.status} />;
  return <span className={left < 60 ? "left bad" : "left"}>{left > 0 ? span(left) : "over"}</span>;
}

function Request({ hold, now, told }: { hold: Approval; now: number; told: (hold: Approval) => void }): ReactNode {
  const who = hold.requester;
  return (
    <article>
      <div className="row">
        <h2>
          <Who id={who.principal} actor={who.actor} /> <span className="dim">on</span> <Line text={hold.resource} limit={60} />
        </h2>
        <Left hold={hold} now={now} />
      </div>
      <Code text={hold.text} protocol={hold.protocol} />
      {hold.parameters.length > 0 && (
        <ol className="parameters" aria-label="Parameters">
          {hold.parameters.map((value, at) => (
            <li key={at}>
              <span className="dim">${at + 1}</span> {value === null ? <i>null</i> : <Line text={value} limit={400} />}
            </li>
          ))}
        </ol>
      )}
      {hold.preview && (
        <>
          <h3>What it would do</h3>
          <pre className="code preview" tabIndex={0}>
            <Text text={hold.preview} />
          </pre>
        </>
      )}
      <dl className="facts">
        <dt>Effects</dt>
        <dd>
          {hold.touches.map((touch, at) => (
            <span key={at} className="touch">
              <Effects names={[touch.effect]} /> <Line text={touch.object} limit={120} />
              {!touch.resolved && <span className="dim"> (schema unknown)</span>}
              {touch.implied && <span className="dim"> (implied)</span>}
            </span>
          ))}
        </dd>
        <dt>Why it waits</dt>
        <dd>
          <Line text={hold.reason} limit={300} /> <span className="dim">rule</span> <Line text={hold.rule} limit={100} />
        </dd>
        <dt>Who may decide</dt>
        <dd>
          <Line text={hold.approvers.join(", ")} limit={200} /> <span className="dim">· {hold.given} of {hold.count} given</span>
        </dd>
        <dt>Asked by</dt>
        <dd>
          <Text text={who.principal} /> <span className="dim">{who.kind}</span>
          {who.groups.length > 0 && (
            <span className="dim">
              {" "}
              in <Line text={who.groups.join(", ")} limit={120} />
            </span>
          )}
          {who.actor && (
            <>
              , on behalf of <Text text={who.actor} />
            </>
          )}
        </dd>
        {Object.keys(hold.state).length > 0 && (
          <>
            <dt>Session state</dt>
            <dd>
              {Object.entries(hold.state).map(([name, value]) => (
                <span key={name} className="touch">
                  <Line text={`${name} = ${value}`} limit={120} />
                </span>
              ))}
            </dd>
          </>
        )}
        <dt>Once approved</dt>
        <dd>
          {hold.mode === "wait" ? "this very action runs" : "the same action passes"}, {hold.uses === 1 ? "once" : `${hold.uses} times`}
        </dd>
        <dt>Session</dt>
        <dd>
          <Link to={`/console/sessions/${encodeURIComponent(hold.session)}`}>what it did before</Link>{" "}
          <span className="dim">
            asked <When at={hold.created} />
          </span>
        </dd>
      </dl>
      <Said hold={hold} />
      {hold.status === "pending" && <Decide hold={hold} told={told} />}
      <Similar hold={hold} />
    </article>
  );
}

function Said({ hold }: { hold: Approval }): ReactNode {
  return (
    <ul className="plain said">
      {hold.decisions.map((each) => (
        <li key={each.principal}>
          <Badge word={each.approve ? "approved" : "denied"} /> <Who id={each.principal} /> <When at={each.at} />{" "}
          <Line text={each.reason} limit={300} />
        </li>
      ))}
    </ul>
  );
}

function Decide({ hold, told }: { hold: Approval; told: (hold: Approval) => void }): ReactNode {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const say = (verdict: "approve" | "deny"): void => {
    if (verdict === "deny" && reason.trim() === "") {
      setTrouble("say why, so that whoever asked can read it");
      field.current?.focus();
      return;
    }
    setBusy(true);
    setTrouble("");
    post<Approval>(`/approvals/${encodeURIComponent(hold.id)}/${verdict}`, { reason: reason.trim() })
      .then(told, (error: unknown) => setTrouble(words(error)))
      .finally(() => setBusy(false));
  };
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.metaKey || event.ctrlKey || typing(event)) return;
      if (event.key === "d") {
        event.preventDefault();
        field.current?.focus();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  if (!hold.yours) return <p className="dim">This is not yours to decide.</p>;
  return (
    <form
      className="decide"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      <label className="field wide">
        <span>Reason (needed to deny; whoever asked reads it)</span>
        <input
          ref={field}
          name="reason"
          value={reason}
          maxLength={1000}
          autoComplete="off"
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <div className="row">
        <button type="button" className="good" disabled={busy} onClick={() => say("approve")}>
          Approve
        </button>
        <button type="button" className="bad" disabled={busy} onClick={() => say("deny")}>
          Deny
        </button>
        <span className="hint dim">d for the reason, then Tab</span>
      </div>
      <Trouble text={trouble} />
    </form>
  );
}

function Similar({ hold }: { hold: Approval }): ReactNode {
  const { data } = useData<Page<Approval>>(`/approvals/${encodeURIComponent(hold.id)}/similar`);
  if (!data || data.items.length === 0) return null;
  return (
    <section className="similar">
      <h3>Decided before</h3>
      <ul className="plain">
        {data.items.map((each) => (
          <li key={each.id}>
            <Link to={`${HOME}/${encodeURIComponent(each.id)}`}>
              <CodeLine text={each.text} protocol={each.protocol} limit={80} />
            </Link>
            {each.text === hold.text && <span className="badge dim">the same</span>}
            <Said hold={each} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Past(): ReactNode {
  const params = { status: "all", limit: 50 };
  const list = useList<Approval>("/approvals", params);
  return (
    <>
      <div className="row">
        <span />
        <Files path="/approvals" params={params} name="approvals" />
      </div>
      <table className="wide">
        <thead>
          <tr>
            <th>When</th>
            <th>Who</th>
            <th>What</th>
            <th>Where</th>
            <th>Came to</th>
            <th>Said</th>
          </tr>
        </thead>
        <tbody>
          {list.items.map((hold) => (
            <tr key={hold.id}>
              <td>
                <When at={hold.created} />
              </td>
              <td>
                <Who id={hold.requester.principal} actor={hold.requester.actor} />
              </td>
              <td>
                <Link to={`${HOME}/${encodeURIComponent(hold.id)}`}>
                  <CodeLine text={hold.text} protocol={hold.protocol} limit={90} />
                </Link>
              </td>
              <td>
                <Line text={hold.resource} limit={40} />
              </td>
              <td>
                <Badge word={hold.status} />
              </td>
              <td>
                {hold.decisions.map((each) => plain(each.principal.split("#").pop() ?? "")).join(", ")}{" "}
                <Line text={hold.decisions.map((each) => each.reason).join("; ")} limit={80} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Rest list={list} nothing="Nobody has asked for anything yet." />
    </>
  );
}
