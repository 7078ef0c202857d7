//! The API and the worker as children: the real programs, started again when they die.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{Child, ChildStdin, Command};

/// The longest time for a child to finish its work after it was told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// A program that can be run.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its name in messages.
    pub name: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, besides this process's own.
    pub environment: Vec<(&'static str, String)>,
}

/// A program that runs. It stops when this value or this process is gone, because its standard input ends
/// then.
#[derive(Debug)]
pub struct Running {
    program: Program,
    child: Child,
    /// The other end of its standard input, kept apart because waiting for a child closes the one it has.
    lifeline: Option<ChildStdin>,
}

impl Program {
    /// Starts it.
    pub fn start(self) -> anyhow::Result<Running> {
        let (child, lifeline) = self.spawn()?;
        Ok(Running { program: self, child, lifeline })
    }

    fn spawn(&self) -> anyhow::Result<(Child, Option<ChildStdin>)> {
        let mut child = Command::new(&self.path)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .env("CALMONY_STOP_WITH_STDIN", "true")
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("can't start {} ({})", self.name, self.path.display()))?;
        let lifeline = child.stdin.take();
        Ok((child, lifeline))
    }
}

impl Running {
    /// Its process id; 0 once it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Waits until it ends. Returns the way that it ended, for people.
    pub async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("{} ended ({status})", self.program.name),
            Err(error) => format!("{} can't be watched ({error})", self.program.name),
        }
    }

    /// Starts it again.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        (self.child, self.lifeline) = self.program.spawn()?;
        Ok(())
    }

    /// Tells it to stop, waits, and ends it if it doesn't.
    pub async fn stop(&mut self) {
        self.lifeline = None;
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            // It may have ended just now.
            let _ = self.child.kill().await;
        }
    }
}
