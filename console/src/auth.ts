// Signing in: authorization code with PKCE (RFC 7636), as the command line does it. The token lives in this tab
// (sessionStorage) and goes nowhere but into the Authorization header of requests to this gateway.

export interface Issuer {
  issuer: string;
  client_id: string;
  builtin: boolean;
  scopes: string[];
  audience: string | null;
}

interface Pending {
  state: string;
  verifier: string;
  nonce: string;
  issuer: string;
  client: string;
  token_endpoint: string;
  audience: string | null;
  back: string;
}

const TOKEN = "vedette.token";
const PENDING = "vedette.pending";
const HOME = "/console/";
const CALLBACK = "/console/callback";
const CONSOLE = "vedette-console";

export function token(): string | null {
  return sessionStorage.getItem(TOKEN);
}

export function keep(text: string): void {
  sessionStorage.setItem(TOKEN, text);
}

export function forget(): void {
  sessionStorage.removeItem(TOKEN);
}

function random(): string {
  return encode(crypto.getRandomValues(new Uint8Array(32)));
}

function encode(data: Uint8Array): string {
  return btoa(String.fromCharCode(...data))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/** Only addresses of this console are gone back to: whatever else was asked for, it begins at its home. */
export function within(path: string): string {
  return /^\/console\/[\w/?&=%.~:-]*$/.test(path) && !path.includes("//") && path !== CALLBACK ? path : HOME;
}

async function json(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  const answer = await fetch(url, { ...init, credentials: "omit", redirect: "error", cache: "no-store" });
  const said: unknown = await answer.json();
  if (typeof said !== "object" || said === null) throw new Error("the issuer's answer cannot be read");
  return said as Record<string, unknown>;
}

/** Where to send the browser to sign in at `issuer`; remembers what the answer must match. */
export async function begin(issuer: Issuer, back: string): Promise<string> {
  const found = await json(`${issuer.issuer}/.well-known/openid-configuration`);
  if (found.issuer !== issuer.issuer) throw new Error("the issuer calls itself by another name");
  const pending: Pending = {
    state: random(),
    verifier: random() + random(),
    nonce: random(),
    issuer: issuer.issuer,
    client: issuer.builtin ? CONSOLE : issuer.client_id,
    token_endpoint: String(found.token_endpoint),
    audience: issuer.audience,
    back: within(back),
  };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: pending.client,
    redirect_uri: location.origin + CALLBACK,
    scope: issuer.scopes.filter((scope) => scope !== "offline_access").join(" "),
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: encode(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  if (issuer.audience !== null && !issuer.builtin) query.set("resource", issuer.audience);
  return `${String(found.authorization_endpoint)}?${query}`;
}

/** The answer of a sign-in, if this address is one: keeps the token, and says where to go on. */
export async function finish(url: URL): Promise<string | null> {
  if (url.pathname !== CALLBACK) return null;
  const kept = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  // The code is out of the address before anything else happens.
  history.replaceState(null, "", HOME);
  if (kept === null) throw new Error("this sign-in was not begun here; begin again");
  const pending = JSON.parse(kept) as Pending;
  const query = url.searchParams;
  if (query.get("state") !== pending.state) throw new Error("this answer is not to the sign-in begun here");
  const named = query.get("iss");
  if (named !== null && named !== pending.issuer) throw new Error("the answer came from another issuer");
  if (query.get("error") !== null) throw new Error(query.get("error_description") ?? "the sign-in was refused");
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code: query.get("code") ?? "",
    redirect_uri: location.origin + CALLBACK,
    client_id: pending.client,
    code_verifier: pending.verifier,
  });
  const said = await json(pending.token_endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  });
  const got = chosen(said, pending);
  if (got === null) throw new Error(String(said.error_description ?? "the issuer gave no token"));
  keep(got);
  return pending.back;
}

/** The token that is meant for the gateway: the one whose audience is the one configured for it. */
function chosen(said: Record<string, unknown>, pending: Pending): string | null {
  const both = [said.access_token, said.id_token].filter((each): each is string => typeof each === "string");
  if (pending.audience === null) return both[0] ?? null;
  return both.find((each) => audiences(each).includes(pending.audience ?? "")) ?? both[0] ?? null;
}

function audiences(text: string): string[] {
  try {
    const part = (text.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const claims = JSON.parse(atob(part)) as { aud?: string | string[] };
    return claims.aud === undefined ? [] : [claims.aud].flat();
  } catch {
    return [];
  }
}

/** End the sign-in: the gateway makes its own tokens void; others are forgotten. */
export async function leave(): Promise<void> {
  const text = token();
  forget();
  if (text === null) return;
  const form = new URLSearchParams({ token: text, client_id: CONSOLE });
  await fetch("/oauth/revoke", {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: form.toString(),
    credentials: "omit",
  }).catch(() => undefined);
}
