// The world of the tests: the API, receivers that take or refuse, a browser that reports the defects of its
// pages.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const url = process.env.CALMONY_URL;
export const key = process.env.CALMONY_API_KEY;
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** Calls the API; a form makes it a POST. */
export async function api(path, form) {
  const headers = { authorization: `Bearer ${key}` };
  const options = form ? { method: "POST", headers, body: new URLSearchParams(form) } : { headers };
  const answer = await fetch(url + path, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(body)}`);
  return body;
}

/** A receiver that answers with its `status`, and remembers the ids that came. */
export async function receiver(status) {
  const seen = { status, events: [] };
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      seen.events.push(request.headers["webhook-id"]);
      response.writeHead(seen.status).end(seen.status === 200 ? "thanks" : "not now");
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { seen, url: `http://127.0.0.1:${server.address().port}/hook`, close: () => server.close() };
}

/** Asks until the answer is there. */
export async function eventually(what, ask) {
  const until = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > until) throw new Error(`not within 20 s: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A browser, and what its pages have complained about. */
export async function browser() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const complaints = [];
  const open = async (options) => {
    const context = await browser.newContext({ timezoneId: "UTC", locale: "en-GB", ...options });
    const page = await context.newPage();
    page.on("console", (message) => {
      // A refused sign-in is an answer like any other; the browser says so.
      if (message.type() === "error" && !message.text().includes("401")) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => dialog.accept());
    page.on("request", (request) => {
      if (!request.url().startsWith(url)) complaints.push(`asked elsewhere: ${request.url()}`);
    });
    return page;
  };
  return { complaints, open, close: () => browser.close() };
}

export async function signIn(page, next = "/dashboard", with_key = key) {
  await page.goto(url + next);
  await page.getByLabel("API key").fill(with_key);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** What is wrong for those who can't see the page, or use a keyboard; by the rules of WCAG 2.2 AA. */
export async function barriers(page) {
  // Evaluated by the browser's tools, which the page's policy doesn't bind.
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  return found.violations.map(({ id, nodes }) => `${page.url()} ${id}: ${nodes.map((node) => node.html).join(" | ")}`);
}

/** Whether the page is wider than the window. */
export function overflows(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
}

export async function picture(page, name) {
  const folder = process.env.SCREENSHOTS_TO;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
