// The dashboard as people use it: in a browser, with a keyboard, in the dark, on a narrow screen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, barriers, browser, eventually, key, overflows, picture, receiver, signIn, url } from "./world.mjs";

let chromium, works, fails, customer, endpoint, failing, event;

before(async () => {
  chromium = await browser();
  [works, fails] = [await receiver(200), await receiver(500)];
  const make = (url, description) =>
    api("/v1/webhook_endpoints", { url, description, "enabled_events[0]": "customer.created", "enabled_events[1]": "customer.updated" });
  endpoint = await make(works.url, "Takes everything");
  failing = await make(fails.url, "Refuses everything");
  customer = await api("/v1/customers", { name: "Ada Lovelace", email: "ada@example.com", "metadata[plan]": "free" });
  await api(`/v1/customers/${customer.id}`, { name: "Ada King", "metadata[plan]": "pro" });
  for (let n = 0; n < 60; n += 1) {
    await api("/v1/customers", { name: `Customer ${n}`, email: `c${n}@example.com` });
  }
  const events = await api(`/v1/events?object=${customer.id}&type=customer.updated`);
  event = events.data[0];
  await eventually("the working endpoint has all", () => works.seen.events.length >= 62);
  await eventually("the other one has failed", async () => {
    const health = await api(`/v1/webhook_endpoints/${failing.id}/health`);
    return health.failing_since && health.owed + health.exhausted > 0;
  });
});

after(async () => {
  await chromium.close();
  works.close();
  fails.close();
});

/** A page that somebody has signed in on. */
async function signedIn(next, options) {
  const page = await chromium.open(options);
  await signIn(page, next);
  return page;
}

test("whoever hasn't signed in is asked to, and comes to the page that was asked for", async () => {
  const page = await chromium.open();
  await signIn(page, "/dashboard/events?type=customer.updated", "sk_test_wrong");
  await page.getByRole("alert").waitFor();
  assert.match(await page.getByRole("alert").textContent(), /Invalid API Key/);
  assert.deepEqual(await barriers(page), []);
  await picture(page, "sign-in");
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Events" }).waitFor();
  assert.equal(page.url(), `${url}/dashboard/events?type=customer.updated`);
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
  assert.ok(!cookie.value.includes(key));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  await page.goto(`${url}/dashboard/events`);
  assert.match(page.url(), /sign-in/);
});

test("the overview's figures and charts move by themselves", async () => {
  const page = await signedIn("/dashboard");
  const figure = (name) => page.locator(`[data-figure=${name}]`);
  await page.waitForFunction(() => document.querySelector("[data-figure=owed]").textContent !== "–");
  assert.equal(await page.locator("canvas").count(), 4);
  assert.match(await figure("failing").textContent(), /^1 of \d+$/);
  const traffic = setInterval(() => api("/v1/customers", { name: "more" }).catch(() => {}), 50);
  try {
    await page.waitForFunction(() => Number(document.querySelector("[data-figure=deliveries]").textContent) > 1, null, { timeout: 20_000 });
  } finally {
    clearInterval(traffic);
  }
  await picture(page, "overview");
  assert.deepEqual(await barriers(page), []);
});

test("the log is filtered, and mistakes in a filter are said", async () => {
  const page = await signedIn("/dashboard/events");
  await page.getByLabel("Type").fill("customer.updated");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/type=customer.updated/);
  assert.equal(await page.locator("tbody tr").count(), 1);
  await picture(page, "events");
  await page.getByLabel("Object", { exact: true }).fill("nonsense");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("status").waitFor();
  await page.goto(`${url}/dashboard/events`);
  const first = await page.locator("tbody tr").first().textContent();
  await page.getByRole("link", { name: "Older" }).click();
  await page.getByRole("link", { name: "Newer" }).click();
  assert.equal(await page.locator("tbody tr").first().textContent(), first);
});

test("any id, or how it begins, is found", async () => {
  const page = await signedIn("/dashboard");
  const find = async (text) => {
    await page.getByRole("searchbox", { name: "Any id" }).fill(text);
    await page.getByRole("button", { name: "Find" }).click();
  };
  await find(customer.id);
  await page.waitForURL(`**/customers/${customer.id}`);
  await find(event.id.slice(0, -3));
  await page.waitForURL(/events\/evt_|find\?id=/);
  await find("cus_");
  await page.getByRole("heading", { name: /Ids that begin/ }).waitFor();
  assert.ok((await page.locator(".ids a").count()) > 10);
  await find(event.request.id);
  await page.waitForURL(/events\/evt_/);
  await find("cus_<script>");
  await page.getByText("There is none").waitFor();
});

test("an event shows what it changed, its deliveries, and is sent once more", async () => {
  const page = await signedIn(`/dashboard/events/${event.id}`);
  await page.getByRole("heading", { name: "Previous attributes" }).waitFor();
  assert.ok((await page.locator("svg.waterfall rect").count()) >= 2);
  assert.match(await page.locator("svg.waterfall").first().getAttribute("aria-label"), /waiting \d/);
  await picture(page, "event");
  assert.deepEqual(await barriers(page), []);
  const came = () => works.seen.events.filter((id) => id === event.id).length;
  const before = came();
  await page.getByLabel("Send it once more to").selectOption(endpoint.id);
  await page.getByRole("button", { name: "Resend" }).click();
  await page.getByRole("status").waitFor();
  await eventually("it arrives once more", () => came() === before + 1);
});

test("an endpoint is paused and resumed, and gets another secret", async () => {
  const page = await signedIn("/dashboard/endpoints");
  assert.equal(await page.locator(".tag.failing").count(), 1);
  await picture(page, "endpoints");
  assert.deepEqual(await barriers(page), []);
  await page.getByRole("link", { name: works.url }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".tag.paused").waitFor();
  assert.equal((await api(`/v1/webhook_endpoints/${endpoint.id}`)).paused, true);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".tag.enabled").first().waitFor();
  await picture(page, "endpoint");
  assert.deepEqual(await barriers(page), []);
  await page.getByRole("button", { name: "Roll the secret" }).click();
  await page.getByText(/whsec_/).waitFor();
  const secret = await page.getByText(/whsec_/).textContent();
  await page.reload();
  assert.equal(await page.getByText(/whsec_/).textContent(), secret, "a form that is sent twice is done once");
  await page.goto(`${url}/dashboard/endpoints/${endpoint.id}`);
  assert.equal(await page.getByText(/whsec_/).count(), 0);
});

test("a replay is counted, started, watched to its end", async () => {
  const page = await signedIn(`/dashboard/endpoints/${endpoint.id}`);
  await page.locator("#type").fill("customer.created");
  await page.getByRole("button", { name: "Count" }).click();
  const told = await page.getByText(/That would be \d+ events/).textContent();
  assert.ok(Number(told.match(/\d+/)[0]) >= 61, told);
  assert.equal(await page.locator("#type").inputValue(), "customer.created", "what is started is what was counted");
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL(/replays\/rpl_/);
  await page.waitForFunction(() => document.querySelector("[data-progress=status]").textContent === "completed", null, { timeout: 60_000 });
  assert.equal(await page.locator("progress").evaluate((bar) => bar.value), 1);
  await picture(page, "replay");
  assert.deepEqual(await barriers(page), []);
  await page.getByRole("link", { name: "Replays" }).click();
  await page.locator(".tag.completed").first().waitFor();
  await picture(page, "replays");
  assert.deepEqual(await barriers(page), []);
});

test("customers are found, and their history says who they were", async () => {
  const page = await signedIn("/dashboard/customers");
  await page.getByLabel("Name, address, or a query").fill("ada");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("cell", { name: "Ada King" }).waitFor();
  await picture(page, "customers");
  assert.deepEqual(await barriers(page), []);
  await page.getByRole("link", { name: customer.id }).click();
  await page.getByRole("heading", { name: "customer.updated" }).waitFor();
  const diff = await page.locator("table.diff").first().textContent();
  for (const part of ["metadata.plan", "free", "pro", "Ada Lovelace", "Ada King"]) assert.ok(diff.includes(part), part);
  await picture(page, "customer");
  assert.deepEqual(await barriers(page), []);
});

test("a key that only reads sees everything and is offered nothing else", async () => {
  if (!process.env.CALMONY_READ_KEY) throw new Error("CALMONY_READ_KEY is a restricted key");
  const page = await chromium.open();
  await signIn(page, `/dashboard/endpoints/${endpoint.id}`, process.env.CALMONY_READ_KEY);
  await page.getByRole("heading", { name: works.url }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Pause" }).count(), 0);
  assert.match(await page.locator("header .tag").textContent(), /read only/);
});

const pages = () => ["/dashboard", "/dashboard/events", `/dashboard/events/${event.id}`, "/dashboard/endpoints",
  `/dashboard/endpoints/${endpoint.id}`, "/dashboard/customers", `/dashboard/customers/${customer.id}`, "/dashboard/replays"];

test("every page fits a narrow screen", async () => {
  const page = await signedIn("/dashboard", { viewport: { width: 360, height: 740 } });
  for (const path of pages()) {
    await page.goto(url + path);
    assert.equal(await overflows(page), false, path);
  }
  await page.goto(`${url}/dashboard/events/${event.id}`);
  await picture(page, "event-narrow");
});

test("every page can be read in the dark", async () => {
  const page = await signedIn("/dashboard", { colorScheme: "dark" });
  for (const path of pages()) {
    await page.goto(url + path);
    assert.deepEqual(await barriers(page), [], path);
  }
  await page.goto(`${url}/dashboard/endpoints`);
  await picture(page, "endpoints-dark");
});

test("a keyboard reaches the content at once, and everything else in order", async () => {
  const page = await signedIn("/dashboard/events");
  await page.getByRole("heading", { name: "Events" }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "type");
});

test("the pages but the overview work without a script", async () => {
  const page = await signedIn(`/dashboard/endpoints/${endpoint.id}`, { javaScriptEnabled: false });
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".tag.paused").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".tag.enabled").first().waitFor();
});

test("no page has complained, and none has asked for anything elsewhere", () => {
  assert.deepEqual(chromium.complaints, []);
});
