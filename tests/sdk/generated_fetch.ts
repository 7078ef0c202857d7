// The types that openapi-typescript makes of the contract, with openapi-fetch, against a running Calmony Pay.
//
// `make test-sdk` generates them, compiles both and runs this. CALMONY_URL is the server's URL, and
// CALMONY_API_KEY is a key of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import createClient from "openapi-fetch";
import type { components, paths } from "./contract";

const client = createClient<paths>({
  baseUrl: process.env.CALMONY_URL!,
  headers: { authorization: `Bearer ${process.env.CALMONY_API_KEY}` },
});

test("customers: create, update with metadata, list", async () => {
  const email = `${crypto.randomUUID()}@example.com`;
  const { data: made } = await client.POST("/v1/customers", {
    params: { header: { "Idempotency-Key": email } },
    body: { name: "Ada", email, metadata: { plan: "pro" }, address: { city: "London" }, preferred_locales: ["en", "de"] },
  });
  assert.ok(made);
  assert.deepEqual([made.address?.city, made.address?.country, made.currency], ["London", null, null]);
  const { data: changed } = await client.POST("/v1/customers/{id}", {
    params: { path: { id: made.id } },
    body: { metadata: { plan: null, level: "5" } },
  });
  assert.deepEqual([changed?.metadata, changed?.name], [{ level: "5" }, "Ada"]);
  const query = { email, "created[gte]": made.created, limit: 5 };
  const { data: listed } = await client.GET("/v1/customers", { params: { query } });
  assert.deepEqual(listed?.data.map((one) => one.id), [made.id]);
});

test("an endpoint, and the event of it", async () => {
  const url = "http://127.0.0.1:9009/hook";
  const body = { url, enabled_events: ["customer.created" as const, "customer.updated" as const] };
  const { data: made } = await client.POST("/v1/webhook_endpoints", { body });
  assert.match(made?.secret ?? "", /^whsec_/);
  assert.deepEqual(made?.enabled_events, ["customer.created", "customer.updated"]);
  const query = { object: made!.id, "types[]": ["webhook_endpoint.*" as const] };
  const { data: found } = await client.GET("/v1/events", { params: { query } });
  const event: components["schemas"]["Event"] | undefined = found?.data[0];
  assert.equal(event?.type, "webhook_endpoint.created");
  const { object } = event!.data;
  assert.equal(object.object === "webhook_endpoint" && object.url, url);
});

test("an error says what it is", async () => {
  const { error, response } = await client.GET("/v1/customers/{id}", { params: { path: { id: "cus_nothing" } } });
  assert.deepEqual([response.status, error?.error.code], [404, "resource_missing"]);
});
