// Payments by the official Stripe package for Node, against a running Calmony Pay and its sandbox processor.
//
// `make test-sdk` starts the server and runs this. CALMONY_URL and CALMONY_API_KEY say where it is.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import Stripe from "stripe";

const url = new URL(process.env.CALMONY_URL);
const stripe = new Stripe(process.env.CALMONY_API_KEY, { host: url.hostname, port: url.port, protocol: "http" });
const intents = stripe.paymentIntents;

/** The error that a call rejects with. */
async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "it succeeded" });
}

describe("payments", () => {
  test("an intent is confirmed, and given back in parts", async () => {
    const made = await intents.create({ amount: 1999, currency: "usd", automatic_payment_methods: { enabled: true } });
    assert.deepEqual([made.object, made.status], ["payment_intent", "requires_payment_method"]);
    const paid = await intents.confirm(made.id, { payment_method: "pm_card_visa" });
    assert.deepEqual([paid.status, paid.amount_received], ["succeeded", 1999]);
    const shown = await intents.retrieve(made.id, { expand: ["latest_charge"] });
    assert.equal(shown.latest_charge.payment_method_details.card.last4, "4242");
    const refund = await stripe.refunds.create({ payment_intent: made.id, amount: 999 });
    assert.deepEqual([refund.status, refund.amount, refund.charge], ["succeeded", 999, shown.latest_charge.id]);
    const charges = await stripe.charges.list({ payment_intent: made.id });
    assert.deepEqual(charges.data.map((one) => [one.refunded, one.amount_refunded]), [[false, 999]]);
  });

  test("a hold is captured in part, or canceled", async () => {
    const hold = () => intents.create({
      amount: 5000, currency: "eur", capture_method: "manual", confirm: true, payment_method: "pm_card_visa",
    });
    const held = await hold();
    assert.deepEqual([held.status, held.amount_capturable], ["requires_capture", 5000]);
    const taken = await intents.capture(held.id, { amount_to_capture: 1500 });
    assert.deepEqual([taken.status, taken.amount_received], ["succeeded", 1500]);
    const error = await errorOf(intents.cancel(held.id));
    assert.deepEqual([error.statusCode, error.code, error.payment_intent.id], [400, "payment_intent_unexpected_state", held.id]);
    assert.equal((await intents.cancel((await hold()).id)).status, "canceled");
  });

  test("a decline is a card error with the whole intent, and stays under its key", async () => {
    const options = { idempotencyKey: randomUUID() };
    const params = { amount: 1999, currency: "usd", confirm: true, payment_method: "pm_card_visa_chargeDeclined" };
    const error = await errorOf(intents.create(params, options));
    assert.ok(error instanceof Stripe.errors.StripeCardError);
    assert.deepEqual([error.statusCode, error.code, error.decline_code], [402, "card_declined", "generic_decline"]);
    assert.deepEqual([error.payment_intent.status, error.payment_intent.payment_method], ["requires_payment_method", null]);
    assert.equal(error.payment_method.object, "payment_method");
    assert.equal(error.charge, error.payment_intent.latest_charge);
    const again = await errorOf(intents.create(params, options));
    assert.equal(again.payment_intent.id, error.payment_intent.id);
  });

  test("a saved method is charged without the buyer", async () => {
    const customer = await stripe.customers.create({ name: "Ada" });
    const setUp = await stripe.setupIntents.create({ customer: customer.id, payment_method: "pm_card_visa", confirm: true });
    assert.equal(setUp.status, "succeeded");
    const offSession = { amount: 700, currency: "usd", customer: customer.id, off_session: true, confirm: true };
    assert.equal((await intents.create({ ...offSession, payment_method: setUp.payment_method })).status, "succeeded");
    const method = await stripe.paymentMethods.attach("pm_card_authenticationRequired", { customer: customer.id });
    const error = await errorOf(intents.create({ ...offSession, payment_method: method.id }));
    assert.deepEqual([error.code, error.payment_intent.status], ["authentication_required", "requires_payment_method"]);
    assert.equal(error.payment_method.id, method.id);
    assert.equal((await stripe.customers.retrievePaymentMethod(customer.id, method.id)).id, method.id);
    const declined = await errorOf(stripe.setupIntents.create({ payment_method: "pm_card_chargeDeclined", confirm: true }));
    assert.deepEqual([declined.statusCode, declined.setup_intent.payment_method], [402, null]);
  });

  test("search", async () => {
    const mark = randomUUID();
    for (const amount of [1000, 2000]) await intents.create({ amount, currency: "usd", metadata: { mark } });
    const found = await intents.search({ query: `metadata["mark"]:"${mark}" AND amount<2000` });
    assert.deepEqual(found.data.map((one) => one.amount), [1000]);
  });
});
