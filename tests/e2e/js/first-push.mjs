// A first push in JavaScript, written from services/FORMATS.md §1, §2, §9 and openapi/*.json alone.
//
//   node first-push.mjs GATEWAY CLIENT_ID KEY.pem MANIFEST.json FILES RECEIPT.json
//
// node:crypto builds and signs the signature base; SIGN_WITH=http-message-signatures lets that npm package do it instead.
// A private CA goes into NODE_EXTRA_CA_CERTS.
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";

const [gateway, client, keyFile, manifestFile, files, receiptFile] = process.argv.slice(2);
if (!receiptFile) throw new Error("GATEWAY CLIENT_ID KEY.pem MANIFEST.json FILES RECEIPT.json");

const key = createPrivateKey(readFileSync(keyFile));
const { x } = createPublicKey(key).export({ format: "jwk" });
const thumbprint = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
const now = () => Math.floor(Date.now() / 1000);
const nonce = () => randomBytes(16).toString("base64url");

function send(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const content = Buffer.concat(chunks);
        if (answer.statusCode >= 300) reject(new Error(`${method} ${url}: ${answer.statusCode} ${content}`));
        else resolve({ status: answer.statusCode, content });
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}

const json = async (answer) => JSON.parse((await answer).content);

async function accessToken(auth) {
  const metadata = await json(send("GET", `${auth}/.well-known/oauth-authorization-server`, {}));
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: client, sub: client, aud: metadata.issuer, iat: now(), exp: now() + 120, jti: nonce() };
  const signed = `${part({ alg: "EdDSA", kid: thumbprint, typ: "JWT" })}.${part(claims)}`;
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`,
  }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": form.length };
  return (await json(send("POST", metadata.token_endpoint, headers, form))).access_token;
}

function covered(headers) {
  const names = ["@method", "@target-uri", "authorization"];
  return "content-digest" in headers ? [...names, "content-type", "content-length", "content-digest"] : names;
}

function signatureByHand(method, url, headers) {
  const names = covered(headers);
  const values = { "@method": method, "@target-uri": url, ...headers };
  const created = now();
  const parameters =
    `(${names.map((name) => `"${name}"`).join(" ")});created=${created};expires=${created + 120}` +
    `;nonce="${nonce()}";keyid="${thumbprint}";tag="nopluu/1"`;
  const lines = [...names.map((name) => `"${name}": ${values[name]}`), `"@signature-params": ${parameters}`];
  const signature = sign(null, Buffer.from(lines.join("\n")), key).toString("base64");
  return { "signature-input": `nopluu=${parameters}`, signature: `nopluu=:${signature}:` };
}

async function signatureByTheLibrary(method, url, headers) {
  const { httpbis } = await import("http-message-signatures");
  const created = new Date(now() * 1000);
  const message = await httpbis.signMessage(
    {
      key: { id: thumbprint, sign: async (data) => sign(null, data, key) },
      name: "nopluu",
      fields: covered(headers),
      params: ["created", "expires", "nonce", "keyid", "tag"],
      paramValues: { created, expires: new Date(created.getTime() + 120_000), nonce: nonce(), tag: "nopluu/1" },
    },
    { method, url, headers },
  );
  return Object.fromEntries(
    Object.entries(message.headers)
      .filter(([name]) => /^signature(-input)?$/i.test(name))
      .map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
}

const signature = process.env.SIGN_WITH === "http-message-signatures" ? signatureByTheLibrary : signatureByHand;

async function signed(token, method, url, body, type) {
  const headers = { authorization: `Bearer ${token}` };
  if (body) {
    headers["content-type"] = type;
    headers["content-length"] = String(body.length);
    headers["content-digest"] = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  }
  return send(method, url, { ...headers, ...(await signature(method, url, headers)) }, body);
}

const { origins } = await json(send("GET", `${gateway}/.well-known/nopluu`, {}));
const token = await accessToken(origins.auth);

const manifest = readFileSync(manifestFile);
const size = 8 * 1024 * 1024;
const packages = `${origins.ingest}/v1/packages`;
const declared = await json(signed(token, "POST", `${packages}?part_size=${size}`, manifest, "application/json"));

const names = JSON.parse(manifest).documents.flatMap((document) => document.components.map(({ name }) => name));
const payload = Buffer.concat(names.map((name) => readFileSync(join(files, name))));
if (payload.length !== declared.payload_size) throw new Error(JSON.stringify(declared.not_planned));
for (let number = 0; number < declared.parts; number++) {
  const part = payload.subarray(number * size, (number + 1) * size);
  await signed(token, "PUT", `${packages}/${declared.package}/parts/${number}`, part, "application/octet-stream");
}

let receipt;
do receipt = await signed(token, "GET", `${packages}/${declared.package}/receipt?wait=30`);
while (receipt.status === 202);
writeFileSync(receiptFile, receipt.content);
console.log(declared.package);
