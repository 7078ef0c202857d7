//! The habits of the documentation, as tests: its width, the targets of its links, and the presence of the
//! tests that it names.

use std::collections::BTreeSet;
use std::path::Path;

use super::{files, root};

const COLUMNS_MAX: usize = 110;
/// The places of the pages.
const PLACES: &[&str] = &["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "schema", "deploy"];
/// Pages that programs write, as a whole or in part.
const WRITTEN: &[&str] = &["docs/BENCHMARKS.md", "docs/ERRORS.md"];
/// The words of a name from which on it is a test's, unless it is a metric's.
const TEST_WORDS: usize = 5;

/// The lines of a page that aren't code.
fn prose(page: &str) -> Vec<&str> {
    let mut in_code = false;
    page.lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            !in_code && !is_fence
        })
        .collect()
}

#[test]
fn pages_are_wrapped() {
    for (path, text) in files(PLACES, "md") {
        if WRITTEN.contains(&path.as_str()) {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            let may = line.starts_with('|') || line.starts_with("[![") || line.contains("://");
            let columns = line.chars().count();
            assert!(may || columns <= COLUMNS_MAX, "{path}:{number} has {columns} columns");
        }
    }
}

/// The anchor that a heading gets at GitHub.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

/// The targets of the links of a page.
fn links(page: &str) -> Vec<&str> {
    let targets = prose(page).into_iter().flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| rest.split(')').next()).filter(|target| !target.contains("://")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for (path, text) in files(PLACES, "md") {
        let page = root().join(&path);
        for link in links(&text) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = page.parent().unwrap().join(file);
            let target = if file.is_empty() { page.clone() } else { target };
            assert!(target.exists(), "{path}: {link} leads nowhere");
            if !place.is_empty() {
                assert!(anchors(&target).contains(place), "{path}: {link} is no heading");
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

/// The anchors of a page.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let headings = prose(&text).into_iter().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(anchor(" What one login can do to others"), "what-one-login-can-do-to-others");
    assert_eq!(anchor(" 1. No silent change: `a_b`"), "1-no-silent-change-a_b");
}

/// The words between backticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    prose(page).into_iter().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Files that the author of an addition would make.
const TO_BE_MADE: &[&str] = &["payment_method", "V0018"];

#[test]
fn every_file_that_is_named_is_there() {
    let endings = ["rs", "sql", "py"];
    let there: Vec<String> = endings
        .iter()
        .flat_map(|ending| files(&["src", "outbox-worker", "schema", "deploy", "tests"], ending))
        .map(|(path, _)| format!("/{path}"))
        .collect();
    let mut seen = 0;
    for (path, text) in files(PLACES, "md") {
        let named = quoted(&text).filter(|word| endings.contains(&word.rsplit('.').next().unwrap()));
        for name in named.filter(|name| name.contains('/') && !name.contains([' ', '*'])) {
            let is_there = there.iter().any(|file| file.ends_with(&format!("/{name}")));
            let is_to_be = TO_BE_MADE.iter().any(|part| name.contains(part));
            assert!(is_there || is_to_be, "{path}: there is no {name}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

/// The names between backticks that are tests'.
fn named_tests(page: &str) -> BTreeSet<&str> {
    let is_name =
        |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    quoted(page)
        .filter(is_name)
        .filter(|word| word.split('_').count() >= TEST_WORDS && !word.starts_with("calmony_"))
        .collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let code: Vec<(String, String)> = files(&["src", "outbox-worker/src", "tests"], "rs");
    let functions: BTreeSet<&str> = code
        .iter()
        .flat_map(|(_, text)| text.split("fn ").skip(1))
        .filter_map(|rest| rest.split('(').next())
        .collect();
    let mut seen = BTreeSet::new();
    let pages = files(PLACES, "md");
    for (path, text) in &pages {
        for name in named_tests(text) {
            assert!(functions.contains(name), "{path}: there is no test {name}");
            seen.insert(name);
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

#[test]
fn every_guarantee_names_what_tries_to_break_it() {
    let text = std::fs::read_to_string(root().join("docs/GUARANTEES.md")).unwrap();
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    let promises = sections.iter().filter(|section| section.starts_with(|c: char| c.is_ascii_digit()));
    let mut seen = 0;
    for promise in promises {
        let is_tested = !named_tests(promise).is_empty() || promise.contains("`make test");
        assert!(is_tested, "no test: {}", promise.lines().next().unwrap());
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}
