//! The pinned contract: `schema/openapi.json` agrees with the code, and nothing that was released is
//! broken.
//!
//! `make contract` writes it anew, and beside it the contract that is released under the present version,
//! which a breaking change can't replace. A released contract is never deleted: a reviewer of a change
//! would see it.

use calmony_pay::contract::{API_VERSION, EventType, RESOURCES};
use calmony_pay::http::contract::document;
use serde_json::Value;

use super::breaking::broken;
use super::root;

/// The file of the pinned contract.
const PINNED: &str = "schema/openapi.json";

fn read(path: &str) -> Option<Value> {
    let text = std::fs::read_to_string(root().join(path)).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}

fn pretty() -> String {
    serde_json::to_string_pretty(document()).unwrap() + "\n"
}

/// The file of the contract that was released under the present version.
fn released() -> String {
    format!("schema/released/{API_VERSION}.json")
}

#[test]
fn the_pinned_contract_is_what_the_code_says() {
    if std::env::var_os("CALMONY_PIN").is_some() {
        let before = read(&released()).map(|before| broken(&before, document())).unwrap_or_default();
        assert!(before.is_empty(), "this breaks clients: {before:#?}");
        for path in [PINNED, &released()] {
            std::fs::write(root().join(path), pretty()).unwrap();
        }
    }
    let pinned = read(PINNED).expect("make contract");
    assert!(
        pinned == *document(),
        "the code and {PINNED} differ: run `make contract` and look at the difference.\n{}\n{}",
        broken(&pinned, document()).join("\n"),
        broken(document(), &pinned).join("\n")
    );
}

#[test]
fn nothing_that_was_released_is_broken() {
    let path = released();
    let before = read(&path).unwrap_or_else(|| panic!("{path} is missing: run `make contract`"));
    let broken = broken(&before, document());
    assert!(
        broken.is_empty(),
        "this breaks clients of {API_VERSION}: raise API_VERSION and say so in CHANGELOG.md.\n{}",
        broken.join("\n")
    );
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(API_VERSION), "CHANGELOG.md says nothing of the API version {API_VERSION}");
}

#[test]
fn prefixes_and_types_are_those_of_the_code() {
    let prefixes = document()["x-id-prefixes"].as_object().unwrap();
    assert_eq!(prefixes.len(), RESOURCES.len());
    for resource in RESOURCES {
        assert_eq!(prefixes[&format!("{}_", resource.prefix)], resource.object);
    }
    let types: Vec<&str> = EventType::ALL.iter().map(|known| known.as_str()).collect();
    let webhooks: Vec<&String> = document()["webhooks"].as_object().unwrap().keys().collect();
    assert_eq!(webhooks.len(), types.len());
    assert!(webhooks.iter().all(|name| types.contains(&name.as_str())));
    // Every reference leads somewhere.
    let text = document().to_string();
    for (at, _) in text.match_indices("\"$ref\":\"#") {
        let target = text[at + 9..].split('"').next().unwrap();
        assert!(document().pointer(target).is_some(), "{target}");
    }
}
