//! `calmony verify`: proof that nothing was lost.

use anyhow::bail;
use serde::Serialize;

use crate::cli::support::bar::Bar;
use crate::config::{DatabaseOptions, ProcessorOptions};
use crate::database::DatabaseUrl;
use crate::domain::attempt::Movement;
use crate::log::verify::money::journal::{Comparison, Moved};
use crate::log::verify::money::{Finding, Kind};
use crate::log::verify::{Report, Watch, verify};
use crate::output::{in_line, say, say_json};
use crate::processor::{Processor, Row};

/// The database to verify.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Whose journals are compared with the log, where they are given
    #[command(flatten)]
    processors: ProcessorOptions,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The findings in a mode's journal.
#[derive(Debug, Serialize)]
struct Journal {
    mode: &'static str,
    /// True if it was compared to its end.
    compared: bool,
    /// The rows that were read.
    rows: u64,
    /// The reason why it wasn't compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Journal {
    /// A journal that breaks off is a problem; one that isn't there is none.
    fn ends(&mut self, end: End, report: &mut Report) {
        match end {
            End::Compared => self.compared = true,
            End::Absent => self.why = Some("the processor has no journal".to_owned()),
            End::Unread(why) => {
                let (id, what) =
                    (format!("the {} processor's journal", self.mode), format!("can't be compared: {why}"));
                report.money_problem(Finding { kind: Kind::Unread, tenant: None, id, what });
                self.why = Some(why);
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    report: &'a Report,
    journals: &'a [Journal],
}

pub(crate) async fn run(options: VerifyOptions) -> anyhow::Result<()> {
    let mut bar = Bar::hidden();
    let url = &options.database.database_url;
    let mut report = verify(url, &mut bar).await?;
    let processors = options.processors.open()?;
    let mut journals = Vec::new();
    for (mode, livemode, processor) in [("test", false, processors.test), ("live", true, processors.live)] {
        let mut journal = Journal { mode, compared: false, rows: 0, why: None };
        match processor {
            None => journal.why = Some("no processor is given".to_owned()),
            Some(processor) => {
                bar.stage("journal", 0);
                let progress = (&mut journal.rows, &mut report, &mut bar);
                let end = compare(url, livemode, &processor, progress).await?;
                journal.ends(end, &mut report);
            }
        }
        journals.push(journal);
    }
    bar.clear();
    if options.json {
        say_json(&Verified { report: &report, journals: &journals })?;
    } else {
        print_report(&report, &journals);
    }
    match report.problems {
        0 => Ok(()),
        1 => bail!("1 problem"),
        count => bail!("{count} problems"),
    }
}

/// The end of a comparison.
enum End {
    Compared,
    /// The processor has no journal.
    Absent,
    /// It couldn't be read, or compared, to its end.
    Unread(String),
}

/// Compares a mode's journal with the log.
async fn compare(
    url: &DatabaseUrl,
    livemode: bool,
    processor: &Processor,
    (rows, report, bar): (&mut u64, &mut Report, &mut Bar),
) -> anyhow::Result<End> {
    let mut comparison = Comparison::begin(url, livemode).await?;
    let mut next = Some(0);
    while let Some(after) = next {
        let page = match processor.journal(after).await {
            Ok(Some(page)) => page,
            Ok(None) if after == 0 => return Ok(End::Absent),
            Ok(None) => return Ok(End::Unread("its rest isn't there".to_owned())),
            Err(why) => return Ok(End::Unread(why)),
        };
        let count = u64::try_from(page.rows.len()).unwrap_or(0);
        *rows += count;
        bar.done(count);
        comparison.see(&page.rows.into_iter().filter_map(moved).collect::<Vec<_>>(), report).await?;
        next = page.next;
    }
    let (suspects, are_all) = comparison.suspects().await?;
    for key in &suspects {
        let logged = comparison.logged(key).await?;
        match processor.journal_of(key).await {
            Ok(rows) => {
                let rows: Vec<Moved> = rows.into_iter().filter_map(moved).collect();
                comparison.compare(key, &logged, &rows, report);
            }
            Err(why) => return Ok(End::Unread(why)),
        }
    }
    if are_all {
        Ok(End::Compared)
    } else {
        Ok(End::Unread("it differs in more keys than are looked up one by one".to_owned()))
    }
}

/// The movement that a row tells of; `None` if nothing moved.
fn moved(row: Row) -> Option<Moved> {
    (row.is_approved && row.amount > 0).then(|| Moved {
        movement: Movement { key: row.key, kind: row.kind, amount: row.amount },
        currency: row.currency.unwrap_or_default(),
        at: row.at.seconds(),
    })
}

fn print_report(report: &Report, journals: &[Journal]) {
    let (found, attempts) = (&report.deliveries, &report.attempts);
    say(format_args!("events      {:>10}", report.events));
    say(format_args!("objects     {:>10}", report.objects));
    say(format_args!("deliveries"));
    let states = [
        ("delivered", found.delivered),
        ("owed", found.owed),
        ("parked", found.parked),
        ("exhausted", found.exhausted),
        ("pending", found.pending),
        ("undecided", found.undecided),
    ];
    for (name, count) in states {
        say(format_args!("  {name:<10}{count:>10}"));
    }
    say(format_args!("payments"));
    let states = [("closed", attempts.closed), ("open", attempts.open), ("challenged", attempts.waiting)];
    for (name, count) in states {
        say(format_args!("  {name:<10}{count:>10}"));
    }
    for Journal { mode, compared, rows, why } in journals {
        let why = why.as_deref().map(in_line).unwrap_or_default();
        match compared {
            true => say(format_args!("journal     {rows:>10} rows of the {mode} processor's, both ways")),
            false => say(format_args!("journal     {mode}: not compared, {why}")),
        }
    }
    for problem in &report.state {
        say(format_args!("state: {problem}"));
    }
    for finding in &report.money {
        say(format_args!("money: {}", in_line(&finding.to_string())));
    }
    for lost in &report.lost {
        say(format_args!("lost: {lost}"));
    }
    if report.problems == 0 {
        say("nothing lost; the state is the fold of the log, and money is accounted for");
    }
}
