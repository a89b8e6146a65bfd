// An OpenID provider on loopback whose clients get JWT access tokens with a groups claim.
//
// Says {"issuer": ...} on its standard output once it listens. Each line "rotate" on its
// standard input gives it new keys and drops the old ones; it says {"rotated": n} then.
// Ends with its standard input, so that it never outlives the test that started it.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const ALGORITHMS = { "urn:rs": "RS256", "urn:ps": "PS256", "urn:es": "ES256", "urn:ed": "EdDSA" };

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

function provider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: keys() },
    clients: [
      {
        client_id: "autogen",
        client_secret: "only-for-tests",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    extraTokenClaims: () => ({
      gty: "client-credentials",
      realm_access: { roles: ["ai-agents", "readers"] },
    }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
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
const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let rotations = 0;
  answer = provider(issuer).callback();
  console.log(JSON.stringify({ issuer }));
  const orders = createInterface({ input: process.stdin });
  orders.on("line", () => {
    answer = provider(issuer).callback();
    rotations += 1;
    console.log(JSON.stringify({ rotated: rotations }));
  });
  orders.on("close", () => process.exit(0));
});
