// The official Stripe package for Node, and the Standard Webhooks one, against a running Calmony Pay.
//
// `make test-sdk` starts the server and runs this. CALMONY_URL and CALMONY_API_KEY say where it is.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { freePort } from "./free_port.mjs";

const url = new URL(process.env.CALMONY_URL);
const where = { host: url.hostname, port: url.port, protocol: "http" };
const stripe = new Stripe(process.env.CALMONY_API_KEY, where);

/** The error that a call rejects with. */
async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "it succeeded" });
}

async function all(list) {
  const found = [];
  for await (const one of list) found.push(one.id);
  return found;
}

describe("customers", () => {
  test("create, update, retrieve, delete", async () => {
    const made = await stripe.customers.create({
      name: "Ada Lovelace & daughter",
      metadata: { plan: "pro", seats: 3 },
      shipping: { name: "Ada", address: { line1: "12 St James's Square" } },
      invoice_settings: { custom_fields: [{ name: "PO", value: "1" }, { name: "VAT", value: "2" }] },
    });
    assert.equal(made.object, "customer");
    assert.equal(made.metadata.seats, "3");
    assert.equal(made.shipping.address.line1, "12 St James's Square");
    assert.deepEqual(made.invoice_settings.custom_fields.map((one) => one.value), ["1", "2"]);
    const changed = await stripe.customers.update(made.id, { name: null, metadata: { plan: null, level: "5" } });
    assert.equal(changed.name, null);
    assert.deepEqual({ ...changed.metadata }, { seats: "3", level: "5" });
    assert.equal((await stripe.customers.retrieve(made.id)).id, made.id);
    assert.equal((await stripe.customers.del(made.id)).deleted, true);
    assert.equal((await stripe.customers.retrieve(made.id)).deleted, true);
  });

  test("products", async () => {
    const made = await stripe.products.create({ name: "Gold", marketing_features: [{ name: "Fast" }] });
    assert.deepEqual([made.object, made.active, made.default_price], ["product", true, null]);
    const changed = await stripe.products.update(made.id, { active: false, description: "" });
    assert.deepEqual([changed.active, changed.description], [false, null]);
    assert.deepEqual(await all(stripe.products.list({ ids: [made.id], active: false })), [made.id]);
    assert.equal((await stripe.products.del(made.id)).deleted, true);
  });

  test("payment methods", async () => {
    const made = await stripe.paymentMethods.create({ type: "card", card: { token: "tok_mastercard" } });
    assert.deepEqual([made.object, made.card.brand, made.customer], ["payment_method", "mastercard", null]);
    const customer = await stripe.customers.create({ name: "Ada" });
    assert.equal((await stripe.paymentMethods.attach(made.id, { customer: customer.id })).customer, customer.id);
    assert.deepEqual(await all(stripe.customers.listPaymentMethods(customer.id)), [made.id]);
    const declined = await stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa_chargeDeclined" } });
    const error = await errorOf(stripe.paymentMethods.attach(declined.id, { customer: customer.id }));
    assert.deepEqual([error.type, error.code, error.decline_code], ["StripeCardError", "card_declined", "generic_decline"]);
    assert.equal((await stripe.paymentMethods.detach(made.id)).customer, null);
  });

  test("auto-pagination in both directions, and while deleting", async () => {
    const email = `${randomUUID()}@example.com`;
    const made = [];
    for (let n = 0; n < 25; n++) made.push((await stripe.customers.create({ email })).id);
    assert.deepEqual(await all(stripe.customers.list({ email, limit: 10 })), made.toReversed());
    assert.deepEqual(await all(stripe.customers.list({ email, limit: 10, ending_before: made[0] })), made.slice(1));
    for await (const one of stripe.customers.list({ email, limit: 4 })) await stripe.customers.del(one.id);
    assert.deepEqual(await all(stripe.customers.list({ email })), []);
  });

  test("search finds at once, and pages", async () => {
    const mark = randomUUID();
    const made = [];
    for (let n = 0; n < 12; n++) made.push((await stripe.customers.create({ email: `${n}@${mark}.example` })).id);
    const query = `email~"@${mark}"`;
    assert.deepEqual(await all(stripe.customers.search({ query, limit: 5 })), made.toReversed());
    assert.equal((await stripe.customers.search({ query: `${query} -email:"3@${mark}.example"` })).data.length, 10);
  });

  test("brackets are literal in the query", async () => {
    const made = await stripe.customers.create({});
    const found = await stripe.customers.list({ created: { gte: made.created }, limit: 100 });
    assert.ok(found.data.some((one) => one.id === made.id));
    assert.deepEqual((await stripe.customers.list({ created: { gt: made.created + 3600 } })).data, []);
  });

  test("errors are of the right class", async () => {
    const missing = await errorOf(stripe.customers.retrieve("cus_nothing"));
    assert.ok(missing instanceof Stripe.errors.StripeInvalidRequestError);
    assert.deepEqual([missing.statusCode, missing.code, missing.param], [404, "resource_missing", "id"]);
    assert.match(missing.requestId, /^req_/);
    const stranger = new Stripe("sk_test_wrong", where);
    const unknown = await errorOf(stranger.customers.list());
    assert.ok(unknown instanceof Stripe.errors.StripeAuthenticationError);
    const invalid = await errorOf(stripe.customers.create({ email: "nonsense" }));
    assert.deepEqual([invalid.code, invalid.param], ["email_invalid", "email"]);
    const expand = await errorOf(stripe.customers.create({ expand: ["nothing"] }));
    assert.equal(expand.statusCode, 400);
  });

  test("idempotent retries", async () => {
    const options = { idempotencyKey: randomUUID() };
    const first = await stripe.customers.create({ name: "once" }, options);
    const again = await stripe.customers.create({ name: "once" }, options);
    assert.equal(again.id, first.id);
    assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
    const reused = await errorOf(stripe.customers.create({ name: "twice" }, options));
    assert.ok(reused instanceof Stripe.errors.StripeIdempotencyError);
    assert.equal((await all(stripe.customers.list({ limit: 100 }))).filter((id) => id === first.id).length, 1);
  });
});

describe("webhooks", () => {
  let server, endpoint;
  const got = [];
  const waiting = [];

  before(async () => {
    server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      const delivery = { headers: request.headers, body: Buffer.concat(parts) };
      const next = waiting.shift();
      if (next) next(delivery);
      else got.push(delivery);
      response.end();
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const hook = `http://127.0.0.1:${server.address().port}/hook`;
    endpoint = await stripe.webhookEndpoints.create({ url: hook, enabled_events: ["customer.created", "customer.updated"] });
  });

  after(async () => {
    await stripe.webhookEndpoints.del(endpoint.id);
    server.closeAllConnections();
    server.close();
  });

  const next = () => (got.length ? Promise.resolve(got.shift()) : new Promise((resolve) => waiting.push(resolve)));

  test("a webhook verifies with both libraries", { timeout: 20_000 }, async () => {
    const made = await stripe.customers.create({ name: "Ada" });
    const { headers, body } = await next();
    const event = stripe.webhooks.constructEvent(body, headers["stripe-signature"], endpoint.secret);
    assert.deepEqual([event.type, event.data.object.id], ["customer.created", made.id]);
    assert.equal(new Webhook(endpoint.secret).verify(body.toString(), headers).id, event.id);
    assert.throws(() => stripe.webhooks.constructEvent(body + " ", headers["stripe-signature"], endpoint.secret));
    assert.throws(() => new Webhook(endpoint.secret).verify(body + " ", headers));
    await stripe.customers.update(made.id, { metadata: { a: "1" } });
    const changed = JSON.parse((await next()).body);
    assert.deepEqual(changed.data.previous_attributes, { metadata: { a: null } });
  });

  test("events and endpoints", async () => {
    const listed = await stripe.events.list({ types: ["customer.created", "customer.updated"], limit: 2 });
    assert.equal(listed.data.length, 2);
    assert.equal((await stripe.events.retrieve(listed.data[0].id)).id, listed.data[0].id);
    const changed = await stripe.webhookEndpoints.update(endpoint.id, { enabled_events: ["*"], metadata: { team: "a" } });
    assert.deepEqual(changed.enabled_events, ["*"]);
    assert.ok((await all(stripe.webhookEndpoints.list())).includes(endpoint.id));
  });

  test("the receiver of the documentation takes what is signed, and nothing else", async () => {
    const pages = readFileSync(join(process.env.DOCS, "RECEIVERS.md"), "utf8");
    const program = pages.split("## Node\n")[1].split("```js\n")[1].split("```")[0].replace("listen(3000)", "listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listens'))");
    const file = new URL("documented.mjs", import.meta.url);
    writeFileSync(file, program);
    const port = await freePort();
    const where = `http://127.0.0.1:${port}/hook`;
    const made = await stripe.webhookEndpoints.create({ url: where, enabled_events: ["customer.created"] });
    const child = spawn(process.execPath, [file.pathname], { env: { ...process.env, PORT: String(port), WEBHOOK_SECRET: made.secret }, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    const until = (what) => new Promise((done) => {
      const look = () => said.includes(what) && (child.stdout.off("data", look), done());
      child.stdout.on("data", look);
      look();
    });
    child.stdout.on("data", (data) => { said += data; });
    try {
      await until("listens");
      assert.equal((await fetch(where, { method: "POST", body: "{}" })).status, 400);
      const customer = await stripe.customers.create({ name: "Ada" });
      await until(`customer.created ${customer.id}`);
    } finally {
      child.kill();
      await stripe.webhookEndpoints.del(made.id);
    }
  });

  test("any call can be made by hand", async () => {
    const rolled = await stripe.rawRequest("POST", `/v1/webhook_endpoints/${endpoint.id}/roll_secret`, { overlap: 3600 });
    assert.match(rolled.secret, /^whsec_/);
    assert.notEqual(rolled.secret, endpoint.secret);
  });
});
