import { type FormEvent, type ReactNode, useEffect, useState } from "react";

import { type Issuer, begin, keep } from "../auth";
import { useTitle, words } from "../hooks";
import { Text, Trouble } from "../parts/text";

export function Login({ problem, again }: { problem: string; again: () => void }): ReactNode {
  useTitle("Sign in");
  const [issuers, setIssuers] = useState<Issuer[]>([]);
  const [trouble, setTrouble] = useState(problem);
  const [typed, setTyped] = useState("");
  useEffect(() => {
    fetch("/api/v1/login", { credentials: "omit" })
      .then(async (answer) => ((await answer.json()) as { issuers: Issuer[] }).issuers)
      .then(setIssuers)
      .catch(() => setTrouble("the gateway does not answer"));
  }, []);
  const sign = (issuer: Issuer): void => {
    begin(issuer, location.pathname + location.search).then(
      (url) => location.assign(url),
      (error: unknown) => setTrouble(words(error)),
    );
  };
  const paste = (event: FormEvent): void => {
    event.preventDefault();
    keep(typed.trim());
    setTyped("");
    setTrouble("");
    again();
  };
  return (
    <main className="login">
      <h1>Vedette</h1>
      <p className="dim">What agents do here: seen, decided, proven.</p>
      <Trouble text={trouble || problem} />
      {issuers.map((issuer) => (
        <button key={issuer.issuer} type="button" className="primary" onClick={() => sign(issuer)}>
          {issuer.builtin ? "Sign in" : "Sign in with "}
          {!issuer.builtin && <Text text={issuer.issuer.replace(/^https?:\/\//, "")} />}
        </button>
      ))}
      <details>
        <summary>With a token</summary>
        <form onSubmit={paste}>
          <label className="field wide">
            <span>A gateway token or API key (vedette token issue)</span>
            <input
              type="password"
              name="token"
              value={typed}
              required
              autoComplete="off"
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
          <button type="submit">Go on</button>
        </form>
      </details>
    </main>
  );
}
