// An OpenID provider on loopback for the client's own logins: code with PKCE, device, client credentials.
//
// Says {"issuer": ...} on its standard output once it listens; ends with its standard input. Its development
// forms take any name for a person, without a password.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const seconds = Number(process.env.SECONDS ?? 300);

function provider(issuer) {
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
  return new Provider(issuer, {
    jwks: { keys: [{ ...key, kid: "one", use: "sig", alg: "ES256" }] },
    clients: [
      {
        client_id: "vedette-cli",
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        redirect_uris: ["http://127.0.0.1/callback"],
        response_types: ["code"],
        id_token_signed_response_alg: "ES256",
      },
      {
        client_id: "autogen",
        client_secret: "only-for-tests",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
      },
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    pkce: { required: () => true },
    claims: { openid: ["sub"], groups: ["groups"] },
    scopes: ["openid", "offline_access", "groups"],
    extraTokenClaims: (_context, token) => ({
      groups: token.kind === "ClientCredentials" ? ["ai-agents"] : ["dba"],
      ...(token.kind === "ClientCredentials" ? { gty: "client-credentials" } : {}),
    }),
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, groups: ["dba"] }) }),
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:vedette",
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "",
          audience: "urn:vedette",
          accessTokenFormat: "jwt",
          accessTokenTTL: seconds,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
}

let answer = null;
const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  answer = provider(issuer).callback();
  console.log(JSON.stringify({ issuer }));
  process.stdin.on("end", () => process.exit(0)).resume();
});
