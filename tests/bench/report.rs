//! Medians, ratios within a run, and their tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::generator::Seen;
use super::usage::Usage;

/// The file of reports, and the lines around them.
const FILE: &str = "docs/BENCHMARKS.md";
const BEGIN: &str = "<!-- written by `make bench WRITE=1` -->";
const END: &str = "<!-- until here -->";

/// True if the file has a place for a report.
pub(super) fn has_place() -> bool {
    std::fs::read_to_string(FILE).is_ok_and(|text| text.contains(BEGIN) && text.contains(END))
}

/// One repetition of one measurement.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    /// The number a second.
    pub(super) rate: f64,
    /// The number of them all, for costs by 10,000.
    pub(super) count: f64,
    pub(super) usage: Usage,
    /// Milliseconds; `None` without a latency.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Sample {
    pub(super) fn of_rate(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }

    /// The sample of a generator's measurements, and of the resources used.
    pub(super) fn of_load(seen: &Seen, usage: Usage) -> Self {
        assert_eq!(seen.other, 0, "answers that are neither 200 nor 429 nor 503");
        Self {
            rate: seen.done as f64 / seen.seconds,
            count: seen.done_in_all as f64,
            usage: Usage { generator: seen.cpu, ..usage },
            p50: Some(percentile(&seen.waits, 50)),
            p99: Some(percentile(&seen.waits, 99)),
        }
    }
}

/// All repetitions of one measurement.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) samples: Vec<Sample>,
    /// The least acceptable ratio to the group's first row.
    pub(super) target: Option<f64>,
}

impl Series {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(super) fn wanting(self, ratio: f64) -> Self {
        Self { target: Some(ratio), ..self }
    }

    fn all(&self, what: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(what).collect()
    }

    /// The median of a CPU time by 10,000.
    fn cpu(&self, what: impl Fn(&Usage) -> f64) -> f64 {
        median(self.all(|sample| what(&sample.usage) / sample.count * 10_000.0))
    }
}

/// Adds one repetition to each of a group.
pub(super) fn add(group: &mut [Series], samples: impl IntoIterator<Item = Sample>) {
    for (series, sample) in group.iter_mut().zip(samples) {
        series.samples.push(sample);
    }
}

/// The measurements, as text, and ratios by name.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) text: String,
    pub(super) ratios: BTreeMap<String, f64>,
}

impl Report {
    /// A line of the report; shown at once, because the whole takes long.
    #[expect(clippy::print_stdout, reason = "that is where it is read")]
    pub(super) fn line(&mut self, line: &str) {
        println!("{line}");
        writeln!(self.text, "{line}").unwrap();
    }

    /// Puts the report into docs/BENCHMARKS.md, in the place of the last one.
    pub(super) fn write(&self) {
        let old = std::fs::read_to_string(FILE).unwrap();
        let (before, rest) = old.split_once(BEGIN).expect("the place in docs/BENCHMARKS.md");
        let (_, after) = rest.split_once(END).expect("the end of the place in docs/BENCHMARKS.md");
        std::fs::write(FILE, format!("{before}{BEGIN}\n{}\n{END}{after}", self.text)).unwrap();
    }

    /// The head of a table.
    pub(super) fn head(&mut self, columns: &[&str]) {
        self.line("");
        self.line(&format!("| {} |", columns.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(columns.len())));
    }

    /// A ratio that later runs are compared with.
    pub(super) fn ratio(&mut self, name: &str, ratio: f64) {
        self.ratios.insert(name.to_owned(), ratio);
    }

    /// A group: measurements that were made in turns, as rows of a table. Ratios are taken within a
    /// repetition, to the group's first row, then their median.
    pub(super) fn group(&mut self, title: &str, group: &[Series]) {
        self.head(&[
            title,
            "a second",
            "min",
            "max",
            "ratio",
            "wanted",
            "answered in p50 / p99 ms",
            "CPU s for 10,000: API",
            "worker",
            "PostgreSQL",
            "together",
            "generator",
            "sink",
            "WAL bytes each",
        ]);
        let base = group.first().map(|series| series.all(|sample| sample.rate)).unwrap_or_default();
        let first = group.first().map(|series| series.name.clone()).unwrap_or_default();
        for series in group {
            let rates = series.all(|sample| sample.rate);
            let ratio = median(rates.iter().zip(&base).map(|(rate, base)| rate / base).collect());
            if series.name != first {
                self.ratio(&series.name, ratio);
            }
            let (low, high) = bounds(&rates);
            let wanted = series.target.map(|target| format!("≥ {target}")).unwrap_or_default();
            let latency = match (series.p50(), series.p99()) {
                (Some(p50), Some(p99)) => format!("{p50:.2} / {p99:.2}"),
                _ => String::new(),
            };
            self.line(&format!(
                "| {} | {:.0} | {low:.0} | {high:.0} | {ratio:.2} | {wanted} | {latency} | {} |",
                series.name,
                median(rates),
                series.costs()
            ));
        }
    }
}

impl Series {
    pub(super) fn p50(&self) -> Option<f64> {
        self.samples.iter().map(|sample| sample.p50).collect::<Option<Vec<_>>>().map(median)
    }

    pub(super) fn p99(&self) -> Option<f64> {
        self.samples.iter().map(|sample| sample.p99).collect::<Option<Vec<_>>>().map(median)
    }

    /// The columns of its costs.
    fn costs(&self) -> String {
        if self.samples.iter().all(|sample| sample.count == 0.0) {
            return [" "; 7].join("|");
        }
        let (api, worker, postgres) =
            (self.cpu(|used| used.api), self.cpu(|used| used.worker), self.cpu(|used| used.postgres));
        let together = self.cpu(|used| used.api + used.worker + used.postgres);
        let wal = median(self.all(|sample| sample.usage.wal / sample.count));
        let (generator, sink) = (self.cpu(|used| used.generator), self.cpu(|used| used.sink));
        format!(
            "{api:.2} | {worker:.2} | {postgres:.2} | {together:.2} | {generator:.2} | {sink:.2} | {wal:.0}"
        )
    }
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that `percent` of a hundred values stay below. They are sorted.
pub(super) fn percentile(sorted: &[f32], percent: usize) -> f64 {
    sorted.get(sorted.len() * percent / 100).copied().map_or(f64::NAN, f64::from)
}

pub(super) fn bounds(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(*value), high.max(*value)))
}
