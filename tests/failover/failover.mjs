// Two APIs and two workers behind HAProxy, on one machine, under the load of the official Stripe package. One
// API and one worker are killed again and again. The package's own retries must cover every failed call, and
// nothing may be lost.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import Stripe from "stripe";
import { freePort } from "./free_port.mjs";

const { CALMONY_URL, CALMONY_API_KEY, CALMONY_DATABASE_URL, CALMONY_SECRET_KEY, ROOT, DATA } = process.env;
const SECONDS = Number(process.env.SECONDS ?? 20);
const CLIENTS = 16;
const calmony = `${ROOT}/target/debug/calmony`;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const lines = (text) => Object.fromEntries(text.split("\n").filter(Boolean).map((line) => line.split(/=(.*)/s)));

/** Starts a program again whenever it ends. */
function kept(command, args, env) {
  const state = { child: null, stopped: false, starts: 0 };
  const start = () => {
    state.starts += 1;
    state.child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit"] });
    state.child.on("exit", () => state.stopped || setTimeout(start, 200));
  };
  start();
  return { kill: () => state.child.kill("SIGKILL"), starts: () => state.starts, stop: () => { state.stopped = true; state.child.kill("SIGTERM"); } };
}

async function ready(url) {
  for (let n = 0; n < 200; n += 1) {
    if (await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false)) return;
    await wait(50);
  }
  throw new Error(`${url} doesn't become ready`);
}

test("killing APIs and workers behind HAProxy fails no call and loses nothing", async () => {
  const [second, worker, proxy] = await Promise.all([freePort(), freePort(), freePort()]);
  const common = { CALMONY_DATABASE_URL, CALMONY_SECRET_KEY, CALMONY_ALLOW_NETWORKS: "127.0.0.0/8", CALMONY_LOG: "off", CALMONY_RATE_LIMIT: "off", CALMONY_BYTES_LIMIT: "off" };
  const programs = [
    kept(calmony, ["serve"], { ...common, CALMONY_LISTEN: `127.0.0.1:${second}`, CALMONY_METRICS_LISTEN: "off" }),
    kept(`${ROOT}/target/debug/outbox-worker`, [], { ...common, CALMONY_WORKER_LISTEN: `127.0.0.1:${worker}`, CALMONY_RETRY_SCHEDULE: "200ms,1h" }),
    kept("haproxy", ["-f", `${ROOT}/deploy/haproxy/haproxy.cfg`], {
      LISTEN: `127.0.0.1:${proxy}`, API_1: CALMONY_URL.replace("http://", ""), API_2: `127.0.0.1:${second}`,
    }),
  ];
  const seen = new Map();
  const receiver = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const id = request.headers["webhook-id"];
      seen.set(id, (seen.get(id) ?? 0) + 1);
      response.end();
    });
  });
  await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
  try {
    await ready(`http://127.0.0.1:${proxy}`);
    await ready(`http://127.0.0.1:${second}`);
    const agent = { host: "127.0.0.1", port: proxy, protocol: "http" };
    const stripe = new Stripe(CALMONY_API_KEY, agent);
    const url = `http://127.0.0.1:${receiver.address().port}/`;
    await stripe.webhookEndpoints.create({ url, enabled_events: ["customer.created"] });

    const made = new Map();
    const [failures, took] = [[], []];
    const until = Date.now() + SECONDS * 1000;
    const client = async (n) => {
      for (let count = 0; Date.now() < until; count += 1) {
        const name = `customer ${n} ${count}`;
        const began = performance.now();
        try {
          const customer = await stripe.customers.create({ name });
          made.set(customer.id, name);
          assert.equal((await stripe.customers.retrieve(customer.id)).name, name);
        } catch (error) {
          failures.push(`${error.type}: ${error.message}`);
        }
        took.push(performance.now() - began);
      }
    };
    let kills = 0;
    const killing = (async () => {
      for (let turn = 0; Date.now() < until - 2000; turn += 1) {
        await wait(1500);
        // In turns: one API, a worker, the other API, the other worker. `calmony dev` starts its own again.
        const own = lines(readFileSync(`${DATA}/env`, "utf8"));
        [() => programs[0].kill(), () => programs[1].kill(), () => process.kill(Number(own.CALMONY_API_PID), "SIGKILL"),
          () => process.kill(Number(own.CALMONY_WORKER_PID), "SIGKILL")][turn % 4]();
        kills += 1;
      }
    })();
    await Promise.all([killing, ...Array.from({ length: CLIENTS }, (_, n) => client(n))]);

    took.sort((a, b) => a - b);
    console.log(`${made.size} customers made and read by ${CLIENTS} clients in ${SECONDS} s, ${kills} kills, ${failures.length} failures; ` +
      `create and read together p50 ${took[took.length >> 1].toFixed(1)} ms, p99 ${took[Math.floor(took.length * 0.99)].toFixed(0)} ms, ` +
      `most ${took.at(-1).toFixed(0)} ms`);
    assert.deepEqual(failures.slice(0, 5), []);
    assert.ok(kills >= 8, `${kills} kills`);
    for (let n = 0; n < 400 && seen.size < made.size; n += 1) await wait(50);
    const twice = [...seen.values()].filter((count) => count > 1).length;
    console.log(`${seen.size} webhooks arrived, ${twice} of them more than once`);
    assert.equal(seen.size, made.size);
    const said = execFileSync(calmony, ["verify"], { encoding: "utf8" });
    assert.match(said, /nothing lost/);
  } finally {
    programs.forEach((program) => program.stop());
    receiver.close();
    receiver.closeAllConnections();
  }
});
