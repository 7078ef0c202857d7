//! `--json` is JSON with any texts in it, and output for people is harmless to their terminals.

use serde_json::Value;

use super::run;
use super::world::{HOSTILE, World, commands};

/// The commands whose answers have a text of a client's choice.
const SHOWING: &[&str] = &[
    "keys list",
    "events list",
    "events show",
    "events tail",
    "objects show",
    "lookup",
    "pay confirm",
    "pay capture",
    "pay cancel",
    "pay show",
    "endpoints list",
    "endpoints show",
    "endpoints enable",
    "endpoints disable",
    "endpoints pause",
    "endpoints resume",
];

/// True if a text stands anywhere in a value.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(fields) => fields.values().any(|value| holds(value, text)),
        _ => false,
    }
}

/// Checks that nothing acts on a terminal or turns the direction of text, and that no text has begun a
/// line.
fn assert_harmless(words: &[String], printed: &str) {
    let hostile = |c: &char| HOSTILE.contains(*c) && !c.is_ascii_graphic() && !matches!(c, '\n' | '\t' | ' ');
    let shown = |c: &char| matches!(c, '😀' | '\u{feff}' | '\u{10ffff}' | '\u{e0001}');
    let acting: Vec<char> = printed.chars().filter(|c| hostile(c) && !shown(c)).collect();
    assert!(acting.is_empty(), "{words:?} prints {acting:?}: {printed}");
    assert!(!printed.lines().any(|line| line.trim_start().starts_with("FORGED")), "{words:?}: {printed}");
}

#[tokio::test]
async fn every_json_is_valid_for_every_character() {
    let world = World::start("json").await;
    let mut seen = 0;
    for (command, help) in commands().await {
        if !help.contains("--json") {
            continue;
        }
        let mut words = world.words(&command).await.unwrap();
        words.push("--json".to_owned());
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = run("calmony", &arguments, &world.environment()).await;
        // Findings are no matter here.
        assert!(said.code == Some(0) || command == "doctor", "{words:?}: {said:?}");
        assert_harmless(&words, &said.stdout);
        let value: Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {said:?}"));
        assert_eq!(holds(&value, HOSTILE), SHOWING.contains(&command.as_str()), "{words:?}: {value:#}");
        if command == "events tail" {
            assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
        }
        seen += 1;
    }
    assert!(seen >= 17, "{seen}");
}

#[tokio::test]
async fn what_people_are_shown_does_nothing_to_their_terminals() {
    let world = World::start("terminal").await;
    for (command, _) in commands().await {
        let Some(words) = world.words(&command).await else { continue };
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = run("calmony", &arguments, &world.environment()).await;
        assert!(said.code == Some(0) || command == "doctor", "{words:?}: {said:?}");
        assert_harmless(&words, &said.stdout);
        assert_harmless(&words, &said.stderr);
    }
    // An error may repeat a text of another's.
    let nonsense = format!("cus_{HOSTILE}");
    let said = run("calmony", &["lookup", &nonsense], &world.environment()).await;
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(!said.stderr.contains('\u{1b}') && !said.stderr.contains('\u{202e}'), "{said:?}");
}
