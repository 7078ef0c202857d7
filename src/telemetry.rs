//! Logs: structured, on standard error, filtered by `CALMONY_LOG`. They hold no secrets and no bodies.
//!
//! Losing a line loses nothing else. Lines wait in memory for a thread that writes them, so that logging
//! never waits for the reader of the log. A line that can't be written, or that comes while too many wait,
//! is counted and forgotten.

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

/// The most bytes of lines that wait to be written.
const WAITING_MAX: usize = 1024 * 1024;
/// The longest wait at the end for lines that aren't written yet.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Lines that were lost.
static LOST: LazyLock<Counter> = LazyLock::new(Counter::default);
/// Lines on their way to standard error.
static LINES: Lines = Lines {
    queue: Mutex::new(Queue { waiting: VecDeque::new(), bytes: 0, is_writing: false }),
    came: Condvar::new(),
    gone: Condvar::new(),
};

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// The filter and the format of logs.
#[derive(Debug, Clone, clap::Args)]
pub struct LogOptions {
    /// What to log: error, warn, info, debug, trace, or a filter such as `info,calmony_pay::http=debug`
    #[arg(
        long = "log",
        env = "CALMONY_LOG",
        default_value = "info",
        value_name = "FILTER",
        value_parser = filter
    )]
    filter: String,
    /// How log lines look
    #[arg(long = "log-format", env = "CALMONY_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    format: LogFormat,
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Logging that has begun. Dropping it writes the lines that wait, if that doesn't take long.
#[derive(Debug)]
#[must_use = "the last lines are written when it is dropped"]
pub struct Logging(());

impl Drop for Logging {
    fn drop(&mut self) {
        LINES.flush();
    }
}

/// Starts logging. Later calls in the same process change nothing.
pub fn init(options: &LogOptions) -> std::io::Result<Logging> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&options.filter))
        .with_writer(|| Line)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let started = match options.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    // An error means that logging has been started already.
    if started.is_ok() {
        std::thread::Builder::new().name("log".to_owned()).spawn(|| LINES.write_for_ever())?;
    }
    Ok(Logging(()))
}

/// Registers the counter of lost lines.
pub(crate) fn register(registry: &mut Registry) {
    registry.register(
        "calmony_log_lines_lost",
        "Log lines that could not be written to standard error",
        LOST.clone(),
    );
}

/// A writer of one line. It never refuses a byte.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Lines that wait to be written.
struct Lines {
    queue: Mutex<Queue>,
    /// Notified when a line has come.
    came: Condvar,
    /// Notified when a line is written or lost.
    gone: Condvar,
}

struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic leaves nothing half done here.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut queue = self.lock();
        if queue.bytes + line.len() > WAITING_MAX {
            LOST.inc();
            return;
        }
        queue.bytes += line.len();
        queue.waiting.push_back(line.to_vec());
        drop(queue);
        self.came.notify_one();
    }

    /// Writes lines as they come, for ever.
    fn write_for_ever(&self) {
        loop {
            let line = self.next();
            if std::io::stderr().write_all(&line).is_err() {
                LOST.inc();
            }
            self.lock().is_writing = false;
            self.gone.notify_all();
        }
    }

    /// Waits for the next line.
    fn next(&self) -> Vec<u8> {
        let mut queue = self.lock();
        loop {
            if let Some(line) = queue.waiting.pop_front() {
                queue.bytes -= line.len();
                queue.is_writing = true;
                return line;
            }
            queue = self.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until no line waits.
    fn flush(&self) {
        let waits = |queue: &mut Queue| queue.is_writing || !queue.waiting.is_empty();
        // The reader of the log may have stopped reading.
        drop(self.gone.wait_timeout_while(self.lock(), FLUSH_TIMEOUT, waits));
    }
}
