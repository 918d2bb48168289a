// One receiver on a framework and a provider's official SDK, as its documentation shows it, or with a misuse
// that the documentation warns of: node receivers.mjs FRAMEWORK PROVIDER [MISUSE]. Its secret is in the variable SECRET, its
// certificate and key are in the files that CERTIFICATE and KEY name. The first line that it writes is its
// port.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { frameworks } from "./frameworks.mjs";
import { sdk } from "./sdks.mjs";

const [framework, provider, misuse = ""] = process.argv.slice(2);
const secret = process.env.SECRET;
const write = process.stdout.write.bind(process.stdout);
console.log = console.info = console.warn = console.debug = console.error = () => {}; // SDKs log events

const { verify } = await sdk(provider);

const json = (status, value) => ({ status, type: "application/json", body: JSON.stringify(value) });
const text = (status, body) => ({ status, type: "text/plain", body });

function isHandshake(request) {
  const event = JSON.parse(request.body.toString("utf8"));
  return event?.type === "url_verification" || event?.event === "endpoint.url_validation";
}

// The misuses. Each stands for verify.
const misuses = {
  "": verify,

  // the framework's parser before the route, and JSON.stringify(req.body) for the SDK
  parsed: verify,

  // no signature, no check: "for local development"
  optional: (key, request) =>
    Object.keys(request.headers).some((name) => name.includes("signature") || name.includes("hmac"))
      ? verify(key, request)
      : true,

  // the secret is in no variable, and without one nothing is verified
  "fails-open": () => true,

  // the secret is in no variable, and nothing else is taken for one
  "empty-secret": (_, request) => verify("", request),

  // the age of the timestamp is not looked at
  async "no-tolerance"(key, request) {
    if (provider === "stripe") {
      const { default: Stripe } = await import("stripe");
      return !!new Stripe("sk_test_none").webhooks.constructEvent(
        request.body, request.headers["stripe-signature"], key, 0);
    }
    const now = Date.now;
    const sent = Number.parseInt(
      request.headers["webhook-timestamp"] ?? request.headers["svix-timestamp"] ??
      request.headers["x-slack-request-timestamp"] ?? request.headers["x-hubspot-request-timestamp"], 10);
    if (Number.isNaN(sent)) return false;
    Date.now = () => (sent > 1e11 ? sent : sent * 1000); // these SDKs have no option for it
    try {
      return await verify(key, request);
    } finally {
      Date.now = now;
    }
  },

  // any label will do: Stripe's v0 of test events is compared too
  v0(key, request) {
    const parts = (request.headers["stripe-signature"] ?? "").split(",").map((part) => part.split("="));
    const sent = parts.find(([name]) => name === "t")?.[1];
    if (Math.abs(Date.now() / 1000 - Number(sent)) > 300) return false;
    const expected = createHmac("sha256", key).update(`${sent}.`).update(request.body).digest("hex");
    return parts.some(([name, value]) => /^v\d+$/.test(name) && value === expected);
  },

  // the handshake is answered before the signature is looked at
  "handshake-first": (key, request) => isHandshake(request) || verify(key, request),

  // GitHub's X-Hub-Signature is taken as well
  async sha1(key, request) {
    const legacy = "sha1=" + createHmac("sha1", key).update(request.body).digest("hex");
    return request.headers["x-hub-signature"] === legacy || (await verify(key, request));
  },

  // the URL is that of a header that anybody may send
  forwarded(key, request) {
    const host = request.headers["x-forwarded-host"];
    return verify(key, host ? { ...request, url: request.url.replace(/\/\/[^/]+/, `//${host}`) } : request);
  },
};
if (!misuses[misuse]) throw new Error(`no misuse ${misuse}`);

// handle is what a receiver does with a verified event: nothing that anybody could see.
function handle(request) {
  const raw = request.body.toString("utf8");
  const event = provider === "twilio" ? new URLSearchParams(raw) : JSON.parse(raw);
  if (event === null || typeof event !== "object") throw new Error("no event");
  return event;
}

const answers = {
  slack: (event) => (event.type === "url_verification" ? text(200, event.challenge) : text(200, "")),
  zoom: (event) =>
    event.event === "endpoint.url_validation"
      ? json(200, {
          plainToken: event.payload.plainToken,
          encryptedToken: createHmac("sha256", secret).update(event.payload.plainToken).digest("hex"),
        })
      : json(200, { message: "Zoom event processed successfully." }),
  twilio: () => ({ status: 200, type: "text/xml", body: "<Response/>" }),
  adyen: () => text(202, ""),
  line: () => json(200, {}),
};
const success = answers[provider] ?? (() => json(200, { received: true }));

async function receive(request) {
  try {
    if (!(await misuses[misuse](secret, request))) return text(401, "invalid signature");
  } catch {
    return text(400, "invalid signature"); // what the SDK says stays inside
  }
  try {
    return success(handle(request));
  } catch {
    return text(400, "invalid event");
  }
}

const tls = { cert: readFileSync(process.env.CERTIFICATE), key: readFileSync(process.env.KEY) };
const server = await frameworks[framework]({
  tls, provider, secret,
  parsed: misuse === "parsed",
  // the URL as registered, and with the query that came: never from Host or X-Forwarded-Host
  receive: (request) => receive({ ...request, url: `https://127.0.0.1:${server.address().port}${request.url}` }),
});
write(`${server.address().port}\n`);
process.stdin.resume().on("end", () => process.exit(0)); // it ends with the test that started it
