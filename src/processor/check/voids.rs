//! Rules about voids: operations that are undone, and operations that can't come any more.

use super::finding::{Verdict, fail, hold};
use super::subject::{AMOUNT, Subject, outcome, told_of};
use crate::processor::{Inquiry, Operation, Outcome, Request, Voided};

/// Holds that an operation was told never to happen.
fn never(operation: &Operation, about: &str) -> Verdict {
    hold(operation.outcome == Outcome::Never, || {
        format!("{about} should be answered never: {}", outcome(operation))
    })
}

/// Holds that a key was refused for ever.
pub(super) async fn stays_refused(subject: &Subject, original: &Request) -> Verdict {
    for about in ["the late original", "the late original, once more"] {
        never(&subject.operation(original).await?, about)?;
    }
    match subject.processor.inquire(original.key()).await {
        Inquiry::NeverSeen | Inquiry::Known(Operation { outcome: Outcome::Never, .. }) => Ok(()),
        other => fail(format!("an inquiry of what was voided tells: {}", told_of(&other))),
    }
}

pub(super) async fn unseen(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let void = subject.void_of(&key);
    never(&subject.operation(&void).await?, "a void of an unknown key")?;
    stays_refused(subject, &Request::Authorize(subject.hold_of(&key, &method))).await?;
    never(&subject.operation(&void).await?, "the same void again")
}

pub(super) async fn held(subject: &Subject) -> Verdict {
    let (key, reference) = subject.held().await?;
    let void = subject.void_of(&key);
    let first = subject.approved(&void, AMOUNT).await?;
    hold(subject.operation(&void).await? == first, || "the same void twice: another answer".to_owned())?;
    subject.moves_nothing(&subject.capture(&reference, AMOUNT)).await
}

pub(super) async fn taken(subject: &Subject) -> Verdict {
    let (key, reference) = subject.taken().await?;
    subject.approved(&subject.void_of(&key), AMOUNT).await?;
    subject.moves_nothing(&subject.refund(&reference, 1)).await
}

pub(super) async fn by_reference(subject: &Subject) -> Verdict {
    let (_, reference) = subject.held().await?;
    subject.approved(&subject.void(Voided::Reference(reference.clone())), AMOUNT).await?;
    subject.moves_nothing(&subject.capture(&reference, AMOUNT)).await
}
