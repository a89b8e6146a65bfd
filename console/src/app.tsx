// The frame around every page: who is here, where one can go, what is loud.

import { type ReactNode, useEffect, useState } from "react";

import { get, onLost } from "./api";
import { finish, leave, token } from "./auth";
import { go, here, useData, useEvents, usePlace, words } from "./hooks";
import type { Approval, Overview as Figures, Self } from "./model";
import { Approvals } from "./pages/approvals";
import { Audit } from "./pages/audit";
import { Identities } from "./pages/identities";
import { Login } from "./pages/login";
import { Overview } from "./pages/overview";
import { Policies } from "./pages/policies";
import { Resources } from "./pages/resources";
import { Session } from "./pages/session";
import { Sessions } from "./pages/sessions";
import { Link, Text, Trouble } from "./parts/text";

const HOME = "/console/";

export function App(): ReactNode {
  const [known, setKnown] = useState(false);
  const [self, setSelf] = useState<Self | null>(null);
  const [problem, setProblem] = useState("");
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let over = false;
    onLost(() => {
      setSelf(null);
      setKnown(true);
    });
    const enter = async (): Promise<void> => {
      const back = await finish(new URL(location.href));
      if (back !== null) go(back, true);
      if (token() === null) return;
      const found = await get<Self>("/self");
      here.issuer = found.principal.slice(0, found.principal.lastIndexOf("#"));
      if (!over) setSelf(found);
    };
    enter()
      .catch((error: unknown) => {
        if (!over) setProblem(words(error));
      })
      .finally(() => {
        if (!over) setKnown(true);
      });
    return () => {
      over = true;
    };
  }, [turn]);
  if (!known && self === null) return <p className="starting">Vedette</p>;
  if (self === null) return <Login problem={problem} again={() => setTurn((before) => before + 1)} />;
  return <Frame self={self} leave={() => void leave().then(() => setSelf(null))} />;
}

const PAGES: [string, string, string][] = [
  ["", "Overview", "o"],
  ["approvals", "Approvals", "a"],
  ["sessions", "Sessions", "s"],
  ["resources", "Resources", "r"],
  ["policies", "Policies", "p"],
  ["identities", "Identities", "i"],
  ["audit", "Audit", "u"],
];

function Frame({ self, leave }: { self: Self; leave: () => void }): ReactNode {
  const place = usePlace();
  const [first = "", second] = place.pathname.slice(HOME.length).split("/");
  const reads = self.role === "admin" || self.role === "auditor";
  const figures = useData<Figures>("/overview", { seconds: 3600 }, 30);
  const waiting = useWaiting(figures.data?.yours ?? 0);
  useKeys();
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header>
        <Link to={HOME} className="brand">
          Vedette
        </Link>
        <nav aria-label="Pages">
          {PAGES.filter(([path]) => reads || !["policies", "audit"].includes(path)).map(([path, name]) => (
            <Link key={path} to={HOME + path} className={first === path ? "here" : ""}>
              {name}
              {path === "approvals" && waiting > 0 && (
                <span className="count" aria-label={`${waiting} for you`}>
                  {waiting}
                </span>
              )}
            </Link>
          ))}
        </nav>
        <div className="self">
          <span>
            <Text text={self.subject} /> <span className="dim">{self.role}</span>
          </span>
          <button type="button" className="link" onClick={leave}>
            Sign out
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Trouble text={figures.data?.trouble ? `The journal cannot be written: ${figures.data.trouble}` : ""} />
        {(figures.data?.observing.length ?? 0) > 0 && (
          <p className="loud" role="status">
            Only observed, not enforced: {figures.data?.observing.map((name) => <b key={name}>{name} </b>)}
          </p>
        )}
        <Expiring self={self} />
        <View first={first} second={second} self={self} />
      </main>
    </div>
  );
}

function View({ first, second, self }: { first: string; second: string | undefined; self: Self }): ReactNode {
  switch (first) {
    case "":
      return <Overview self={self} />;
    case "approvals":
      return <Approvals chosen={second ?? ""} />;
    case "sessions":
      return second ? <Session key={second} id={decodeURIComponent(second)} self={self} /> : <Sessions self={self} />;
    case "resources":
      return <Resources self={self} />;
    case "policies":
      return <Policies self={self} />;
    case "identities":
      return <Identities self={self} />;
    case "audit":
      return <Audit />;
    default:
      return <p className="empty">There is no such page.</p>;
  }
}

/** How many holds this visitor may decide, as they come and go. */
function useWaiting(first: number): number {
  const [ids, setIds] = useState<ReadonlySet<string> | null>(null);
  useEvents({ topics: ["approvals"] }, (event) => {
    if (event.kind !== "approval") return;
    const hold = event.data as Approval;
    setIds((before) => {
      const after = new Set(before ?? []);
      if (hold.status === "pending" && hold.yours) after.add(hold.id);
      else after.delete(hold.id);
      return after;
    });
  });
  return ids?.size ?? first;
}

/** "g" and then a page's letter. */
function useKeys(): void {
  useEffect(() => {
    let led = 0;
    const press = (event: KeyboardEvent): void => {
      if (typing(event) || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "g") {
        led = Date.now();
        return;
      }
      const page = PAGES.find(([, , key]) => key === event.key);
      if (page && Date.now() - led < 1500) go(HOME + page[0]);
      led = 0;
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

export function typing(event: KeyboardEvent): boolean {
  const at = event.target;
  return at instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
}

function Expiring({ self }: { self: Self }): ReactNode {
  const [soon, setSoon] = useState(false);
  useEffect(() => {
    if (self.expires === null) return undefined;
    const left = self.expires * 1000 - Date.now() - 5 * 60_000;
    const timer = setTimeout(() => setSoon(true), Math.min(Math.max(0, left), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  }, [self.expires]);
  return soon ? (
    <p className="loud" role="status">
      This sign-in ends within five minutes; sign in again before then.
    </p>
  ) : null;
}
