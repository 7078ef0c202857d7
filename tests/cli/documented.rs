//! The commands in the documentation exist: sub-commands with their options, and `make` targets. None of
//! them shows a password to the other users of a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::run;

const PAGES: &[(&str, &str)] = &[
    ("README", include_str!("../../README.md")),
    ("CONTRIBUTING", include_str!("../../CONTRIBUTING.md")),
    ("API", include_str!("../../docs/API.md")),
    ("ARCHITECTURE", include_str!("../../docs/ARCHITECTURE.md")),
    ("ATTACKS", include_str!("../../docs/ATTACKS.md")),
    ("COMPARISON", include_str!("../../docs/COMPARISON.md")),
    ("DELIVERY", include_str!("../../docs/DELIVERY.md")),
    ("GUARANTEES", include_str!("../../docs/GUARANTEES.md")),
    ("internals/requests", include_str!("../../docs/internals/requests.md")),
    ("internals/worker", include_str!("../../docs/internals/worker.md")),
    ("METRICS", include_str!("../../docs/METRICS.md")),
    ("MIGRATING", include_str!("../../docs/MIGRATING.md")),
    ("OPERATIONS", include_str!("../../docs/OPERATIONS.md")),
    ("PAYMENTS", include_str!("../../docs/PAYMENTS.md")),
    ("PROCESSORS", include_str!("../../docs/PROCESSORS.md")),
    ("RECEIVERS", include_str!("../../docs/RECEIVERS.md")),
    ("SCALING", include_str!("../../docs/SCALING.md")),
    ("schema", include_str!("../../schema/README.md")),
];
const MAKEFILE: &str = include_str!("../../Makefile");

/// The code of a page: between backticks, and the lines of blocks.
fn code(page: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (index, part) in page.split("```").enumerate() {
        if index % 2 == 1 {
            all.extend(part.lines().map(ToOwned::to_owned));
        } else {
            all.extend(part.split('`').skip(1).step_by(2).map(ToOwned::to_owned));
        }
    }
    all
}

/// The words of one of our commands in a line, without the program's folder, redirections and pipes.
fn commands(line: &str) -> Option<(&'static str, Vec<String>)> {
    let mut words = line.split_whitespace().skip_while(|word| word.contains('='));
    let program = words.next()?;
    let program = match program.rsplit('/').next()? {
        "calmony" => "calmony",
        "outbox-worker" => "outbox-worker",
        _ => return None,
    };
    let rest = words.take_while(|word| !["#", "|", ">", "&&"].contains(word)).map(ToOwned::to_owned);
    Some((program, rest.collect()))
}

#[tokio::test]
async fn every_command_of_the_documentation_is_there_with_its_options() {
    let mut helps: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut seen = 0;
    for (page, text) in PAGES {
        for line in code(text) {
            let Some((program, words)) = commands(&line) else { continue };
            let is_command = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            let mut path: Vec<String> = vec![program.to_owned()];
            for word in words.iter().take_while(is_command).filter(|word| !word.starts_with('-')) {
                path.push(word.clone());
            }
            // The last words may be arguments: a word that is no sub-command is one.
            let help = loop {
                if let Some(help) = helps.get(&path) {
                    break help.clone();
                }
                let arguments: Vec<&str> =
                    path.iter().skip(1).map(String::as_str).chain(["--help"]).collect();
                let said = run(program, &arguments, &[]).await;
                let names_it = said.stdout.contains(&format!("Usage: {}", path.join(" ")));
                if said.code == Some(0) && names_it {
                    helps.insert(path.clone(), said.stdout.clone());
                    break said.stdout;
                }
                assert!(path.len() > 2, "{page}: `{line}` is no command");
                path.pop();
            };
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let name = option.split('=').next().unwrap().trim_end_matches([',', ';', ']', '.']);
                let is_there = help.contains(&format!("{name} ")) || help.contains(&format!("{name}\n"));
                assert!(
                    is_there || name == "--help" || name == "--version",
                    "{page}: `{line}` has no {name}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn whatever_make_is_asked_for_is_there() {
    let targets: BTreeSet<&str> = MAKEFILE
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .collect();
    for (page, text) in PAGES {
        for line in code(text) {
            if let Some(rest) = line.trim().strip_prefix("make ") {
                let target = rest.split_whitespace().next().unwrap();
                assert!(targets.contains(target), "{page}: `{line}`");
            }
        }
    }
}

/// The files with commands that people type and scripts run.
const TYPED: &[&str] =
    &["README.md", "CONTRIBUTING.md", "Makefile", "docs", "deploy", "schema", "scripts", "tests"];
/// The options whose values are secrets.
const SECRET_OPTIONS: &[&str] = &[
    "--database-url",
    "--pooler-url",
    "--replica-url",
    "--secret-key",
    "--processor-secret",
    "--from-literal",
];

/// True if a line gives a program a secret as an argument, which all users of a machine can read.
fn shows_secret(line: &str) -> bool {
    let bare = |word| str::trim_matches(word, ['"', '\'', '`', ',', ';', '(', ')', '[', ']']);
    let words: Vec<&str> = line.split_whitespace().map(bare).collect();
    let is_option = |word: &&str| {
        let rest = SECRET_OPTIONS.iter().find_map(|option| word.strip_prefix(option));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    let is_url = |word: &&str| {
        (word.contains("://") && word.contains('@')) || (word.starts_with('$') && word.contains("URL"))
    };
    let psql = words.iter().position(|word| word.ends_with("psql"));
    words.iter().any(is_option) || psql.is_some_and(|at| words.iter().skip(at + 1).any(is_url))
}

#[test]
fn no_command_shows_a_password_to_the_others_on_the_machine() {
    for line in [
        r#"calmony verify --database-url "$CALMONY_DATABASE_URL""#,
        r#"run(calmony, ["verify", "--database-url", url])"#,
        "psql $CALMONY_DATABASE_URL --command 'select 1'",
        "`psql postgresql://u:p@h/d`",
        "kubectl create secret generic x --from-literal=a=b",
    ] {
        assert!(shows_secret(line), "{line}");
    }
    for line in ["psql --dbname calmony --file a.sql", "calmony serve --secret-key-file key"] {
        assert!(!shows_secret(line), "{line}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut open: Vec<PathBuf> = TYPED.iter().map(|path| root.join(path)).collect();
    let mut lines = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_none_or(|ending| ending != "rs") {
            // Pictures aren't text.
            for line in std::fs::read_to_string(&path).unwrap_or_default().lines() {
                assert!(!shows_secret(line), "{}: {line}", path.display());
                lines += 1;
            }
        }
    }
    assert!(lines > 2_000, "{lines}");
}
