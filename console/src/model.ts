// The API's nouns, as this console uses them; docs/api.md says what each field means.

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Self {
  principal: string;
  subject: string;
  kind: string;
  groups: string[];
  email: string | null;
  expires: number | null;
  role: "admin" | "auditor" | "approver" | "owner" | "agent";
}

export interface Session {
  id: string;
  principal: string;
  kind: string;
  groups: string[];
  actor: string;
  resource: string;
  protocol: string;
  address: string;
  application: string;
  policy: string;
  run: string;
  opened: number;
  closed: number | null;
  reason: string;
  actions: number;
  denied: number;
  held: number;
  rows: number;
  bytes: number;
  masked: number;
  live: boolean;
}

export interface Action {
  id: string;
  session: string;
  at: number;
  principal: string;
  resource: string;
  protocol: string;
  form: string;
  text: string;
  effects: string;
  objects: string;
  verdict: string;
  rule: string;
  reason: string;
  code: string;
  approval: string;
  observed: string;
  status: string;
  rows: number;
  masked: number;
  duration: number;
}

export interface Touch {
  effect: string;
  object: string;
  resolved: boolean;
  implied: boolean;
}

export interface Decision {
  principal: string;
  approve: boolean;
  reason: string;
  at: number;
}

export interface Approval {
  id: string;
  status: string;
  created: number;
  expires: number;
  requester: { principal: string; kind: string; groups: string[]; email: string; actor: string };
  resource: string;
  protocol: string;
  effects: string[];
  objects: string[];
  touches: Touch[];
  rule: string;
  reason: string;
  approvers: string[];
  count: number;
  given: number;
  mode: string;
  uses: number;
  uses_left: number;
  session: string;
  form: string;
  text: string;
  parameters: (string | null)[];
  preview: string;
  state: Record<string, string>;
  policy: string;
  decisions: Decision[];
  yours: boolean;
}

export interface JournalRecord {
  seq: number;
  time: number;
  kind: string;
  body: Record<string, unknown>;
}

export interface Records {
  items: JournalRecord[];
  next: number | null;
}

export interface Identity {
  principal: string;
  actor: string;
  kind: string;
  first: number;
  last: number;
  sessions: number;
  live: number;
  actions: number;
  denied: number;
  held: number;
  rows: number;
  masked: number;
}

export interface Overview {
  since: number;
  until: number;
  slot_seconds: number;
  live_sessions: number;
  pending: number;
  yours: number;
  slots: { at: number; allow: number; deny: number }[];
  identities: Identity[];
  waiting: { approvers: string; count: number; expires: number }[];
  refusals: { rule: string; principal: string; count: number }[];
  fresh: string[];
  observing: string[];
  trouble: string;
}

export interface Change {
  seq: number;
  at: number;
  kind: string;
  by: string;
  what: string;
  name: string;
  body: Record<string, unknown>;
}

export interface Recording {
  name: string;
  action: string;
  form: string;
  at: number;
  width: number;
  height: number;
  sealed: number;
  sha256: string;
  final: boolean;
}

export interface Proof {
  good: boolean;
  problems: string[];
  records: number;
  all_records: number;
  checkpoints: number;
  tail: number;
  head: number;
  link: string;
}

export interface GatewayInfo {
  version: string;
  policy: string;
  settings: string;
  ports: Record<string, number>;
  resources: ResourceInfo[];
  live_sessions: number;
  pending_approvals: number;
  journal_records: number;
  journal_link: string;
  trouble: string;
}

export interface ResourceInfo {
  name: string;
  protocol: string;
  labels: Record<string, string>;
  about: string;
  observing: boolean;
}

export interface Reachable extends ResourceInfo {
  address: string | null;
  login: string;
  may: Record<"allowed" | "held" | "denied" | "masked" | "limited" | "lasts", string[]>;
}

export interface InForce {
  hash: string;
  settings: string;
  file: string;
  policies: { name: string; about: string; mode: string; who: string; rules: { name: string; says: string }[] }[];
}

export interface Explained {
  verdict: string;
  rule: string;
  reason: string;
  hint: string;
  approvers: string[];
  masks: string[];
  limits: string[];
  observed: string;
  observing: boolean;
  touches: string[];
  unread: string;
  opinions: { rule: string; says: string; about: string }[];
  applied: string[];
  passed_over: { policy: string; why: string }[];
  catalogue: boolean;
}
