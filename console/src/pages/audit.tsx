import type { ReactNode } from "react";

import type { Params } from "../api";
import { useList, useParameter, useTitle } from "../hooks";
import type { Change } from "../model";
import { Choice, Files, Rest, TIMES, Typed, since } from "../parts/list";
import { Line, When, Who } from "../parts/text";

const KINDS = Object.fromEntries(
  [
    ...["", "config.changed", "policy.loaded", "policy.rejected", "token.issued", "token.revoked", "key.issued", "key.revoked"],
    ...["certificate.issued", "login.refused", "login.refusals", "gateway.started", "gateway.stopped", "journal.recovered"],
  ].map((name) => [name, name || "any"]),
);

export function Audit(): ReactNode {
  useTitle("Audit");
  const [kind] = useParameter("kind");
  const [by] = useParameter("by");
  const [what] = useParameter("what");
  const [time] = useParameter("time");
  const params: Params = { kind, by, what, since: since(time), limit: 50 };
  const list = useList<Change>("/changes", params);
  return (
    <>
      <div className="head">
        <h1>Audit</h1>
        <p className="dim">Who changed what, refused logins, starts and stops. All of it is in the journal.</p>
      </div>
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <Choice name="kind" label="Kind" options={KINDS} />
        <Typed name="by" label="By (principal's id)" />
        <Typed name="what" label="What (person, key, policy...)" />
        <Choice name="time" label="Time" options={TIMES} />
      </form>
      <div className="row">
        <span />
        <Files path="/changes" params={params} name="changes" />
      </div>
      <table className="wide">
        <thead>
          <tr>
            <th>When</th>
            <th>What</th>
            <th>Which</th>
            <th>By</th>
            <th>How</th>
            <th className="number">Record</th>
          </tr>
        </thead>
        <tbody>
          {list.items.map((each) => (
            <tr key={each.seq}>
              <td>
                <When at={each.at} />
              </td>
              <td>
                {each.kind}
                {each.kind === "config.changed" && <b> {each.what}</b>}
              </td>
              <td>
                <Line text={each.name} limit={60} />
              </td>
              <td>{each.by && <Who id={each.by} />}</td>
              <td className="main dim">
                <Line text={difference(each)} limit={240} />
              </td>
              <td className="number dim">{each.seq}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Rest list={list} nothing="Nothing of that kind is on record." />
    </>
  );
}

/** Before and after, or else what the record says beside what stands in the other columns. */
function difference(change: Change): string {
  const { before, after, ...rest } = change.body as { before?: unknown; after?: unknown };
  if (before !== undefined || after !== undefined) {
    const was = before ? JSON.stringify(before) : "nothing";
    return `${was} → ${after ? JSON.stringify(after) : "gone"}`;
  }
  const told = Object.entries(rest).filter(([name]) => !["v", "at", "by", "name", "what", "kind"].includes(name));
  return told.map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");
}
