import type { ReactNode } from "react";

import { useData, useTitle } from "../hooks";
import type { GatewayInfo, Identity, Page, Reachable, ResourceInfo, Self } from "../model";
import { Empty, Line, Link, Text, Trouble, When, Who } from "../parts/text";
import { count } from "../show";

export function Resources({ self }: { self: Self }): ReactNode {
  useTitle("Resources");
  const reads = self.role === "admin" || self.role === "auditor";
  return (
    <>
      <div className="head">
        <h1>Resources</h1>
      </div>
      {reads ? <All /> : <Mine />}
    </>
  );
}

function All(): ReactNode {
  const { data, problem } = useData<GatewayInfo>("/gateway", {}, 15);
  return (
    <>
      <Trouble text={problem} />
      {data && (
        <p className="dim">
          Version {data.version}, listening on{" "}
          {Object.entries(data.ports)
            .map(([name, port]) => `${name} ${port}`)
            .join(", ")}
          ; {count(data.journal_records)} records in the journal.
        </p>
      )}
      <div className="cards">
        {data?.resources.map((each) => (
          <One key={each.name} resource={each} />
        ))}
      </div>
      {data && data.resources.length === 0 && <Empty>No resource is configured: see docs/configuration.md.</Empty>}
    </>
  );
}

function One({ resource }: { resource: ResourceInfo }): ReactNode {
  const used = useData<Page<Identity>>("/identities", { resource: resource.name, limit: 5 });
  return (
    <section className="card">
      <Title resource={resource} />
      <h3>Who used it</h3>
      {used.data?.items.length === 0 && <Empty>Nobody yet.</Empty>}
      <ul className="plain">
        {used.data?.items.map((each) => (
          <li key={`${each.principal} ${each.actor}`} className="row">
            <Link
              to={`/console/sessions?resource=${encodeURIComponent(resource.name)}&principal=${encodeURIComponent(each.principal)}`}
            >
              <Who id={each.principal} actor={each.actor} />
            </Link>
            <span className="dim">
              {count(each.actions)} actions, {count(each.denied)} denied, last <When at={each.last} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Title({ resource }: { resource: ResourceInfo }): ReactNode {
  return (
    <>
      <h2>
        <Text text={resource.name} /> <span className="dim">{resource.protocol}</span>
        {resource.observing && <span className="badge wait">only observed</span>}
      </h2>
      {resource.about && (
        <p>
          <Text text={resource.about} />
        </p>
      )}
      <p>
        {Object.entries(resource.labels).map(([name, value]) => (
          <span key={name} className="label">
            <Line text={`${name}: ${value}`} limit={80} />
          </span>
        ))}
      </p>
    </>
  );
}

const SAYS: [keyof Reachable["may"], string][] = [
  ["allowed", "Allowed"],
  ["held", "Waits for people"],
  ["denied", "Refused"],
  ["masked", "Hidden"],
  ["limited", "Bounded"],
  ["lasts", "Sessions"],
];

function Mine(): ReactNode {
  const { data, problem } = useData<Page<Reachable>>("/resources");
  return (
    <>
      <Trouble text={problem} />
      <div className="cards">
        {data?.items.map((each) => (
          <section key={each.name} className="card">
            <Title resource={each} />
            <dl className="facts">
              <dt>Address</dt>
              <dd>
                <code>{each.address ?? "closed"}</code>
              </dd>
              {SAYS.map(([name, said]) =>
                each.may[name].length > 0 ? (
                  <div key={name} className="pair">
                    <dt>{said}</dt>
                    <dd>
                      <Text text={each.may[name].join("; ")} />
                    </dd>
                  </div>
                ) : null,
              )}
            </dl>
          </section>
        ))}
      </div>
      {data && data.items.length === 0 && <Empty>Policies let you reach nothing here.</Empty>}
    </>
  );
}
