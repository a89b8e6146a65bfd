import type { ReactNode } from "react";

import type { Params } from "../api";
import { here, useEvents, useList, useNow, useParameter, useTitle } from "../hooks";
import type { Action, Self, Session } from "../model";
import { Choice, EFFECTS, Files, Rest, TIMES, Typed, since } from "../parts/list";
import { Badge, CodeLine, Effects, Line, Link, When, Who } from "../parts/text";
import { count, span } from "../show";

const HOME = "/console/sessions";
const FLAGS = { "": "any", denied: "denied", held: "held", masked: "masked", observed: "only observed" };

export function Sessions({ self }: { self: Self }): ReactNode {
  useTitle("Sessions");
  const [view] = useParameter("view");
  const reads = self.role === "admin" || self.role === "auditor";
  const actions = view === "actions" && reads;
  return (
    <>
      <div className="head">
        <h1>Sessions</h1>
        {reads && (
          <div className="tabs">
            <Link to={HOME} className={actions ? "" : "here"}>
              Sessions
            </Link>
            <Link to={`${HOME}?view=actions`} className={actions ? "here" : ""}>
              Actions
            </Link>
          </div>
        )}
      </div>
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <Typed name="q" label='Words, "held together", begin*' wide />
        <Typed name="principal" label="Principal" />
        <Typed name="resource" label="Resource" />
        <Typed name="object" label="Object" />
        <Choice name="effect" label="Effect" options={EFFECTS} />
        {actions ? (
          <>
            <Choice name="verdict" label="Verdict" options={{ "": "any", allow: "allowed", deny: "denied" }} />
            <Choice name="flag" label="Only" options={{ "": "all", held: "held", masked: "masked", observed: "only observed" }} />
          </>
        ) : (
          <>
            <Choice name="live" label="State" options={{ "": "any", true: "live", false: "over" }} />
            <Choice name="flag" label="Something was" options={{ ...FLAGS, observed: "" }} />
          </>
        )}
        <Choice name="time" label="Time" options={TIMES} />
      </form>
      {actions ? <ActionList /> : <SessionList />}
    </>
  );
}

function useFilters(): Params {
  const [q] = useParameter("q");
  const [principal] = useParameter("principal");
  const [resource] = useParameter("resource");
  const [object] = useParameter("object");
  const [effect] = useParameter("effect");
  const [time] = useParameter("time");
  const [flag] = useParameter("flag");
  const [from] = useParameter("from");
  const [to] = useParameter("to");
  const [sinceText] = useParameter("since");
  return {
    q,
    principal: principal && !principal.includes("#") ? `${here.issuer}#${principal}` : principal,
    resource,
    object,
    effect,
    since: since(time) ?? (from || sinceText || null),
    until: to || null,
    ...(flag ? { [flag]: true } : {}),
  };
}

function SessionList(): ReactNode {
  const filters = useFilters();
  const [live] = useParameter("live");
  const params: Params = { ...filters, observed: null, live: live || null, limit: 50 };
  const list = useList<Session>("/sessions", params);
  const now = useNow();
  useEvents({ topics: ["sessions"] }, () => {
    // The index follows the journal within a second or so.
    setTimeout(list.again, 1500);
  });
  return (
    <>
      <div className="row">
        <span />
        <Files path="/sessions" params={params} name="sessions" />
      </div>
      <table className="wide">
        <thead>
          <tr>
            <th>Opened</th>
            <th>Principal</th>
            <th>Resource</th>
            <th>State</th>
            <th className="number">Actions</th>
            <th className="number">Denied</th>
            <th className="number">Held</th>
            <th className="number">Rows</th>
            <th className="number">Masked</th>
          </tr>
        </thead>
        <tbody>
          {list.items.map((session) => (
            <tr key={session.id}>
              <td>
                <Link to={`${HOME}/${encodeURIComponent(session.id)}`}>
                  <When at={session.opened} />
                </Link>
              </td>
              <td>
                <Who id={session.principal || "nobody known"} actor={session.actor} />
                {session.run && (
                  <span className="dim">
                    {" "}
                    run <Line text={session.run} limit={24} />
                  </span>
                )}
              </td>
              <td>
                <Line text={session.resource} limit={40} /> <span className="dim">{session.protocol}</span>
              </td>
              <td>
                {session.live ? (
                  <span className="badge live">live {span(now - session.opened)}</span>
                ) : session.reason.startsWith("refused") ? (
                  <span className="badge bad">refused</span>
                ) : (
                  <span className="dim">
                    {session.closed ? span(session.closed - session.opened) : "lost"}
                    {session.reason && session.reason !== "caller" && (
                      <>
                        , <Line text={session.reason} limit={40} />
                      </>
                    )}
                  </span>
                )}
              </td>
              <td className="number">{count(session.actions)}</td>
              <td className={session.denied ? "number bad" : "number"}>{count(session.denied)}</td>
              <td className="number">{count(session.held)}</td>
              <td className="number">{count(session.rows)}</td>
              <td className="number">{count(session.masked)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Rest list={list} nothing="No session is like that." />
    </>
  );
}

function ActionList(): ReactNode {
  const filters = useFilters();
  const [verdict] = useParameter("verdict");
  const [rule] = useParameter("rule");
  const params: Params = { ...filters, denied: null, verdict, rule, limit: 50 };
  const list = useList<Action>("/actions", params);
  return (
    <>
      <div className="row">
        <span />
        <Files path="/actions" params={params} name="actions" />
      </div>
      <table className="wide">
        <thead>
          <tr>
            <th>When</th>
            <th>Verdict</th>
            <th>What</th>
            <th>Who</th>
            <th>Effects</th>
            <th>Rule</th>
            <th className="number">Rows</th>
          </tr>
        </thead>
        <tbody>
          {list.items.map((action) => (
            <tr key={action.id}>
              <td>
                <When at={action.at} />
              </td>
              <td>
                <Badge word={action.verdict} />
                {action.approval && <span className="badge wait">by people</span>}
                {action.observed && <span className="badge wait">only observed</span>}
              </td>
              <td className="main">
                <Link to={`${HOME}/${encodeURIComponent(action.session)}?at=${encodeURIComponent(action.id)}`}>
                  <CodeLine text={action.text} protocol={action.protocol} limit={120} />
                </Link>
              </td>
              <td>
                <Who id={action.principal} />
              </td>
              <td>
                <Effects names={action.effects.split(" ").filter(Boolean)} />
              </td>
              <td>
                <Line text={action.rule} limit={40} />
              </td>
              <td className="number">
                {action.status ? count(action.rows) : ""}
                {action.masked > 0 && <span className="dim"> {count(action.masked)} masked</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Rest list={list} nothing="No action is like that." />
    </>
  );
}
