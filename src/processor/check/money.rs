//! Rules about amounts: nothing is taken or given back twice.

use futures_util::future::join;

use super::finding::{Verdict, fail, hold};
use super::subject::{AMOUNT, Subject, known_code, told};
use crate::processor::{Answer, Operation, Outcome, Request};

/// The number of approved operations among two that were asked for at once.
async fn approved_of(subject: &Subject, one: &Request, other: &Request) -> Verdict<usize> {
    let (one, other) = join(subject.answer(one), subject.answer(other)).await;
    let mut approved = 0;
    for answer in [one, other] {
        match answer {
            Answer::Known(Operation { outcome: Outcome::Approved { .. }, .. }) => approved += 1,
            Answer::Known(Operation { outcome: Outcome::Declined { decline }, .. }) => known_code(&decline)?,
            Answer::Refused(_) => {}
            other => return fail(format!("one of two at once: {}", told(&other))),
        }
    }
    Ok(approved)
}

pub(super) async fn capture_once(subject: &Subject) -> Verdict {
    let (_, reference) = subject.held().await?;
    let (one, other) = (subject.capture(&reference, AMOUNT), subject.capture(&reference, AMOUNT));
    let approved = approved_of(subject, &one, &other).await?;
    hold(approved == 1, || format!("of two captures at once {approved} were approved"))?;
    subject.moves_nothing(&subject.capture(&reference, AMOUNT)).await
}

pub(super) async fn capture_bound(subject: &Subject) -> Verdict {
    let (_, reference) = subject.held().await?;
    subject.moves_nothing(&subject.capture(&reference, AMOUNT + 1)).await?;
    // The hold is as it was.
    subject.approved(&subject.capture(&reference, AMOUNT), AMOUNT).await.map(drop)
}

pub(super) async fn capture_part(subject: &Subject) -> Verdict {
    let (_, reference) = subject.held().await?;
    let part = AMOUNT * 2 / 5;
    subject.approved(&subject.capture(&reference, part), part).await?;
    subject.moves_nothing(&subject.capture(&reference, AMOUNT - part)).await?;
    subject.moves_nothing(&subject.refund(&reference, part + 1)).await?;
    subject.approved(&subject.refund(&reference, part), part).await.map(drop)
}

pub(super) async fn refund_parts(subject: &Subject) -> Verdict {
    let (_, reference) = subject.taken().await?;
    let (first, second) = (AMOUNT * 3 / 10, AMOUNT * 6 / 10);
    let rest = AMOUNT - first - second;
    subject.approved(&subject.refund(&reference, first), first).await?;
    subject.approved(&subject.refund(&reference, second), second).await?;
    subject.moves_nothing(&subject.refund(&reference, rest + 1)).await?;
    subject.approved(&subject.refund(&reference, rest), rest).await?;
    subject.moves_nothing(&subject.refund(&reference, 1)).await
}

pub(super) async fn refund_once(subject: &Subject) -> Verdict {
    let (_, reference) = subject.taken().await?;
    let most = AMOUNT * 6 / 10;
    let (one, other) = (subject.refund(&reference, most), subject.refund(&reference, most));
    let approved = approved_of(subject, &one, &other).await?;
    hold(approved == 1, || format!("of two refunds of {most} of {AMOUNT} {approved} were approved"))
}
