//! Rules about buyers: challenges, and cards that are declined.

use super::finding::{Stopped, Verdict, fail, hold};
use super::subject::{AMOUNT, Subject, known_code, outcome, told_of};
use crate::processor::{Authorize, Inquiry, Operation, Outcome, Request};

pub(super) async fn off_session(subject: &Subject) -> Verdict {
    let mut methods = vec![subject.approved_method().await?];
    match subject.challenge_method().await {
        Ok(method) => methods.push(method),
        Err(Stopped::Skipped(_)) => {}
        Err(failed) => return Err(failed),
    }
    for method in methods {
        let request = Request::Authorize(subject.hold_of(&subject.key(), &method));
        let operation = subject.operation(&request).await?;
        let is_asked = matches!(operation.outcome, Outcome::ActionRequired { .. });
        hold(!is_asked, || "nobody is there, and a challenge is asked for".to_owned())?;
    }
    Ok(())
}

pub(super) async fn declined(subject: &Subject) -> Verdict {
    let method = subject.declined_method().await?;
    for capture in [false, true] {
        let key = subject.key();
        let request = Request::Authorize(Authorize { capture, ..subject.hold_of(&key, &method) });
        let first = subject.operation(&request).await?;
        match &first.outcome {
            Outcome::Declined { decline } => known_code(decline)?,
            _ => return fail(format!("it should be declined: {}", outcome(&first))),
        }
        let second = subject.operation(&request).await?;
        hold(first == second, || format!("{}, then {}", outcome(&first), outcome(&second)))?;
        subject.tells(&first).await?;
    }
    Ok(())
}

pub(super) async fn challenge(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.challenge_method().await?);
    let return_url = Some("https://shop.example/back".to_owned());
    let authorize = Authorize { off_session: false, return_url, ..subject.hold_of(&key, &method) };
    let request = Request::Authorize(authorize);
    let first = subject.operation(&request).await?;
    let is_asked = matches!(first.outcome, Outcome::ActionRequired { .. });
    hold(is_asked, || format!("a challenge should be asked for: {}", outcome(&first)))?;
    hold(subject.operation(&request).await? == first, || "the same key: another answer".to_owned())?;
    subject.tells(&first).await?;
    closed(subject, &key).await
}

/// Holds that a void by key closes a challenge.
async fn closed(subject: &Subject, key: &str) -> Verdict {
    let void = subject.operation(&subject.void_of(key)).await?;
    let is_closed = matches!(void.outcome, Outcome::Never | Outcome::Approved { amount: 0 | AMOUNT });
    hold(is_closed, || format!("a void of a challenge: {}", outcome(&void)))?;
    match subject.processor.inquire(key).await {
        Inquiry::NeverSeen
        | Inquiry::Known(Operation { outcome: Outcome::Declined { .. } | Outcome::Never, .. }) => Ok(()),
        other => fail(format!("a challenge that was voided tells: {}", told_of(&other))),
    }
}
