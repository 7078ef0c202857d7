//! The programs from the outside: exit codes, messages, and `calmony dev` as a newcomer runs it.

mod dev;
mod dev_folder;
mod doctor;
mod documented;
mod json;
mod listen;
mod manual;
mod operator;
mod output;
mod pay;
mod production;
mod verify;
mod world;

use std::collections::HashMap;
use std::process::Stdio;

use support::PATIENCE;
use support::system::program;
use tokio::process::Command;

/// The output and the exit code of a program that has ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end with these variables and no others of ours.
pub(crate) async fn run(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    ended(command(name, arguments, environment).stdout(Stdio::piped()).stderr(Stdio::piped())).await
}

/// A program with these variables and no others of ours.
fn command(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program(name));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CALMONY_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a program to its end. Returns its output, as far as that is piped.
async fn ended(command: &mut Command) -> Said {
    let output = command.spawn().unwrap().wait_with_output();
    let output = tokio::time::timeout(PATIENCE, output).await.expect("it ends").unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The `NAME=value` lines of a file.
fn variables(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
