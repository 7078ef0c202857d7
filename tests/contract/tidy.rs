//! The rules of the code base, as tests: the layers, the places of time and status codes, the sizes.

use super::{files, root};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const CODE: &[&str] = &["src", "outbox-worker/src", "tests"];

/// The modules of the library that a module must not name. Dependencies run downwards only. The longest entry
/// that a file's path begins with holds for it.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/domain/",
        &[
            "database",
            "log",
            "read",
            "outbox",
            "http",
            "pages",
            "cli",
            "config",
            "telemetry",
            "stop",
            "address",
        ],
    ),
    ("src/database/", &["domain", "log", "read", "outbox", "http", "pages", "cli", "config"]),
    ("src/log/", &["read", "outbox", "http", "pages", "cli", "config"]),
    ("src/read/", &["log", "outbox", "http", "pages", "cli", "config"]),
    ("src/outbox/", &["read", "http", "pages", "cli", "config"]),
    (
        "src/processor/",
        &["database", "log", "read", "outbox", "flow", "due", "http", "pages", "cli", "config"],
    ),
    // The other side of the port, which has a database of its own and knows nothing of ours.
    (
        "src/processor/sandbox/",
        &["domain", "log", "read", "outbox", "flow", "due", "http", "pages", "cli", "config"],
    ),
    ("src/due/", &["log", "read", "outbox", "processor", "flow", "biller", "http", "pages", "cli", "config"]),
    ("src/flow/", &["database", "outbox", "biller", "http", "pages", "cli", "config"]),
    ("src/biller/", &["read", "outbox", "processor", "http", "pages", "cli", "config"]),
    ("src/buckets.rs", &["domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"]),
    ("src/http/", &["outbox", "pages", "cli", "config"]),
    ("src/pages/", &["database", "log", "read", "outbox", "cli", "config"]),
    ("src/contract.rs", &["domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"]),
    ("src/id.rs", &["domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"]),
    (
        "src/clock.rs",
        &["id", "contract", "domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"],
    ),
    (
        "src/retry.rs",
        &["id", "contract", "domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"],
    ),
    (
        "src/shares.rs",
        &["id", "contract", "domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"],
    ),
    (
        "src/address.rs",
        &["id", "contract", "domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"],
    ),
    (
        "src/secret.rs",
        &["id", "domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"],
    ),
    ("src/signature.rs", &["domain", "database", "log", "read", "outbox", "http", "pages", "cli", "config"]),
];

/// The resources, in the order of knowing: one may name those after it, and no others.
const KNOWING: &[&str] = &[
    "checkout_session",
    "subscription",
    "invoice",
    "refund",
    "payment_intent",
    "setup_intent",
    "charge",
    "payment_method",
    "price",
    "product",
    "customer",
    "replay",
    "webhook_endpoint",
];

/// The longest line of code and SQL, in characters. Migrations before this one were merged with longer ones.
const COLUMNS_MAX: usize = 110;
const WIDE_MIGRATIONS: &str = "schema/migrations/V0019";

/// A word and the only places that may have it.
const CONFINED: &[(&str, &[&str])] = &[
    (
        "tokio_postgres",
        &["src/database/", "src/due/", "src/log/", "src/read/", "src/outbox/", "src/processor/sandbox/"],
    ),
    ("deadpool_postgres", &["src/database/"]),
    (
        "StatusCode",
        &["src/http/error/", "src/health.rs", "src/cli/dev/inbox.rs", "src/processor/sandbox/answer.rs"],
    ),
    ("SystemTime::now", &["src/clock.rs"]),
    ("backoff::", &["src/retry.rs"]),
    ("crate::processor", &["src/flow/", "src/processor/", "src/cli/operate/"]),
    ("insert into calmony.event", &["src/log/"]),
    ("delete from calmony.", &["src/outbox/", "src/log/sql/rebuild_remove_"]),
];

fn product() -> Vec<(String, String)> {
    let mut all = files(&["src", "outbox-worker/src"], "rs");
    all.extend(files(&["src"], "sql"));
    all
}

#[test]
fn dependencies_run_downwards_only() {
    for (path, text) in product() {
        // Of a module within another one, its own entry holds.
        let entries = FORBIDDEN.iter().filter(|(module, _)| path.starts_with(module));
        if let Some((module, forbidden)) = entries.max_by_key(|(module, _)| module.len()) {
            for name in *forbidden {
                assert!(
                    !roots(&text, "crate").contains(&(*name).to_owned()),
                    "{path}: {module} must not know {name}"
                );
                let named =
                    [format!("crate::{name}::"), format!("crate::{name};"), format!("crate::{name},")];
                assert!(
                    !named.iter().any(|named| text.contains(named)),
                    "{path}: {module} must not know {name}"
                );
            }
        }
        if path.starts_with("outbox-worker/") {
            for name in ["read", "flow", "biller", "http", "pages", "cli"] {
                let alone = text.contains(&format!("calmony_pay::{name}::"));
                let grouped = roots(&text, "calmony_pay").contains(&name.to_owned());
                assert!(!alone && !grouped, "{path}: the worker must not know {name}");
            }
        }
        let knows_http = ["src/http/", "src/pages/", "src/cli/operate/serve.rs"];
        if !knows_http.iter().any(|place| path.starts_with(place)) {
            assert!(!text.contains("crate::http"), "{path}: nothing knows http");
        }
    }
}

/// The modules that grouped imports of a crate name: `use crate::{log, read::Page}` names log and read.
fn roots(text: &str, of: &str) -> Vec<String> {
    let mut roots = Vec::new();
    for group in text.split(&format!("use {of}::{{")).skip(1) {
        let mut depth = 0_usize;
        let flat: String = group
            .chars()
            .take_while(|c| *c != ';')
            .filter(|c| {
                depth = if *c == '{' {
                    depth + 1
                } else if *c == '}' {
                    depth.saturating_sub(1)
                } else {
                    depth
                };
                depth == 0
            })
            .collect();
        roots.extend(
            flat.split(',').map(|part| part.trim().split("::").next().unwrap_or_default().to_owned()),
        );
    }
    roots
}

#[test]
fn the_import_reader_reads() {
    assert_eq!(roots("use crate::{log, read::{Page, keys}, cli::say};", "crate")[..2], ["log", "read"]);
}

#[test]
fn words_stay_where_they_belong() {
    for (path, text) in product() {
        for (word, places) in CONFINED {
            let may = places.iter().any(|place| path.starts_with(place));
            assert!(may || !text.contains(word), "{path}: only {places:?} may say {word}");
        }
    }
}

#[test]
fn the_domain_is_pure() {
    for (path, text) in files(&["src/domain"], "rs") {
        for word in
            ["async ", ".await", "tokio", "axum", "reqwest", "rand::", "std::env", "std::fs", "clock::now"]
        {
            assert!(!text.contains(word), "{path}: the domain has no {word}");
        }
    }
}

#[test]
fn a_resource_names_only_those_that_stand_below_it() {
    let folders = files(&["src/domain"], "rs");
    for (path, text) in &folders {
        let Some((resource, _)) = path.trim_start_matches("src/domain/").split_once('/') else { continue };
        let Some(place) = KNOWING.iter().position(|known| *known == resource) else { continue };
        for higher in &KNOWING[..place] {
            for way in ["domain::", "super::super::", "domain::{"] {
                assert!(
                    !text.contains(&format!("{way}{higher}::")),
                    "{path}: {resource} must not know {higher}"
                );
            }
        }
    }
    let is_resource = |path: &str| path.ends_with("/mod.rs") && path.matches('/').count() == 3;
    for (path, text) in folders.iter().filter(|(path, _)| is_resource(path)) {
        let name = path.trim_start_matches("src/domain/").trim_end_matches("/mod.rs");
        if text.contains("\nimpl Resource for ") {
            assert!(KNOWING.contains(&name), "{path}: {name} has no place in the order of knowing");
        }
    }
}

#[test]
fn lines_have_an_end() {
    let mut code = files(CODE, "rs");
    code.extend(files(&["src", "tests", "schema", "deploy"], "sql"));
    for (path, text) in &code {
        if path.starts_with("schema/migrations/") && path.as_str() < WIDE_MIGRATIONS {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            assert!(columns <= COLUMNS_MAX, "{path}:{}: {columns} columns", number + 1);
        }
    }
}

#[test]
fn files_and_functions_are_short() {
    let mut code = files(CODE, "rs");
    code.extend(files(&["src", "schema"], "sql"));
    for (path, text) in &code {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{path} has {lines} lines");
        for (name, lines) in functions(text) {
            assert!(lines <= FUNCTION_LINES_MAX, "{path}: {name} has {lines} lines");
        }
    }
}

/// The functions of a formatted file, with their lines: from `fn` to the closing brace of the same
/// indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let is_function = [
            "fn ",
            "pub fn ",
            "async fn ",
            "pub async fn ",
            "pub(crate) fn ",
            "pub(super) fn ",
            "pub(crate) async fn ",
            "pub(super) async fn ",
            "const fn ",
            "pub const fn ",
        ]
        .iter()
        .any(|head| trimmed.starts_with(head));
        if is_function && !trimmed.ends_with(';') {
            let close = format!("{}}}", &line[..line.len() - trimmed.len()]);
            let length = lines[start..].iter().position(|line| *line == close).map_or(1, |end| end + 1);
            found.push((trimmed.to_owned(), length));
        }
    }
    found
}

#[test]
fn the_function_counter_counts() {
    let text =
        "impl A {\n    fn short() {}\n\n    pub fn long(\n        a: u8,\n    ) {\n        b();\n    }\n}\n";
    let lengths: Vec<usize> = functions(text).into_iter().map(|(_, lines)| lines).collect();
    assert_eq!(lengths[1], 5);
}

#[test]
fn every_file_is_reachable_and_every_test_runs() {
    for (path, text) in files(CODE, "rs") {
        for word in [
            concat!("#[", "ignore"),
            concat!("to", "do!("),
            concat!("unimpl", "emented!("),
            concat!("#[", "allow("),
        ] {
            assert!(!text.contains(word), "{path}: no {word}");
        }
        let file = root().join(&path);
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if ["main", "lib", "mod"].contains(&name.as_str()) {
            continue;
        }
        let parent = ["mod.rs", "lib.rs", "main.rs"].iter().map(|parent| file.with_file_name(parent));
        let declared = parent
            .filter_map(|parent| std::fs::read_to_string(parent).ok())
            .any(|text| text.contains(&format!("mod {name};")));
        assert!(declared, "{path} is in no module");
    }
}
