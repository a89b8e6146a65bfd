import { expect, it } from "vitest";

import type { JournalRecord } from "../src/model";
import { steps } from "../src/timeline";

let seq = 0;
const record = (kind: string, body: Record<string, unknown>): JournalRecord => {
  seq += 1;
  return { seq, time: seq, kind, body: { at: seq, ...body } };
};
const judged = (action: string, more: Record<string, unknown> = {}): JournalRecord =>
  record("action.judged", { action, text: "UPDATE t", verdict: "allow", rule: "r", touches: [], ...more });

it("an action and what came of it are one step", () => {
  const found = steps([
    record("session.opened", { resource: "appdb", address: "10.0.0.1" }),
    judged("s.1"),
    record("action.outcome", { action: "s.1", rows: 3, masks: { email: 2 }, columns: ["a"], sample: [["x"]] }),
    record("session.closed", { reason: "killed: dana" }),
  ]);
  expect(found.map((step) => step.kind)).toEqual(["note", "action", "note"]);
  expect(found[1]?.outcome).toMatchObject({ status: "ok", rows: 3, masks: { email: 2 }, sample: [["x"]] });
  expect(found[0]?.note).toBe("opened on appdb from 10.0.0.1");
  expect(found[2]?.note).toBe("closed: killed: dana");
});

it("a hold and the action that it let pass are one step, with what people said", () => {
  const by = { principal: "vedette#dana" };
  const found = steps([
    record("hold.opened", { hold: "h", text: "UPDATE t", rule: "ask", touches: [] }),
    record("hold.decided", { hold: "h", by, approve: true, reason: "ok", status: "approved" }),
    record("hold.used", { hold: "h" }),
    judged("s.1", { approval: "h" }),
  ]);
  expect(found).toHaveLength(1);
  const decisions = [{ by: "vedette#dana", approve: true, reason: "ok" }];
  expect(found[0]?.hold).toMatchObject({ id: "h", status: "used", decisions });
});

it("a refusal by people stands with its hold; a hold that waits stands alone", () => {
  const found = steps([
    record("hold.opened", { hold: "h1", text: "UPDATE t", touches: [] }),
    record("hold.decided", { hold: "h1", by: { principal: "x#d" }, approve: false, reason: "no", status: "denied" }),
    judged("s.1", { verdict: "deny", code: "approval.denied" }),
    record("hold.opened", { hold: "h2", text: "DELETE", touches: [] }),
  ]);
  expect(found.map((step) => [step.kind, step.hold?.status])).toEqual([
    ["action", "denied"],
    ["hold", "pending"],
  ]);
});

it("records of kinds that it does not know, and odd bodies, break nothing", () => {
  const odd = [record("new.kind", {}), record("hold.decided", { hold: "unknown" }), record("action.outcome", {})];
  expect(steps(odd)).toEqual([]);
  const step = steps([record("action.judged", { touches: "odd", parameters: 5, text: 7 })])[0];
  expect(step).toMatchObject({ touches: [], text: "" });
});
