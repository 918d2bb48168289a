// A receiver of Begini's webhooks with Node's own modules only. Copy it, and put your own work into take().
//
// It reads BEGINI_API_KEY and BEGINI_INTEGRATION_ID, listens at LISTEN (default 127.0.0.1:8443), and speaks HTTPS itself when
// TLS_CERT_FILE and TLS_KEY_FILE are set; otherwise something in front of it must.
//
// The order matters: bound the body, verify its raw bytes, and only then parse and validate. With Express, keep the raw bytes:
// express.raw({type: () => true, limit: "1mb"}), never express.json() ahead of the verification. Refusals say nothing about why, and
// the log holds no UID, no payload and no signature.

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import { createServer as createSecure } from "node:https";

const maxBody = 1 << 20; // bytes; events are a few KiB
const types = new Set([
  "psychometric_score.complete", "android_score.complete", "ios_score.complete",
  "application.complete", "application.expired", "application.incomplete", "application.cancelled",
]);

const key = process.env.BEGINI_API_KEY ?? "";
const integrationId = process.env.BEGINI_INTEGRATION_ID ?? "";
if (key.length < 16 || integrationId === "") { // an unset key must stop the program, not become a key
  console.error("set BEGINI_API_KEY and BEGINI_INTEGRATION_ID");
  process.exit(1);
}

const taken = new Set(); // in production: a unique index over uid and type in the database

class Refused extends Error {
  constructor(status) {
    super("refused");
    this.status = status;
  }
}

async function receive(request, response) {
  if (new URL(request.url, "http://receiver").pathname !== "/begini") throw new Refused(404);
  if (request.method !== "POST") throw new Refused(405);
  const body = await rawBody(request);
  if (!signed(request.headers["x-signature"], body)) throw new Refused(401);
  take(parse(body));
  answer(response, 200, '{"status":"ok"}'); // exactly 200: the provider counts 201 and 204 as failures
}

function rawBody(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    request.on("data", (chunk) => {
      size += chunk.length;
      if (size > maxBody) reject(new Refused(413));
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", () => reject(new Refused(400)));
  });
}

// signed compares in constant time, over the bytes as they arrived. Several headers arrive joined by commas and do not match.
function signed(given, body) {
  if (typeof given !== "string" || !/^[0-9a-f]{128}$/i.test(given)) return false; // timingSafeEqual throws for other lengths
  const expected = createHmac("sha512", key).update(body).digest();
  return timingSafeEqual(Buffer.from(given, "hex"), expected);
}

function parse(body) {
  let event;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new Refused(400); // the parser's message would quote the payload
  }
  if (!isObject(event)) throw new Refused(400);
  const { uid, integration_id, event: inner } = event;
  if (typeof uid !== "string" || !/^[A-Za-z0-9-]{5,60}$/.test(uid) || integration_id !== integrationId) throw new Refused(422);
  if (!isObject(inner) || typeof inner.type !== "string" || !types.has(inner.type)) throw new Refused(422);
  return { uid, type: inner.type, details: inner.details };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// take does the work once, however often the event is delivered. Keep it short, or hand it to a queue: the provider does not wait.
function take(event) {
  const name = `${event.uid} ${event.type}`;
  if (taken.has(name)) {
    console.error("event known already");
    return;
  }
  taken.add(name);
  console.error(`event taken: ${event.type}`);
}

function answer(response, status, body) {
  if (response.headersSent) return;
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  if (status === 405) headers.Allow = "POST";
  if (status === 413) headers.Connection = "close"; // what was not read would be taken for the next request
  response.writeHead(status, headers);
  response.end(body);
}

function handle(request, response) {
  receive(request, response).catch((error) => {
    const status = error instanceof Refused ? error.status : 500; // what went wrong stays inside
    console.error(status === 500 ? "failed while taking an event" : `refused with ${status}`);
    request.resume();
    answer(response, status, '{"error":"refused"}');
  });
}

const options = { requestTimeout: 15_000, headersTimeout: 5_000, keepAliveTimeout: 60_000 };
const server = process.env.TLS_CERT_FILE
  ? createSecure({
      ...options, minVersion: "TLSv1.2",
      cert: readFileSync(process.env.TLS_CERT_FILE), key: readFileSync(process.env.TLS_KEY_FILE),
    }, handle)
  : createPlain(options, handle);

const listen = process.env.LISTEN ?? "127.0.0.1:8443";
const colon = listen.lastIndexOf(":");
server.listen(Number(listen.slice(colon + 1)), listen.slice(0, colon), () => {
  console.log(`listening on ${listen.slice(0, colon)}:${server.address().port}`);
});
