// From one version to the next while clients go on: the old programs work on the new schema, beside the new
// ones, until they are stopped. The Stripe package's own retries cover every failed call, and nothing is lost.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:http";
import { test } from "node:test";
import Stripe from "stripe";
import { freePort } from "./free_port.mjs";

const { CALMONY_DATABASE_URL, CALMONY_SECRET_KEY, OLD, NEW } = process.env;
const environment = { ...process.env, CALMONY_ALLOW_NETWORKS: "127.0.0.0/8", CALMONY_LOG: "error", CALMONY_RATE_LIMIT: "off", CALMONY_BYTES_LIMIT: "off", CALMONY_METRICS_LISTEN: "off" };

async function start(program, args, variable) {
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, args, { env: { ...environment, [variable]: address }, stdio: ["ignore", "ignore", "inherit"] });
  for (let n = 0; ; n += 1) {
    if (await fetch(`http://${address}/readyz`).then((answer) => answer.ok, () => false)) break;
    if (n > 200 || child.exitCode !== null) throw new Error(`${program} doesn't become ready`);
    await new Promise((done) => setTimeout(done, 50));
  }
  const stop = () => new Promise((done) => { child.on("exit", done); child.kill("SIGTERM"); });
  return { port: Number(address.split(":")[1]), stop };
}
const api = (folder) => start(`${folder}/calmony`, ["serve"], "CALMONY_LISTEN");
const worker = (folder) => start(`${folder}/outbox-worker`, [], "CALMONY_WORKER_LISTEN");
const calmony = (folder, ...args) => execFileSync(`${folder}/calmony`, args, { encoding: "utf8", env: environment });

test("an upgrade under load fails no call and loses nothing", async () => {
  console.log(calmony(OLD, "migrate").trim().split("\n").at(-1));
  const key = calmony(OLD, "keys", "create", "--account", "upgrade").match(/sk_\w+/)[0];
  const running = { api: await api(OLD), worker: await worker(OLD) };
  const seen = new Set();
  const receiver = createServer((request, response) => {
    request.resume();
    request.on("end", () => { seen.add(request.headers["webhook-id"]); response.end(); });
  });
  await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
  let [phase, isOver] = ["old schema, old programs", false];
  const made = {};
  const failures = [];
  let current = new Stripe(key, { host: "127.0.0.1", port: running.api.port, protocol: "http" });
  await current.webhookEndpoints.create({ url: `http://127.0.0.1:${receiver.address().port}/`, enabled_events: ["customer.created", "customer.updated"] });
  const client = async () => {
    while (!isOver) {
      try {
        const customer = await current.customers.create({ name: phase });
        await current.customers.update(customer.id, { metadata: { phase } });
        made[phase] = (made[phase] ?? 0) + 1;
      } catch (error) {
        failures.push(`${phase}: ${error.type} ${error.message}`);
      }
    }
  };
  const clients = Array.from({ length: 8 }, client);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  await pause(2000);
  phase = "the migration";
  console.log(calmony(NEW, "migrate").trim().split("\n").join("; "));
  phase = "new schema, old programs";
  await pause(2000);
  const next = { worker: await worker(NEW), api: await api(NEW) };
  phase = "new schema, workers of both";
  await pause(2000);
  await running.worker.stop();
  phase = "new schema, old API, new worker";
  await pause(2000);
  current = new Stripe(key, { host: "127.0.0.1", port: next.api.port, protocol: "http" });
  phase = "new programs";
  await pause(500);
  await running.api.stop();
  await pause(2000);
  isOver = true;
  await Promise.all(clients);
  const total = Object.values(made).reduce((sum, count) => sum + count, 0);
  console.log(made, `${failures.length} failures`);
  assert.deepEqual(failures.slice(0, 5), []);
  for (const name of ["old schema, old programs", "new schema, old programs", "new schema, workers of both", "new schema, old API, new worker", "new programs"]) {
    assert.ok(made[name] > 10, name);
  }
  for (let n = 0; n < 400 && seen.size < 2 * total; n += 1) await pause(50);
  assert.equal(seen.size, 2 * total);
  assert.match(calmony(NEW, "verify"), /nothing lost/);
  await Promise.all([next.api.stop(), next.worker.stop()]);
  receiver.close();
  receiver.closeAllConnections();
});
