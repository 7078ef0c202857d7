//! Rules about things that must not be told: anything without the secret, and numbers of cards.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use super::finding::{Verdict, hold};
use super::raw::Secret;
use super::subject::Subject;
use crate::processor::Request;

/// A number that is no card's: its check digit is wrong.
const NO_CARD: &str = "4242424242424241";

/// Headers that prove nothing: none, another secret, the right one without its end.
fn wrong_secrets(subject: &Subject) -> Vec<Secret> {
    let right = subject.processor.line().secret().as_bytes();
    let shorter = right.split_last().and_then(|(_, rest)| HeaderValue::from_bytes(rest).ok());
    vec![
        Secret::Other(None),
        Secret::Other(Some(HeaderValue::from_static("Bearer a-wrong-secret"))),
        Secret::Other(shorter),
    ]
}

pub(super) async fn secret(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let hold_of = Request::Authorize(subject.hold_of(&key, &method));
    let hold_of = serde_json::to_string(&hold_of).unwrap_or_default();
    let source = json!({ "source": "pm_card_visa" }).to_string();
    for secret in wrong_secrets(subject) {
        for (method, path, body) in [
            (Method::GET, &["v1", "capabilities"][..], None),
            (Method::POST, &["v1", "operations"], Some(&hold_of)),
            (Method::GET, &["v1", "operations", &key], None),
            (Method::POST, &["v1", "methods"], Some(&source)),
        ] {
            let about = format!("{method} /{} without the secret", path.join("/"));
            let reply = subject.send((method, path), &secret, body.cloned()).await?;
            reply.is_error(&[401], &about)?;
        }
    }
    subject.unseen(&key).await
}

pub(super) async fn echo(subject: &Subject) -> Verdict {
    for body in [
        json!({ "card": { "number": NO_CARD, "exp_month": 12, "exp_year": 2034, "cvc": "123" } }),
        json!({ "card": { "number": NO_CARD, "exp_month": "12", "exp_year": 2034 } }),
        json!({ "source": NO_CARD }),
    ] {
        let body = Some(body.to_string());
        let reply = subject.send((Method::POST, &["v1", "methods"]), &Secret::Right, body).await?;
        reply.is_error(&[400, 402, 404], "a number that is no card's")?;
        let is_there = reply.body.windows(NO_CARD.len()).any(|part| part == NO_CARD.as_bytes());
        hold(!is_there, || format!("the answer {} has the number in it", reply.status))?;
    }
    Ok(())
}
