// A session's records as steps: an action with what was said of it, what people said, and what came of it.

import type { JournalRecord, Touch } from "./model";

export interface HoldStep {
  id: string;
  at: number;
  status: string;
  rule: string;
  decisions: { by: string; approve: boolean; reason: string; at: number }[];
}

export interface Step {
  seq: number;
  at: number;
  kind: "action" | "hold" | "note";
  id: string;
  form: string;
  protocol: string;
  text: string;
  parameters: (string | null)[];
  touches: Touch[];
  verdict: string;
  rule: string;
  reason: string;
  code: string;
  unread: string;
  observed: string;
  hold: HoldStep | null;
  outcome: Outcome | null;
  recording: string;
  note: string;
}

export interface Outcome {
  status: string;
  rows: number;
  bytes: number;
  tag: string;
  sqlstate: string;
  message: string;
  duration: number;
  masks: Record<string, number>;
  columns: string[];
  sample: (string | null)[][];
}

type Body = Record<string, unknown>;

function text(body: Body, name: string): string {
  const value = body[name];
  return typeof value === "string" ? value : "";
}

function number(body: Body, name: string): number {
  const value = body[name];
  return typeof value === "number" ? value : 0;
}

function list<T>(body: Body, name: string): T[] {
  const value = body[name];
  return Array.isArray(value) ? (value as T[]) : [];
}

function blank(record: JournalRecord, kind: Step["kind"], id: string): Step {
  const body = record.body;
  return {
    seq: record.seq,
    at: number(body, "at") || record.time,
    kind,
    id,
    form: text(body, "form"),
    protocol: text(body, "protocol"),
    text: text(body, "text") || text(body, "shape"),
    parameters: list(body, "parameters"),
    touches: list(body, "touches"),
    verdict: text(body, "verdict"),
    rule: text(body, "rule"),
    reason: text(body, "reason"),
    code: text(body, "code"),
    unread: text(body, "unread"),
    observed: "",
    hold: null,
    outcome: null,
    recording: "",
    note: "",
  };
}

function outcome(body: Body): Outcome {
  return {
    status: text(body, "status") || "ok",
    rows: number(body, "rows"),
    bytes: number(body, "bytes"),
    tag: text(body, "tag"),
    sqlstate: text(body, "sqlstate"),
    message: text(body, "message"),
    duration: number(body, "duration"),
    masks: (body.masks as Record<string, number> | undefined) ?? {},
    columns: list(body, "columns"),
    sample: list(body, "sample"),
  };
}

/** The notes that are no steps of the caller's. */
function noted(record: JournalRecord): string {
  const body = record.body;
  switch (record.kind) {
    case "session.opened":
      return `opened on ${text(body, "resource")}${text(body, "address") ? ` from ${text(body, "address")}` : ""}`;
    case "session.refused":
      return `refused: ${text(body, "code")}: ${text(body, "reason")}`;
    case "session.closed":
      return `closed: ${text(body, "reason")}`;
    default:
      return "";
  }
}

/** The steps of `records`, which are in order. An approved hold and the action that it let pass are one step. */
export function steps(records: readonly JournalRecord[]): Step[] {
  const found: Step[] = [];
  const actions = new Map<string, Step>();
  const holds = new Map<string, Step>();
  for (const record of records) {
    const body = record.body;
    const hold = text(body, "hold");
    if (record.kind === "action.judged") {
      const id = text(body, "action");
      const step = blank(record, "action", id);
      const observed = body.observed as Body | undefined;
      if (observed) step.observed = `${text(observed, "verdict")} by ${text(observed, "rule")}`;
      const asked = claim(found, holds, text(body, "approval"), step);
      if (asked) step.hold = asked;
      actions.set(id, step);
      found.push(step);
    } else if (record.kind === "action.outcome") {
      const step = actions.get(text(body, "action"));
      if (step) step.outcome = outcome(body);
    } else if (record.kind === "recording.opened") {
      const step = actions.get(text(body, "action"));
      if (step) step.recording = text(body, "recording");
    } else if (record.kind === "hold.opened") {
      const step = blank(record, "hold", hold);
      step.hold = { id: hold, at: step.at, status: "pending", rule: step.rule, decisions: [] };
      holds.set(hold, step);
      found.push(step);
    } else if (hold && holds.has(hold)) {
      decide(holds.get(hold)?.hold ?? null, record);
    } else if (noted(record)) {
      const step = blank(record, "note", String(record.seq));
      step.note = noted(record);
      found.push(step);
    }
  }
  return found;
}

/** The hold that belongs to an action: by its id, or the one before it with the same text. It is no step of its own then. */
function claim(found: Step[], holds: Map<string, Step>, approval: string, action: Step): HoldStep | null {
  let step = approval ? holds.get(approval) : undefined;
  if (!step && action.code.startsWith("approval.")) {
    step = found.findLast((each) => each.kind === "hold" && each.text === action.text);
  }
  if (!step?.hold) return null;
  const at = found.indexOf(step);
  if (at >= 0) found.splice(at, 1);
  return step.hold;
}

function decide(hold: HoldStep | null, record: JournalRecord): void {
  if (!hold) return;
  const body = record.body;
  if (record.kind === "hold.decided") {
    const by = body.by as Body | undefined;
    hold.decisions.push({
      by: by ? text(by, "principal") : "",
      approve: body.approve === true,
      reason: text(body, "reason"),
      at: number(body, "at"),
    });
    hold.status = text(body, "status");
  } else if (record.kind === "hold.used") {
    hold.status = "used";
  } else if (record.kind === "hold.expired") {
    hold.status = "expired";
  } else if (record.kind === "hold.withdrawn") {
    hold.status = "withdrawn";
  }
}
