//! The table of shared resources: each ceiling of a process has a share of the account beneath it.

use std::collections::BTreeSet;

use super::{files, root};

/// The constructors of ceilings.
const MAKERS: &[&str] = &[
    "Shares::new(",
    "Shares::with_each(",
    "Semaphore::new(",
    "mpsc::channel(",
    "mpsc::unbounded_channel(",
    "broadcast::channel(",
];
/// Ceilings that an option sets, by the parameter that brings them.
const OPTIONS: &[(&str, &str)] = &[
    ("requests_max", "CALMONY_REQUESTS_MAX"),
    ("connections_max", "CALMONY_CONNECTIONS_MAX"),
    ("steps_max", "CALMONY_STEPS_MAX"),
];
/// The ceilings of commands, which one person has alone, and the type that shares are made of.
const APART: &[&str] = &["src/cli/", "src/shares.rs"];

/// The rows of the table, each with its five cells.
fn rows() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("docs/LIMITS.md")).unwrap();
    let (_, section) = text.split_once("## Shared by all").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let table = section.lines().filter(|line| line.starts_with('|')).skip(2);
    table.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The product's source without its unit tests.
fn product() -> Vec<(String, String)> {
    let all = files(&["src", "outbox-worker/src"], "rs").into_iter();
    let own = all.filter(|(path, _)| {
        !path.ends_with("tests.rs") && !APART.iter().any(|apart| path.starts_with(apart))
    });
    own.map(|(path, text)| {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
        (path, code)
    })
    .collect()
}

/// The words in capitals of a text.
fn constants(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.len() > 2 && !word.chars().any(|c| c.is_ascii_lowercase())).collect()
}

/// The constants that the table lacks for a line that makes a ceiling; `None` if the line makes none.
fn missing(line: &str, table: &BTreeSet<&str>) -> Option<Vec<String>> {
    let (_, rest) = MAKERS.iter().find_map(|maker| line.split_once(maker))?;
    let rest = rest.split(')').next().unwrap_or_default();
    let options = OPTIONS.iter().filter(|(name, _)| rest.contains(name)).map(|(_, option)| *option);
    let named: Vec<&str> = constants(rest).into_iter().chain(options).collect();
    if named.is_empty() {
        return Some(vec![line.trim().to_owned()]);
    }
    Some(named.into_iter().filter(|name| !table.contains(name)).map(str::to_owned).collect())
}

#[test]
fn every_ceiling_has_a_share_of_the_account() {
    let rows = rows();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in &rows {
        assert_eq!(row.len(), 5, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "a cell is empty: {row:?}");
        let share = row[2].as_str();
        assert!(!matches!(share, "–" | "-" | "none" | "0"), "no share of the account: {row:?}");
    }
    let named = rows.iter().map(|row| row[3].as_str()).collect::<Vec<_>>().join(" ");
    let table = constants(&named);
    let mut found = 0;
    for (path, text) in product() {
        for line in text.lines() {
            if let Some(missing) = missing(line, &table) {
                found += 1;
                assert!(missing.is_empty(), "{path}: docs/LIMITS.md doesn't have {missing:?}");
            }
        }
    }
    assert!(found > 15, "{found}");
}

#[test]
fn a_constant_of_the_table_is_where_it_says() {
    let product = product();
    for row in rows() {
        let files: Vec<&str> = row[3].split('`').filter(|word| word.contains(".rs")).collect();
        let places: Vec<&(String, String)> =
            product.iter().filter(|(path, _)| files.iter().any(|file| path.ends_with(file))).collect();
        assert_eq!(places.len(), files.len(), "no such file: {row:?}");
        for name in
            constants(&row[3]).into_iter().filter(|name| !name.starts_with("CALMONY") && *name != "V0017")
        {
            let is_there = |text: &String| text.contains(&format!("const {name}:"));
            let in_folder = files.is_empty() || row[3].contains("outbox-worker/src/breaker");
            let known = if in_folder {
                product.iter().any(|(_, text)| is_there(text))
            } else {
                places.iter().any(|(_, text)| is_there(text))
            };
            assert!(known, "{name} isn't there: {row:?}");
        }
    }
}

#[test]
fn a_ceiling_that_is_not_in_the_table_is_found() {
    let table = BTreeSet::from(["KNOWN_MAX", "CALMONY_REQUESTS_MAX"]);
    assert_eq!(missing("let x = Semaphore::new(KNOWN_MAX);", &table), Some(vec![]));
    assert_eq!(missing("requests: Shares::new(requests_max, 3),", &table), Some(vec![]));
    assert_eq!(missing("let x = 5;", &table), None);
    for planted in ["Semaphore::new(OTHER_MAX)", "mpsc::channel(64)", "Shares::new(connections_max, 1)"] {
        assert!(missing(planted, &table).is_some_and(|missing| !missing.is_empty()), "{planted}");
    }
}
