import type { ReactNode } from "react";

import { useData, useNow, useParameter, useTitle } from "../hooks";
import type { Overview as Figures, Self, Session } from "../model";
import { Chart } from "../parts/chart";
import { Choice } from "../parts/list";
import { Empty, Line, Link, Trouble, When, Who } from "../parts/text";
import { count, span } from "../show";

const SPANS = { "": "last day", "3600": "last hour", "604800": "last 7 days", "2592000": "last 30 days" };

export function Overview({ self }: { self: Self }): ReactNode {
  useTitle("Overview");
  const [chosen] = useParameter("for");
  const seconds = Number(chosen) || 86400;
  const { data, problem } = useData<Figures>("/overview", { seconds }, 5);
  const live = useData<{ items: Session[] }>("/sessions", { live: true, limit: 12 }, 5);
  const now = useNow();
  const reads = self.role === "admin" || self.role === "auditor";
  if (!data) return <Trouble text={problem} />;
  const total = data.identities.reduce(
    (sum, each) => ({
      actions: sum.actions + each.actions,
      denied: sum.denied + each.denied,
      held: sum.held + each.held,
      masked: sum.masked + each.masked,
    }),
    { actions: 0, denied: 0, held: 0, masked: 0 },
  );
  const from = Math.floor(data.since);
  return (
    <>
      <div className="head">
        <h1>Overview</h1>
        <Choice name="for" label="Time" options={SPANS} />
      </div>
      <Trouble text={problem} />
      <section className="figures" aria-label="Figures">
        <Figure name="live sessions" value={data.live_sessions} to="/console/sessions?live=true" />
        <Figure name="waiting for you" value={data.yours} to="/console/approvals" loud={data.yours > 0} />
        <Figure name="waiting in all" value={data.pending} to="/console/approvals" />
        <Figure name="actions" value={total.actions} to="/console/sessions?view=actions" />
        <Figure name="denied" value={total.denied} to="/console/sessions?view=actions&verdict=deny" />
        <Figure name="held" value={total.held} to="/console/sessions?view=actions&flag=held" />
        <Figure name="values masked" value={total.masked} to="/console/sessions?view=actions&flag=masked" />
      </section>
      {reads && <Chart slots={data.slots} seconds={data.slot_seconds} />}
      <div className="columns">
        <section>
          <h2>Now</h2>
          {live.data && live.data.items.length === 0 && <Empty>Nobody is here now.</Empty>}
          <table>
            <tbody>
              {live.data?.items.map((session) => (
                <tr key={session.id}>
                  <td>
                    <Link to={`/console/sessions/${encodeURIComponent(session.id)}`}>
                      <Who id={session.principal} actor={session.actor} />
                    </Link>
                  </td>
                  <td>
                    <Line text={session.resource} />
                  </td>
                  <td className="number">{count(session.actions)} actions</td>
                  <td className="dim">
                    <When at={session.opened} now={now} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section>
          <h2>Who was here</h2>
          <table>
            <thead>
              <tr>
                <th>Principal</th>
                <th className="number">Actions</th>
                <th className="number">Denied</th>
                <th className="number">Held</th>
                <th className="number">Masked</th>
              </tr>
            </thead>
            <tbody>
              {data.identities.map((each) => (
                <tr key={`${each.principal} ${each.actor}`}>
                  <td>
                    <Link to={`/console/sessions?principal=${encodeURIComponent(each.principal)}`}>
                      <Who id={each.principal} actor={each.actor} />
                    </Link>
                    {data.fresh.includes(each.principal) && <span className="badge wait">new</span>}
                  </td>
                  <td className="number">{count(each.actions)}</td>
                  <td className={each.denied ? "number bad" : "number"}>{count(each.denied)}</td>
                  <td className="number">{count(each.held)}</td>
                  <td className="number">{count(each.masked)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {data.identities.length === 0 && <Empty>Nobody, in this time.</Empty>}
        </section>
        <section>
          <h2>What waits, and for whom</h2>
          {data.waiting.length === 0 && <Empty>Nothing waits.</Empty>}
          <ul className="plain">
            {data.waiting.map((each) => (
              <li key={each.approvers}>
                <Link to="/console/approvals">
                  <b>{each.count}</b> for <Line text={each.approvers} />
                </Link>{" "}
                <span className="dim">the first for {span(each.expires - now)} more</span>
              </li>
            ))}
          </ul>
        </section>
        {reads && (
          <section>
            <h2>Refused most</h2>
            {data.refusals.length === 0 && <Empty>Nothing was refused.</Empty>}
            <table>
              <tbody>
                {data.refusals.map((each) => (
                  <tr key={`${each.rule} ${each.principal}`}>
                    <td className="number">{count(each.count)}</td>
                    <td>
                      <Link
                        to={`/console/sessions?view=actions&verdict=deny&rule=${encodeURIComponent(each.rule)}&since=${from}`}
                      >
                        <Line text={each.rule} />
                      </Link>
                    </td>
                    <td>
                      <Who id={each.principal} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
      </div>
    </>
  );
}

function Figure({ name, value, to, loud }: { name: string; value: number; to: string; loud?: boolean }): ReactNode {
  return (
    <Link to={to} className={loud ? "figure loudly" : "figure"}>
      <b>{count(value)}</b>
      <span>{name}</span>
    </Link>
  );
}
