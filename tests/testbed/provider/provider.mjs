// An OpenID provider on loopback: agents by client credentials, people by code, device and refresh.
//
// PROVIDER_CERT and PROVIDER_KEY (PEM files) make it speak https, else it is plain http.
// Says {"issuer": ...} on its standard output once it listens. A line on its standard input is an
// order, and is answered by a line:
//   rotate              new keys, the old ones dropped        {"rotated": n}
//   groups NAME A,B     who is in which groups from now on    {"groups": [...]}
// Ends with its standard input, so that it never outlives the test that started it.
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const ALGORITHMS = { "urn:rs": "RS256", "urn:ps": "PS256", "urn:es": "ES256", "urn:ed": "EdDSA" };
const PEOPLE = { alice: ["dba", "people"], bob: ["readers"] };
const COOKIES = [randomBytes(16).toString("hex")];

function keys() {
  const made = [
    ["rsa", { modulusLength: 2048 }],
    ["ec", { namedCurve: "P-256" }],
    ["ed25519", {}],
  ];
  return made.map(([type, options]) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
    kid: randomUUID(),
    use: "sig",
  }));
}

function claimsOf(name) {
  return { sub: name, email: `${name}@example.com`, email_verified: true, groups: PEOPLE[name] ?? [] };
}

function provider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: keys() },
    cookies: { keys: COOKIES },
    clients: [
      {
        client_id: "autogen",
        client_secret: "only-for-tests",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
      {
        // As RFC 8252 has it: a program on people's machines, without a secret, redirected to loopback.
        client_id: "vedette-cli",
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: [
          "authorization_code",
          "refresh_token",
          "urn:ietf:params:oauth:grant-type:device_code",
        ],
        redirect_uris: ["http://127.0.0.1/callback"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    conformIdTokenClaims: false,
    findAccount: (_context, name) => ({ accountId: name, claims: () => claimsOf(name) }),
    extraTokenClaims: (_context, token) =>
      token.kind === "ClientCredentials"
        ? { gty: "client-credentials", realm_access: { roles: ["ai-agents", "readers"] }, groups: ["ai-agents"] }
        : claimsOf(token.accountId),
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: true,
    pkce: { required: () => true },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:rs",
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => ({
          scope: "",
          audience: "vedette",
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: ALGORITHMS[resource] } },
        }),
      },
    },
  });
}

let answer = null;
const handler = (request, response) => answer(request, response);
const { PROVIDER_CERT, PROVIDER_KEY } = process.env;
const server = PROVIDER_CERT
  ? createSecureServer({ cert: readFileSync(PROVIDER_CERT), key: readFileSync(PROVIDER_KEY) }, handler)
  : createServer(handler);
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const issuer = PROVIDER_CERT ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  let rotations = 0;
  answer = provider(issuer).callback();
  const say = (words) => console.log(JSON.stringify(words));
  say({ issuer });
  const orders = createInterface({ input: process.stdin });
  orders.on("line", (line) => {
    const [order, name, groups] = line.split(" ");
    if (order === "groups") {
      PEOPLE[name] = groups ? groups.split(",") : [];
      say({ groups: PEOPLE[name] });
      return;
    }
    answer = provider(issuer).callback();
    rotations += 1;
    say({ rotated: rotations });
  });
  orders.on("close", () => process.exit(0));
});
