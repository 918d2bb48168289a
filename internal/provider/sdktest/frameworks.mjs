// The frameworks on which receivers run. Each takes the certificate, whether the body is parsed before the
// SDK gets it, and receive(request), which answers {status, type, body}; it resolves to the server. A body is
// kept raw as the framework's or the SDKs' documentation shows it, and parsed by the framework's own parser.

import { createServer } from "node:https";

export const path = "/webhooks";
const limit = 1 << 20;

// written is the body of a request that a parser read, as it is written again for the SDK.
const written = (body) => Buffer.from(JSON.stringify(body) ?? "");

export const frameworks = {
  async node({ tls, parsed, receive }) {
    const answer = async (incoming, body, size) => {
      if (incoming.url.split("?")[0] !== path) return { status: 404, type: "text/plain", body: "not found" };
      if (incoming.method !== "POST") return { status: 405, type: "text/plain", body: "method not allowed" };
      if (size > limit) return { status: 413, type: "text/plain", body: "too large" };
      if (parsed) {
        try {
          body = written(JSON.parse(body.toString("utf8")));
        } catch {
          return { status: 400, type: "text/plain", body: "invalid JSON" };
        }
      }
      return receive({ method: incoming.method, url: incoming.url, headers: incoming.headers, body });
    };
    const server = createServer(tls, (incoming, outgoing) => {
      const chunks = [];
      let size = 0;
      incoming.on("data", (chunk) => {
        size += chunk.length;
        if (size <= limit) chunks.push(chunk);
      });
      incoming.on("error", () => outgoing.destroy());
      incoming.on("end", async () => {
        const response = await answer(incoming, Buffer.concat(chunks), size);
        outgoing.writeHead(response.status, { "Content-Type": response.type });
        outgoing.end(response.body);
      });
    });
    return listening(server);
  },

  async express({ tls, parsed, receive }) {
    const { default: express } = await import("express");
    const app = express();
    const body = parsed ? express.json({ limit }) : express.raw({ type: "*/*", limit });
    app.post(path, body, async (req, res) => {
      const { status, type, body } = await receive({
        method: req.method, url: req.originalUrl, headers: req.headers,
        body: parsed ? written(req.body) : (req.body ?? Buffer.alloc(0)), // undefined where there is none
      });
      res.status(status).type(type).send(body);
    });
    return listening(createServer(tls, app));
  },

  async fastify({ tls, parsed, receive }) {
    const { default: fastify } = await import("fastify");
    const app = fastify({ https: tls, bodyLimit: limit });
    if (!parsed) {
      app.addContentTypeParser(
        ["application/json", "application/x-www-form-urlencoded"], { parseAs: "buffer" }, (_, body, done) => done(null, body));
    }
    app.post(path, async (request, reply) => {
      const { status, type, body } = await receive({
        method: request.method, url: request.url, headers: request.headers,
        body: parsed ? written(request.body) : (request.body ?? Buffer.alloc(0)),
      });
      return reply.code(status).type(type).send(body);
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return app.server;
  },

  async hono({ tls, parsed, receive }) {
    const { Hono } = await import("hono");
    const { bodyLimit } = await import("hono/body-limit");
    const { serve } = await import("@hono/node-server");
    const app = new Hono();
    app.post(path, bodyLimit({ maxSize: limit }), async (c) => {
      let body;
      try {
        body = parsed ? written(await c.req.json()) : Buffer.from(await c.req.arrayBuffer());
      } catch {
        return c.text("invalid body", 400);
      }
      const url = new URL(c.req.url);
      const response = await receive({
        method: c.req.method, url: url.pathname + url.search, headers: c.req.header(), body,
      });
      return c.body(response.body, response.status, { "Content-Type": response.type });
    });
    return new Promise((resolve) => {
      const server = serve(
        { fetch: app.fetch, createServer, serverOptions: tls, port: 0, hostname: "127.0.0.1" }, () => resolve(server));
    });
  },

  async koa({ tls, parsed, receive }) {
    const { default: Koa } = await import("koa");
    const { bodyParser } = await import("@koa/bodyparser");
    const app = new Koa();
    app.silent = true;
    app.use(bodyParser({ jsonLimit: limit, formLimit: limit }));
    app.use(async (ctx) => {
      if (ctx.path !== path || ctx.method !== "POST") return; // 404
      const { status, type, body } = await receive({
        method: ctx.method, url: ctx.url, headers: ctx.headers,
        body: parsed ? written(ctx.request.body) : Buffer.from(ctx.request.rawBody ?? ""),
      });
      Object.assign(ctx, { status, type, body });
    });
    return listening(createServer(tls, app.callback()));
  },

  // the receiver or the middleware that the SDK itself has, on Express where it needs one
  async sdk({ tls, provider, secret }) {
    const { default: express } = await import("express");
    const app = express();
    await own[provider](app, secret);
    return listening(createServer(tls, app));
  },
};

const own = {
  async github(app, secret) {
    const { Webhooks, createNodeMiddleware } = await import("@octokit/webhooks");
    app.use(createNodeMiddleware(new Webhooks({ secret }), { path }));
  },

  async slack(app, signingSecret) {
    const { default: bolt } = await import("@slack/bolt");
    const receiver = new bolt.ExpressReceiver({ signingSecret, endpoints: path, app, logLevel: bolt.LogLevel.ERROR });
    new bolt.App({ receiver, authorize: async () => ({ botToken: "prelaunch", botId: "B0", botUserId: "U0" }) });
    app.use(receiver.router);
  },

  async line(app, channelSecret) {
    const { middleware, JSONParseError, SignatureValidationFailed } = await import("@line/bot-sdk");
    app.post(path, middleware({ channelSecret }), (req, res) => res.json({}));
    app.use((error, req, res, next) => {
      if (error instanceof SignatureValidationFailed) res.status(401).send("invalid signature");
      else if (error instanceof JSONParseError) res.status(400).send("invalid JSON");
      else next(error);
    });
  },

  async twilio(app, token) {
    const { default: express } = await import("express");
    const { default: twilio } = await import("twilio");
    app.post(path, express.urlencoded({ extended: false }), twilio.webhook(token, { protocol: "https" }),
      (req, res) => res.type("text/xml").send("<Response/>"));
  },
};

function listening(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
