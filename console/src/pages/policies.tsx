import { type FormEvent, type ReactNode, useState } from "react";

import { post } from "../api";
import { useData, useTitle, words } from "../hooks";
import type { Explained, GatewayInfo, InForce, Self } from "../model";
import { Badge, Line, Link, Text, Trouble } from "../parts/text";

export function Policies({ self }: { self: Self }): ReactNode {
  useTitle("Policies");
  const { data, problem, again } = useData<InForce>("/policy");
  return (
    <>
      <div className="head">
        <h1>Policies</h1>
        {self.role === "admin" && <Reload again={again} />}
      </div>
      <Trouble text={problem} />
      {data && (
        <p className="dim">
          In force: <code>{data.hash.slice(0, 16)}</code> from <Line text={data.file} limit={200} />,{" "}
          <Link to="/console/audit?kind=policy.loaded">when it changed</Link>
        </p>
      )}
      <Explain />
      {data?.policies.map((policy) => (
        <section key={policy.name} className="card">
          <h2>
            <Text text={policy.name} /> {policy.mode === "observe" && <span className="badge wait">only observed</span>}
          </h2>
          {policy.about && (
            <p>
              <Text text={policy.about} />
            </p>
          )}
          <p className="dim">
            For <Text text={policy.who} />
          </p>
          <table>
            <tbody>
              {policy.rules.map((rule) => (
                <tr key={rule.name}>
                  <td className="dim">
                    <Line text={rule.name} limit={80} />
                  </td>
                  <td className="main">
                    <Said text={rule.says} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
    </>
  );
}

/** What a rule says; its first word is its kind. */
function Said({ text }: { text: string }): ReactNode {
  const [kind = "", ...rest] = text.split(" ");
  return (
    <>
      <b className={`rule r-${/^[a-z]+$/.test(kind) ? kind : ""}`}>
        <Text text={kind} />
      </b>{" "}
      <Text text={rest.join(" ")} />
    </>
  );
}

function Reload({ again }: { again: () => void }): ReactNode {
  const [said, setSaid] = useState("");
  const [trouble, setTrouble] = useState("");
  const reload = (): void => {
    setTrouble("");
    post<{ hash: string; before: string; later: string[] }>("/policy/reload").then(
      (found) => {
        setSaid(found.hash === found.before ? "nothing has changed" : "the new file is in force");
        again();
      },
      (error: unknown) => setTrouble(words(error)),
    );
  };
  return (
    <div className="row">
      <span className="dim" role="status">
        {said}
      </span>
      <Trouble text={trouble} />
      <button type="button" onClick={reload}>
        Load the file anew
      </button>
    </div>
  );
}

function Explain(): ReactNode {
  const gateway = useData<GatewayInfo>("/gateway");
  const [question, setQuestion] = useState({ subject: "somebody", kind: "agent", groups: "", resource: "", text: "" });
  const [answer, setAnswer] = useState<Explained | null>(null);
  const [trouble, setTrouble] = useState("");
  const set = (name: keyof typeof question) => (event: { target: { value: string } }) =>
    setQuestion((before) => ({ ...before, [name]: event.target.value }));
  const resource = question.resource || gateway.data?.resources[0]?.name || "";
  const ask = (event: FormEvent): void => {
    event.preventDefault();
    setTrouble("");
    const groups = question.groups.split(/[\s,]+/).filter(Boolean);
    post<Explained>("/policy/explain", { ...question, groups, resource }).then(setAnswer, (error: unknown) => {
      setAnswer(null);
      setTrouble(words(error));
    });
  };
  return (
    <section className="card">
      <h2>What would be said of it</h2>
      <form className="filters" onSubmit={ask}>
        <label className="field">
          <span>Subject</span>
          <input value={question.subject} onChange={set("subject")} required maxLength={255} />
        </label>
        <label className="field">
          <span>Kind</span>
          <select value={question.kind} onChange={set("kind")}>
            <option>agent</option>
            <option>person</option>
            <option>service</option>
          </select>
        </label>
        <label className="field">
          <span>Groups</span>
          <input value={question.groups} onChange={set("groups")} placeholder="ai-agents" />
        </label>
        <label className="field">
          <span>Resource</span>
          <select value={resource} onChange={set("resource")}>
            {gateway.data?.resources.map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
        </label>
        <label className="field wide">
          <span>Statement or command; nothing is run</span>
          <textarea name="statement" rows={2} value={question.text} onChange={set("text")} required spellCheck={false} />
        </label>
        <button type="submit">Explain</button>
      </form>
      <Trouble text={trouble} />
      {answer && <Answer answer={answer} />}
    </section>
  );
}

function Answer({ answer }: { answer: Explained }): ReactNode {
  return (
    <div role="status">
      <p>
        <Badge word={answer.verdict} /> <Line text={answer.rule} limit={100} />{" "}
        {answer.reason && <Line text={`: ${answer.reason}`} limit={300} />}
      </p>
      {answer.unread && (
        <p className="bad">
          Could not be read: <Text text={answer.unread} />
        </p>
      )}
      {answer.observed && (
        <p>
          Only observed: <Text text={answer.observed} />
        </p>
      )}
      <p className="dim">
        It touches <Text text={answer.touches.join(", ") || "nothing"} />
        {!answer.catalogue && " (names not looked up: nobody has been there yet)"}
      </p>
      <table>
        <tbody>
          {answer.opinions.map((each, at) => (
            <tr key={at}>
              <td className="dim">
                <Line text={each.rule} limit={80} />
              </td>
              <td>
                <Badge word={each.says} />
              </td>
              <td>
                <Line text={each.about} limit={120} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {answer.passed_over.map((each) => (
        <p key={each.policy} className="dim">
          <Text text={each.policy} /> did not apply: <Text text={each.why} />
        </p>
      ))}
    </div>
  );
}
