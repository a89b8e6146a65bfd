import { type ReactNode, useState } from "react";

import { post } from "../api";
import { useList, useNow, useParameter, useTitle, words } from "../hooks";
import type { Identity, Self } from "../model";
import { Files, Rest } from "../parts/list";
import { Line, Link, Text, Trouble, When, Who } from "../parts/text";
import { count } from "../show";

interface Named {
  id?: string;
  name?: string;
  subject?: string;
  kind?: string;
  person?: string;
  client?: string;
  groups?: string[];
  owner?: string;
  actor?: string | null;
  created?: number;
  issued?: number;
  expires?: number | null;
  used?: number | null;
  until?: number | null;
  disabled?: number | null;
  revoked?: number | null;
  reason?: string;
  by?: string;
  note?: string;
}

interface View {
  title: string;
  path: string;
  reads: boolean;
  end?: (item: Named) => [string, string];
}

const VIEWS: Record<string, View> = {
  people: { title: "People", path: "/people", reads: true, end: (item) => ["Disable", `/people/${item.name}/disable`] },
  accounts: { title: "Accounts", path: "/accounts", reads: true, end: (item) => ["Disable", `/accounts/${item.name}/disable`] },
  keys: { title: "Keys", path: "/keys", reads: false, end: (item) => ["Revoke", `/keys/${item.id}/revoke`] },
  tokens: { title: "Tokens", path: "/tokens", reads: false, end: (item) => ["Revoke", `/tokens/${item.id}/revoke`] },
  grants: { title: "Sign-ins", path: "/grants", reads: true, end: (item) => ["End", `/grants/${item.id}/revoke`] },
  blocks: { title: "Blocks", path: "/blocks", reads: true },
};

export function Identities({ self }: { self: Self }): ReactNode {
  useTitle("Identities");
  const [view] = useParameter("view");
  const reads = self.role === "admin" || self.role === "auditor";
  const chosen = VIEWS[view];
  return (
    <>
      <div className="head">
        <h1>Identities</h1>
        <div className="tabs">
          <Link to="/console/identities" className={chosen ? "" : "here"}>
            Seen here
          </Link>
          {Object.entries(VIEWS).map(([name, each]) =>
            reads || !each.reads ? (
              <Link key={name} to={`/console/identities?view=${name}`} className={name === view ? "here" : ""}>
                {each.title}
              </Link>
            ) : null,
          )}
        </div>
      </div>
      {chosen ? <Kept key={view} view={chosen} self={self} /> : <Seen />}
    </>
  );
}

function Seen(): ReactNode {
  const list = useList<Identity>("/identities", { limit: 100 });
  const now = useNow();
  return (
    <>
      <div className="row">
        <span />
        <Files path="/identities" params={{}} name="identities" />
      </div>
      <table className="wide">
        <thead>
          <tr>
            <th>Principal</th>
            <th>Kind</th>
            <th>Last seen</th>
            <th className="number">Live</th>
            <th className="number">Sessions</th>
            <th className="number">Actions</th>
            <th className="number">Denied</th>
            <th className="number">Held</th>
            <th className="number">Masked</th>
          </tr>
        </thead>
        <tbody>
          {list.items.map((each) => (
            <tr key={`${each.principal} ${each.actor}`}>
              <td>
                <Link to={`/console/sessions?principal=${encodeURIComponent(each.principal)}`}>
                  <Who id={each.principal} actor={each.actor} />
                </Link>
              </td>
              <td>{each.kind}</td>
              <td>
                <When at={each.last} now={now} />
              </td>
              <td className="number">{each.live > 0 && <span className="badge live">{each.live}</span>}</td>
              <td className="number">{count(each.sessions)}</td>
              <td className="number">{count(each.actions)}</td>
              <td className={each.denied ? "number bad" : "number"}>{count(each.denied)}</td>
              <td className="number">{count(each.held)}</td>
              <td className="number">{count(each.masked)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Rest list={list} nothing="Nobody was here yet." />
    </>
  );
}

function Kept({ view, self }: { view: View; self: Self }): ReactNode {
  const params = view.path === "/tokens" ? { limit: 100, expired: true } : { limit: 100 };
  const list = useList<Named>(view.path, params);
  return (
    <>
      <div className="row">
        <span />
        <Files path={view.path} params={params} name={view.path.slice(1)} />
      </div>
      <table className="wide">
        <thead>
          <tr>
            <th>Name</th>
            <th>Who</th>
            <th>Groups</th>
            <th>Made</th>
            <th>Used</th>
            <th>Until</th>
            <th>State</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {list.items.map((item) => (
            <Row key={item.id ?? item.name ?? ""} item={item} view={view} self={self} again={list.again} />
          ))}
        </tbody>
      </table>
      <Rest list={list} nothing="There are none." />
    </>
  );
}

function Row({ item, view, self, again }: { item: Named; view: View; self: Self; again: () => void }): ReactNode {
  const now = Date.now() / 1000;
  const made = item.created ?? item.issued;
  const until = item.expires ?? item.until;
  const over = item.disabled ?? item.revoked ?? null;
  const expired = typeof until === "number" && until < now;
  const may = self.role === "admin" || !view.reads;
  return (
    <tr>
      <td>
        <Line text={item.name ?? item.id ?? ""} limit={80} />
        {item.note && (
          <span className="dim">
            {" "}
            <Line text={item.note} limit={60} />
          </span>
        )}
      </td>
      <td>
        <Line text={item.subject ?? item.person ?? item.by ?? ""} limit={60} /> <span className="dim">{item.kind ?? ""}</span>
        {item.client && <span className="dim"> by {item.client}</span>}
        {(item.owner || item.actor) && (
          <span className="dim">
            {" "}
            of <Line text={item.owner || item.actor || ""} limit={60} />
          </span>
        )}
        {item.reason && <Line text={item.reason} limit={80} />}
      </td>
      <td>
        <Text text={(item.groups ?? []).join(", ")} />
      </td>
      <td>{made !== undefined && <When at={made} />}</td>
      <td>{item.used ? <When at={item.used} now={now} /> : <span className="dim">never</span>}</td>
      <td>{typeof until === "number" ? <When at={until} /> : <span className="dim">for good</span>}</td>
      <td>
        {over !== null ? (
          <span className="badge bad">void</span>
        ) : expired ? (
          <span className="badge dim">expired</span>
        ) : (
          <span className="badge good">good</span>
        )}
      </td>
      <td>{view.end && may && over === null && !expired && <End what={view.end(item)} again={again} />}</td>
    </tr>
  );
}

function End({ what: [name, path], again }: { what: [string, string]; again: () => void }): ReactNode {
  const [sure, setSure] = useState(false);
  const [trouble, setTrouble] = useState("");
  const end = (): void => {
    if (!sure) {
      setSure(true);
      return;
    }
    post(path.split("/").map(encodeURIComponent).join("/"), { reason: "by the console" }).then(again, (error: unknown) => {
      setTrouble(words(error));
      setSure(false);
    });
  };
  return (
    <>
      <button type="button" className={sure ? "bad small" : "small"} onClick={end} onBlur={() => setSure(false)}>
        {sure ? "Sure?" : name}
      </button>
      <Trouble text={trouble} />
    </>
  );
}
