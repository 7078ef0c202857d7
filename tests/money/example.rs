//! The example of an adapter keeps every rule.

use std::process::Stdio;

use calmony_pay::processor::check::RULES;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::cli::run;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/processor.py");
const SECRET: &str = "a-secret-of-two";

#[tokio::test]
async fn the_adapter_of_the_documentation_keeps_every_rule() {
    let started = Command::new("python3")
        .args([EXAMPLE, "0", SECRET])
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut adapter = match started {
        Ok(adapter) => adapter,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("python3 is missing: the example isn't tried");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let mut lines = BufReader::new(adapter.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(support::PATIENCE, lines.next_line()).await.unwrap().unwrap();
    let line = line.expect("it listens");
    let port = line.strip_prefix("listening on ").unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let said = run("calmony", &["processor", "check", &url], &[("CALMONY_PROCESSOR_SECRET", SECRET)]).await;
    assert_eq!((said.code, said.stdout.lines().count()), (Some(0), RULES.len()), "{said:?}");
    let kept = said.stdout.lines().filter(|line| line.starts_with("ok ")).count();
    // It has no challenges and no journal.
    assert_eq!(kept, RULES.len() - 2, "{said:?}");
}
