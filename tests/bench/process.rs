//! The measurement's own helpers: this program again, in another role, so that generator, sink and courier
//! are processes that can be measured apart.

use std::process::Stdio;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A helper that runs. It is killed when this is dropped. A sink ends by itself when this process has
/// ended, the others when they are done.
#[derive(Debug)]
pub(super) struct Helper {
    child: Child,
    _lifeline: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    /// Starts this program in that role, with a plan as the first line of its standard input.
    pub(super) async fn start(role: &str, plan: &impl Serialize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (mut lifeline, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let line = format!("{}\n", serde_json::to_string(plan).unwrap());
        lifeline.write_all(line.as_bytes()).await.unwrap();
        Self { child, _lifeline: lifeline, lines: BufReader::new(output).lines() }
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// The next line of its output, which is JSON.
    pub(super) async fn says<T: DeserializeOwned>(&mut self) -> T {
        let line = self.lines.next_line().await.unwrap().expect("it has ended without a word");
        serde_json::from_str(&line).unwrap()
    }
}

/// Reports a value to the process that has started this one.
#[expect(clippy::print_stdout, reason = "that is where it listens")]
pub(super) fn say(what: &impl Serialize) {
    println!("{}", serde_json::to_string(what).unwrap());
}

/// The plan that this process was started with, in its own role.
pub(super) fn plan<T: DeserializeOwned>() -> T {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// Resolves when the process that has started this one is gone.
pub(super) async fn orphaned() {
    let end = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    let _ = tokio::task::spawn_blocking(end).await;
}

/// Microseconds since the epoch: the one clock that all processes of the machine share.
#[expect(clippy::disallowed_methods, reason = "the product's clock counts milliseconds")]
pub(super) fn micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}
