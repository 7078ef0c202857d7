//! Rules about requests that are wrong: they are refused in plain words, and nothing is done.

use reqwest::Method;
use serde_json::{Value, json};

use super::finding::Verdict;
use super::raw::Secret;
use super::subject::{AMOUNT, Subject};
use crate::processor::{Authorize, Request, Voided};

pub(super) async fn amounts(subject: &Subject) -> Verdict {
    let method = subject.approved_method().await?;
    let (_, held) = subject.held().await?;
    let (_, taken) = subject.taken().await?;
    for amount in [0, -1] {
        let authorize = Authorize { amount, ..subject.hold_of(&subject.key(), &method) };
        let wrong =
            [Request::Authorize(authorize), subject.capture(&held, amount), subject.refund(&taken, amount)];
        for request in &wrong {
            subject.refused(request, &["invalid"]).await?;
            subject.unseen(request.key()).await?;
        }
    }
    subject.approved(&subject.capture(&held, AMOUNT), AMOUNT).await?;
    subject.approved(&subject.refund(&taken, AMOUNT), AMOUNT).await.map(drop)
}

pub(super) async fn malformed(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let right = json!(Request::Authorize(subject.hold_of(&key, &method)));
    let with = |name: &str, value: Value| {
        let mut wrong = right.clone();
        if let Some(fields) = wrong.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
        wrong.to_string()
    };
    let without = |name: &str| {
        let mut wrong = right.clone();
        wrong.as_object_mut().and_then(|fields| fields.remove(name));
        wrong.to_string()
    };
    let text = right.to_string();
    let cases = [
        ("no JSON", text.trim_end_matches('}').to_owned()),
        ("an empty body", String::new()),
        ("a list", "[]".to_owned()),
        ("an unknown field", with("check_unknown", json!(1))),
        ("an unknown kind", with("kind", json!("check_unknown"))),
        ("an amount that is a fraction", with("amount", json!(1000.5))),
        ("an amount that is a text", with("amount", json!("1000"))),
        ("no amount", without("amount")),
        ("no method", without("method")),
        ("no key", without("key")),
    ];
    for (about, body) in cases {
        let reply = subject.send((Method::POST, &["v1", "operations"]), &Secret::Right, Some(body)).await?;
        reply.is_error(&[400], about)?;
        subject.unseen(&key).await?;
    }
    Ok(())
}

pub(super) async fn unknown(subject: &Subject) -> Verdict {
    let nothing = "check_no_such_thing";
    let authorize = Request::Authorize(subject.hold_of(&subject.key(), nothing));
    subject.refused(&authorize, &["no_such_method"]).await?;
    subject.unseen(authorize.key()).await?;
    for request in [
        subject.capture(nothing, AMOUNT),
        subject.refund(nothing, AMOUNT),
        subject.void(Voided::Reference(nothing.to_owned())),
    ] {
        subject.refused(&request, &["no_such_reference"]).await?;
        subject.unseen(request.key()).await?;
    }
    Ok(())
}
