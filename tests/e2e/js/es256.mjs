// private_key_jwt and request signatures with P-256, written from services/FORMATS.md §9 alone.
//
//   node es256.mjs AUTH_ORIGIN CLIENT_ID KEY.pem
//
// Prints what the server answers to right and to DER-encoded signatures. A private CA goes into NODE_EXTRA_CA_CERTS.
import { createHash, createPrivateKey, createPublicKey, randomBytes, randomInt, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";

const [origin, client, keyFile] = process.argv.slice(2);
if (!keyFile) throw new Error("AUTH_ORIGIN CLIENT_ID KEY.pem");

const key = createPrivateKey(readFileSync(keyFile));
const { x, y } = createPublicKey(key).export({ format: "jwk" });
const canonical = `{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`;
const thumbprint = createHash("sha256").update(canonical).digest("base64url");
const now = () => Math.floor(Date.now() / 1000);
const nonce = () => randomBytes(16).toString("base64url");
// Node's own default is DER; JOSE and RFC 9421 want r ‖ s.
const ecdsa = (text, dsaEncoding) => sign("sha256", Buffer.from(text), { key, dsaEncoding });

function send(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks)) }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

function token(encoding) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: client, sub: client, aud: origin, iat: now(), exp: now() + 120, jti: nonce() };
  const signed = `${part({ alg: "ES256", kid: thumbprint, typ: "client-authentication+jwt" })}.${part(claims)}`;
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: `${signed}.${ecdsa(signed, encoding).toString("base64url")}`,
  }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": form.length };
  return send("POST", `${origin}/v1/token`, headers, form);
}

function signed(accessToken, method, path, body, encoding) {
  const url = `${origin}${path}`;
  const headers = { authorization: `Bearer ${accessToken}` };
  const names = ["@method", "@target-uri", "authorization"];
  if (body) {
    headers["content-type"] = "application/json";
    headers["content-length"] = String(body.length);
    headers["content-digest"] = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
    names.push("content-type", "content-length", "content-digest");
  }
  const values = { "@method": method, "@target-uri": url, ...headers };
  const parameters =
    `(${names.map((name) => `"${name}"`).join(" ")});created=${now()};expires=${now() + 120}` +
    `;nonce="${nonce()}";keyid="${thumbprint}";alg="ecdsa-p256-sha256";tag="nopluu/1"`;
  const base = [...names.map((name) => `"${name}": ${values[name]}`), `"@signature-params": ${parameters}`].join("\n");
  headers["signature-input"] = `js=${parameters}`;
  headers.signature = `js=:${ecdsa(base, encoding).toString("base64")}:`;
  return send(method, url, headers, body);
}

const right = "ieee-p1363";
const granted = await token(right);
const bearer = granted.body.access_token;
const agency = JSON.stringify({
  name: "Xã",
  kind: "x",
  level: "x",
  valid_from: "2025-07-01",
  codes: [{ code: `H${randomInt(10, 100)}.${randomInt(100, 1000)}`, valid_from: "2025-07-01" }],
});
const body = Buffer.from(agency);
console.log(
  JSON.stringify({
    token: granted.status,
    read: (await signed(bearer, "GET", "/v1/agencies?limit=1", undefined, right)).status,
    write: (await signed(bearer, "POST", "/v1/agencies", body, right)).status,
    der_token: (await token("der")).body.code,
    der_read: (await signed(bearer, "GET", "/v1/agencies?limit=1", undefined, "der")).body.code,
    der_write: (await signed(bearer, "POST", "/v1/agencies", body, "der")).body.code,
  }),
);
