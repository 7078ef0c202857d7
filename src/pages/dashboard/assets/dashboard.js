// What moves by itself on the pages of the dashboard. They work without it, but for the overview's figures.
"use strict";

// Times in the reader's own time zone; the exact one stays in the title.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) {
    time.title = time.dateTime;
    time.textContent = at.toLocaleString();
  }
}

for (const button of document.querySelectorAll("button[data-confirm]")) {
  button.addEventListener("click", (event) => {
    if (!window.confirm(button.dataset.confirm)) event.preventDefault();
  });
}

// Asks again and again, and no more while nobody looks.
// Asks again and again, after so many seconds or those that it says, until it says false.
async function repeat(seconds, ask) {
  for (;;) {
    let pause = seconds;
    if (!document.hidden) {
      let go = true;
      try {
        go = await ask();
      } catch {
        go = true;
      }
      if (go === false) return;
      if (typeof go === "number") pause = go;
    }
    await new Promise((done) => setTimeout(done, pause * 1000));
  }
}

async function json(source) {
  const answer = await fetch(source, { headers: { accept: "application/json" }, redirect: "manual" });
  if (answer.type === "opaqueredirect") {
    // The session is over.
    location.reload();
  }
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

function watchReplay(panel) {
  const show = (name, text) => {
    document.querySelector(`[data-progress="${name}"]`).textContent = text;
  };
  let first = null;
  repeat(1, async () => {
    const replay = await json(panel.dataset.source);
    const { fraction, owed, waiting } = replay.progress ?? { fraction: 0, owed: 0, waiting: 0 };
    panel.querySelector("progress").value = fraction;
    show("status", replay.status);
    show("owed", owed);
    show("waiting", waiting);
    first ??= { at: Date.now(), fraction };
    const pace = (fraction - first.fraction) / (Date.now() - first.at);
    const left = pace > 0 && fraction < 1 ? Math.ceil((1 - fraction) / pace / 1000) : null;
    show("left", left === null ? "" : `About ${left} s left.`);
    // The page of one that is over has no button to cancel it.
    if (replay.status !== panel.dataset.status) location.reload();
    return replay.status === "running";
  });
}

const SLICE = 5; // seconds
const SHOWN = 600; // seconds

function overview(charts) {
  const slices = new Map(); // beginning -> { events, count, taken, p50, p95 }
  const oldest = new Map(); // beginning -> seconds
  let after = null; // the newest event that is known
  const slice = (at) => {
    if (!slices.has(at)) slices.set(at, { events: 0, count: 0, taken: 0, p50: null, p95: null });
    return slices.get(at);
  };
  const plots = plotsIn(charts);
  repeat(SLICE, async () => {
    const stale = document.getElementById("stale");
    let told;
    try {
      // Attempts are written down when they are over, so the last ones are asked for again.
      const seconds = after === null ? 120 : 30;
      told = await json(`${charts.dataset.source}?after=${after ?? ""}&seconds=${seconds}`);
    } catch (error) {
      stale.hidden = false;
      throw error;
    }
    stale.hidden = true;
    after = told.after ?? "";
    const current = told.now - (told.now % SLICE);
    for (const [at, count] of told.events) slice(at).events += count;
    for (const { at, count, taken, p50_us, p95_us } of told.attempts) {
      // Those that are still running are told again when they are over.
      if (at < current) Object.assign(slice(at), { count, taken, p50: p50_us / 1000, p95: p95_us / 1000 });
    }
    oldest.set(current, told.oldest_due);
    for (const at of [...slices.keys(), ...oldest.keys()]) {
      if (at < current - SHOWN) {
        slices.delete(at);
        oldest.delete(at);
      }
    }
    draw(plots, slices, oldest, current);
    figures(told, slices.get(current - SLICE));
    table(slices, current);
    // When the next five seconds are just over: of very many attempts only the last are looked at.
    return SLICE - (told.now % SLICE) + 1;
  });
}

function plotsIn(charts) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  const series = {
    rates: [["events", "--p2"], ["deliveries", "--p3"]],
    taken: [["taken", "--p3"]],
    latency: [["median", "--p2"], ["95th", "--p4"]],
    oldest: [["oldest due", "--p4"]],
  };
  const plots = {};
  for (const place of charts.querySelectorAll("[data-chart]")) {
    const name = place.dataset.chart;
    const options = {
      width: place.clientWidth,
      height: 200,
      scales: { y: { range: (_, low, high) => [0, name === "taken" ? 100 : Math.max(high ?? 0, 1) * 1.1] } },
      axes: [axis, axis],
      // Five seconds with nothing on either side make no line.
      series: [{}, ...series[name].map(([label, stroke]) => ({
        label, stroke: colour(stroke), width: 2, spanGaps: false, points: { show: name !== "rates", size: 4, fill: colour(stroke) },
      }))],
    };
    const plot = new uPlot(options, [[], ...series[name].map(() => [])], place);
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 200 })).observe(place);
    place.style.height = "auto";
    plots[name] = plot;
  }
  return plots;
}

function draw(plots, slices, oldest, current) {
  const times = [];
  for (let at = current - SHOWN; at < current; at += SLICE) times.push(at);
  const column = (value) => times.map((at) => value(slices.get(at), at));
  plots.rates.setData([times, column((s) => (s ? s.events / SLICE : 0)), column((s) => (s ? s.count / SLICE : 0))]);
  plots.taken.setData([times, column((s) => (s?.count ? (s.taken / s.count) * 100 : null))]);
  plots.latency.setData([times, column((s) => s?.p50 ?? null), column((s) => s?.p95 ?? null)]);
  plots.oldest.setData([times, column((_, at) => oldest.get(at) ?? null)]);
}

const fixed = (number, digits) => (number === null || number === undefined ? "–" : number.toFixed(digits));

function figures(told, last) {
  const shown = {
    events: fixed((last?.events ?? 0) / SLICE, 1),
    deliveries: fixed((last?.count ?? 0) / SLICE, 1),
    taken: last?.count ? `${fixed((last.taken / last.count) * 100, 1)} %` : "–",
    p50: last?.p50 ? `${fixed(last.p50, 1)} ms` : "–",
    oldest_due: `${fixed(told.oldest_due, 1)} s`,
    owed: told.owed.toLocaleString(),
    parked: told.parked.toLocaleString(),
    exhausted: told.exhausted.toLocaleString(),
    failing: `${told.failing} of ${told.enabled}`,
  };
  for (const [name, text] of Object.entries(shown)) {
    document.querySelector(`[data-figure="${name}"]`).textContent = text;
  }
}

function table(slices, current) {
  const body = document.querySelector("#slices tbody");
  const rows = [...slices.entries()].filter(([at]) => at < current).sort(([a], [b]) => b - a).slice(0, 60);
  body.replaceChildren(
    ...rows.map(([at, s]) => {
      const cells = [
        new Date(at * 1000).toLocaleTimeString(),
        fixed(s.events / SLICE, 1),
        fixed(s.count / SLICE, 1),
        s.count ? fixed((s.taken / s.count) * 100, 1) : "–",
        fixed(s.p50, 1),
        fixed(s.p95, 1),
      ];
      const row = document.createElement("tr");
      row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    }),
  );
}

const replay = document.getElementById("progress");
if (replay && replay.dataset.status === "running") watchReplay(replay);
const charts = document.getElementById("charts");
if (charts) overview(charts);
