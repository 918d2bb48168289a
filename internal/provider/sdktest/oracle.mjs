// Answers questions about the SDKs, one JSON object a line: {provider, op: "verify"|"sign", secret, …}.

import { createInterface } from "node:readline";
import { names, sdk } from "./sdks.mjs";

console.log = console.info = console.warn = (...words) => console.error(...words); // stdout is for answers

async function answer({ op, provider, secret, request, input }) {
  if (op === "names") return { names };
  const { verify, sign } = await sdk(provider);
  if (op === "sign") {
    if (!sign) return { none: true };
    return { signed: await sign(secret, input) };
  }
  try {
    return { accepted: (await verify(secret, { ...request, body: Buffer.from(request.body, "base64") })) === true };
  } catch (error) {
    return { accepted: false, reason: String(error.message ?? error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = await answer(JSON.parse(line));
  } catch (error) {
    result = { error: String(error.stack ?? error) };
  }
  process.stdout.write(JSON.stringify(result) + "\n");
}
