import type { ReactNode } from "react";

import { bytes, count, span } from "../show";
import type { Step } from "../timeline";
import { Badge, Code, Effects, Line, Link, Text, When, Who } from "./text";

/** One step of a session: what was asked, what was said of it, by whom, and what came of it. */
export function StepView({ step }: { step: Step }): ReactNode {
  if (step.kind === "note") {
    return (
      <div className="row note">
        <When at={step.at} />
        <span className="dim">
          <Line text={step.note} limit={300} />
        </span>
      </div>
    );
  }
  const verdict = step.kind === "hold" ? "hold" : step.verdict;
  const effects = [...new Set(step.touches.map((touch) => touch.effect))];
  return (
    <article className={`judged v-${verdict}`}>
      <div className="row">
        <span>
          <When at={step.at} /> <Badge word={verdict} /> <Effects names={effects} />{" "}
          <span className="dim">
            <Line text={step.form} limit={20} /> <Line text={step.rule} limit={80} />
          </span>
          {step.observed && <span className="badge wait">observed: {step.observed}</span>}
        </span>
        <Came step={step} />
      </div>
      <Code text={step.text} protocol={step.protocol} limit={1500} />
      {step.parameters.length > 0 && (
        <p className="dim parameters">
          {step.parameters.map((value, at) => (
            <span key={at} className="touch">
              ${at + 1} = {value === null ? <i>null</i> : <Line text={value} limit={120} />}
            </span>
          ))}
        </p>
      )}
      {step.reason && (
        <p className={step.verdict === "deny" ? "bad" : "dim"}>
          <Line text={step.reason} limit={400} /> {step.code && <code>{step.code}</code>}
        </p>
      )}
      {step.unread && (
        <p className="bad">
          Could not be read: <Line text={step.unread} limit={300} />
        </p>
      )}
      {step.hold && (
        <p className="held">
          <Badge word={step.hold.status} />{" "}
          <Link to={`/console/approvals/${encodeURIComponent(step.hold.id)}`}>people were asked</Link>
          {step.hold.decisions.map((each) => (
            <span key={each.by}>
              {" "}
              · <Who id={each.by} /> {each.approve ? "approved" : "denied"} <When at={each.at} /> <Line text={each.reason} limit={200} />
            </span>
          ))}
        </p>
      )}
      <Result step={step} />
    </article>
  );
}

function Came({ step }: { step: Step }): ReactNode {
  const out = step.outcome;
  if (!out) {
    // A statement that is prepared comes to something when it is executed, which is a step of its own.
    return step.verdict === "allow" && step.form !== "prepare" ? <span className="dim">nothing came of it yet</span> : null;
  }
  const masked = Object.values(out.masks).reduce((sum, each) => sum + each, 0);
  return (
    <span className={out.status === "ok" ? "dim" : "bad"}>
      {out.status !== "ok" && <Text text={`${out.status} ${out.sqlstate} `} />}
      <Line text={out.tag} limit={60} /> {out.rows > 0 && `${count(out.rows)} rows`} {out.bytes > 0 && bytes(out.bytes)}{" "}
      {span(out.duration)}
      {masked > 0 && <span className="masked"> {count(masked)} masked ({Object.keys(out.masks).join(", ")})</span>}
    </span>
  );
}

function Result({ step }: { step: Step }): ReactNode {
  const out = step.outcome;
  if (!out) return null;
  return (
    <>
      {out.message && (
        <p className="bad">
          <Line text={out.message} limit={400} />
        </p>
      )}
      {out.sample.length > 0 && (
        <div className="sample" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {out.columns.map((name, at) => (
                  <th key={at}>
                    <Line text={name} limit={60} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {out.sample.map((cells, row) => (
                <tr key={row}>
                  {cells.map((cell, at) => (
                    <td key={at}>{cell === null ? <i className="dim">null</i> : <Line text={cell} limit={120} />}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {out.rows > out.sample.length && <p className="dim">the first {out.sample.length} of {count(out.rows)}, as the caller saw them</p>}
        </div>
      )}
    </>
  );
}
