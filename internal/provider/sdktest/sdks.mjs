// The official SDKs, each behind the same two functions: verify says what the SDK says of a request, as its
// documentation shows; sign is the SDK's own signer or, where it has none, absent. Loaded when first used,
// because some take seconds.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

// A request is {method, url, headers (lower-case names), body (Buffer)}.
// What sign is given is {url, body (string), timestamp (seconds), id}; it returns {headers, url?, body?}.
const loaders = {
  async stripe() {
    const { default: Stripe } = await import("stripe");
    const stripe = new Stripe("sk_test_none");
    return {
      verify: (secret, r) => !!stripe.webhooks.constructEvent(r.body, r.headers["stripe-signature"], secret),
      sign: (secret, { body, timestamp }) => ({
        headers: {
          "Stripe-Signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp }),
        },
      }),
    };
  },

  async github() {
    const { Webhooks } = await import("@octokit/webhooks");
    return {
      verify: (secret, r) =>
        new Webhooks({ secret }).verify(r.body.toString("utf8"), r.headers["x-hub-signature-256"]),
      sign: async (secret, { body }) => ({
        headers: { "X-Hub-Signature-256": await new Webhooks({ secret }).sign(body) },
      }),
    };
  },

  async "standard-webhooks"() {
    const { Webhook } = await import("standardwebhooks");
    return {
      verify: (secret, r) => !!new Webhook(secret).verify(r.body.toString("utf8"), r.headers),
      sign: (secret, { body, id, timestamp }) => ({
        headers: {
          "webhook-id": id,
          "webhook-timestamp": String(timestamp),
          "webhook-signature": new Webhook(secret).sign(id, new Date(timestamp * 1000), body),
        },
      }),
    };
  },

  async svix() {
    const { Webhook } = await import("svix");
    return {
      verify: (secret, r) => !!new Webhook(secret).verify(r.body.toString("utf8"), r.headers),
      sign: (secret, { body, id, timestamp }) => ({
        headers: {
          "svix-id": id,
          "svix-timestamp": String(timestamp),
          "svix-signature": new Webhook(secret).sign(id, new Date(timestamp * 1000), body),
        },
      }),
    };
  },

  async slack() {
    const { verifySlackRequest } = await import("@slack/bolt");
    return {
      verify(signingSecret, r) {
        verifySlackRequest({
          signingSecret,
          body: r.body.toString("utf8"),
          headers: {
            "x-slack-signature": r.headers["x-slack-signature"],
            "x-slack-request-timestamp": Number.parseInt(r.headers["x-slack-request-timestamp"], 10),
          },
        });
        return true;
      },
    };
  },

  async shopify() {
    await import("@shopify/shopify-api/adapters/node");
    const { shopifyApi, ApiVersion, LogSeverity } = await import("@shopify/shopify-api");
    const api = (secret) =>
      shopifyApi({
        apiKey: "prelaunch",
        apiSecretKey: secret,
        apiVersion: Object.values(ApiVersion).at(-2),
        hostName: "127.0.0.1",
        isEmbeddedApp: false,
        logger: { level: LogSeverity.Error },
      });
    return {
      async verify(secret, r) {
        const result = await api(secret).webhooks.validate({
          rawBody: r.body.toString("utf8"),
          rawRequest: { method: r.method, url: r.url, headers: r.headers },
          rawResponse: {},
        });
        return result.valid;
      },
    };
  },

  async twilio() {
    const { default: twilio } = await import("twilio");
    return {
      verify: (secret, r) =>
        twilio.validateRequest(secret, r.headers["x-twilio-signature"], r.url,
          Object.fromEntries(new URLSearchParams(r.body.toString("utf8")))),
      sign: (secret, { url, body }) => ({
        headers: {
          "X-Twilio-Signature": require("twilio/lib/webhooks/webhooks").getExpectedTwilioSignature(
            secret, url, Object.fromEntries(new URLSearchParams(body))),
        },
      }),
    };
  },

  async "twilio-json"() {
    const { default: twilio } = await import("twilio");
    const webhooks = require("twilio/lib/webhooks/webhooks");
    return {
      verify: (secret, r) =>
        twilio.validateRequestWithBody(secret, r.headers["x-twilio-signature"], r.url, r.body.toString("utf8")),
      sign(secret, { url, body }) {
        const signed = `${url}${url.includes("?") ? "&" : "?"}bodySHA256=${webhooks.getExpectedBodyHash(body)}`;
        return {
          url: signed,
          headers: { "X-Twilio-Signature": webhooks.getExpectedTwilioSignature(secret, signed, {}) },
        };
      },
    };
  },

  async square() {
    // The package's main file is this class and seven seconds' worth of API client.
    const { WebhooksHelper } = require("./node_modules/square/wrapper/WebhooksHelper.js");
    return {
      verify: (secret, r) =>
        WebhooksHelper.verifySignature({
          requestBody: r.body.toString("utf8"),
          signatureHeader: r.headers["x-square-hmacsha256-signature"],
          signatureKey: secret,
          notificationUrl: r.url,
        }),
    };
  },

  async hubspot() {
    const { Signature } = await import("@hubspot/api-client");
    const options = (secret, url, body, timestamp) => ({
      clientSecret: secret, url, requestBody: body, timestamp,
    });
    return {
      verify: (secret, r) =>
        Signature.isValid({
          ...options(secret, r.url, r.body.toString("utf8"), Number(r.headers["x-hubspot-request-timestamp"])),
          signatureVersion: "v3",
          method: r.method,
          signature: r.headers["x-hubspot-signature-v3"],
        }),
      sign: (secret, { url, body, timestamp }) => ({
        headers: {
          "X-HubSpot-Request-Timestamp": String(timestamp * 1000),
          "X-HubSpot-Signature-v3": Signature.getSignature(
            "POST", "v3", options(secret, url, body, timestamp * 1000)),
        },
      }),
    };
  },

  async razorpay() {
    const { default: Razorpay } = await import("razorpay");
    return {
      verify: (secret, r) =>
        Razorpay.validateWebhookSignature(r.body.toString("utf8"), r.headers["x-razorpay-signature"], secret),
    };
  },

  async line() {
    const { validateSignature } = await import("@line/bot-sdk");
    return { verify: (secret, r) => validateSignature(r.body, secret, r.headers["x-line-signature"]) };
  },

  async adyen() {
    const { default: Validator } = require("@adyen/api-library/lib/src/utils/hmacValidator");
    const validator = new Validator();
    return {
      verify: (secret, r) =>
        JSON.parse(r.body.toString("utf8")).notificationItems.every((item) =>
          validator.validateHMAC(item.NotificationRequestItem, secret)),
      sign(secret, { body }) {
        const message = JSON.parse(body);
        for (const { NotificationRequestItem: item } of message.notificationItems) {
          item.additionalData ??= {};
          item.additionalData.hmacSignature = validator.calculateHmac(item, secret);
        }
        return { headers: {}, body: JSON.stringify(message) };
      },
    };
  },

  async zoom() {
    const { AwsLambdaReceiver } = await import("@zoom/rivet/chatbot");
    console.debug = () => {}; // the SDK writes every event to standard output
    return {
      async verify(secret, r) {
        const receiver = new AwsLambdaReceiver({ webhooksSecretToken: secret });
        receiver.init({ eventEmitter: { emit: async () => {} } });
        const response = await receiver.start()({ body: r.body.toString("utf8"), headers: r.headers }, {});
        return response.statusCode === 200;
      },
    };
  },

  async linear() {
    const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
    return { verify: (secret, r) => new LinearWebhookClient(secret).verify(r.body, r.headers["linear-signature"]) };
  },

  async gocardless() {
    const { parse } = require("gocardless-nodejs/webhooks");
    return { verify: (secret, r) => !!parse(r.body, secret, r.headers["webhook-signature"]) };
  },

  async onfido() {
    const { WebhookEventVerifier } = require("@onfido/api");
    return {
      verify: (secret, r) =>
        !!new WebhookEventVerifier(secret).readPayload(r.body, r.headers["x-sha2-signature"]),
    };
  },

  async sendgrid() {
    const { EventWebhook } = await import("@sendgrid/eventwebhook");
    const webhook = new EventWebhook();
    return {
      verify: (publicKey, r) =>
        webhook.verifySignature(
          webhook.convertPublicKeyToECDSA(publicKey), r.body,
          r.headers["x-twilio-email-event-webhook-signature"],
          r.headers["x-twilio-email-event-webhook-timestamp"]),
    };
  },

  async discord() {
    const { verifyKey } = await import("discord-interactions");
    return {
      verify: (publicKey, r) =>
        verifyKey(r.body, r.headers["x-signature-ed25519"], r.headers["x-signature-timestamp"], publicKey),
    };
  },
};

const loaded = {};

// sdk is the SDK of a provider.
export function sdk(name) {
  if (!loaders[name]) throw new Error(`no SDK of ${name}`);
  return (loaded[name] ??= loaders[name]());
}

export const names = Object.keys(loaders);
