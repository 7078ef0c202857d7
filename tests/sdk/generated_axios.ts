// A client that openapi-generator (typescript-axios) makes of the contract, against a running Calmony Pay.
//
// `make test-sdk` generates it, compiles both and runs this. CALMONY_URL is the server's URL, and
// CALMONY_API_KEY is a key of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isAxiosError } from "axios";
import { Configuration, CustomersApi, EventsApi, WebhookEndpointsApi } from "./axios_client";
import type { Event, ModelError } from "./axios_client";

const configuration = new Configuration({
  basePath: process.env.CALMONY_URL!,
  accessToken: process.env.CALMONY_API_KEY!,
});
const customers = new CustomersApi(configuration);
const endpoints = new WebhookEndpointsApi(configuration);
const events = new EventsApi(configuration);

test("customers: create, update with metadata, list", async () => {
  const email = `${crypto.randomUUID()}@example.com`;
  const params = { name: "Ada", email, metadata: { plan: "pro" }, address: { city: "London" }, preferred_locales: ["en", "de"] };
  const { data: made } = await customers.postV1Customers(undefined, email, params);
  assert.match(made.id, /^cus_/);
  assert.deepEqual([made.address?.city, made.address?.country, made.currency], ["London", null, null]);
  assert.deepEqual(made.preferred_locales, ["en", "de"]);
  const changes = { metadata: { plan: null, level: "5" } };
  const { data: changed } = await customers.postV1CustomersId(made.id, undefined, undefined, changes);
  assert.deepEqual([changed.metadata, changed.name], [{ level: "5" }, "Ada"]);
  const { data: listed } = await customers.getV1Customers(undefined, undefined, made.created, undefined, undefined, email);
  assert.deepEqual(listed.data.map((one) => one.id), [made.id]);
  const { data: deleted } = await customers.deleteV1CustomersId(made.id);
  assert.equal(deleted.deleted, true);
});

test("an endpoint, and the event of it", async () => {
  const url = "http://127.0.0.1:9009/hook";
  const { data: made } = await endpoints.postV1WebhookEndpoints({
    url, enabled_events: ["customer.created", "customer.updated"], metadata: { a: "b" },
  });
  assert.match(made.secret, /^whsec_/);
  assert.deepEqual([made.enabled_events, made.metadata], [["customer.created", "customer.updated"], { a: "b" }]);
  const { data: found } = await events.getV1Events(undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, made.id);
  const event: Event | undefined = found.data[0];
  assert.equal(event?.type, "webhook_endpoint.created");
  const { object } = event!.data;
  assert.equal("secret_version" in object && object.url, url);
});

test("an error says what it is", async () => {
  const error = await customers.getV1CustomersId("cus_nothing").catch((error: unknown) => error);
  assert.ok(isAxiosError<ModelError>(error));
  assert.equal(error.response?.data.error.code, "resource_missing");
});
