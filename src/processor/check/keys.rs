//! Rules about keys: one key, one operation, one answer.

use futures_util::future::join_all;

use super::finding::{Verdict, hold};
use super::subject::{AMOUNT, Subject, outcome};
use crate::processor::{Authorize, Capture, Request};

/// The number of requests that come at once.
const AT_ONCE: usize = 10;

pub(super) async fn repeat(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let request = Request::Authorize(Authorize { capture: true, ..subject.hold_of(&key, &method) });
    let first = subject.approved(&request, AMOUNT).await?;
    let second = subject.operation(&request).await?;
    hold(first == second, || format!("{}, then {}", outcome(&first), outcome(&second)))?;
    let reference = first.reference.unwrap_or_default();
    let refund = subject.refund(&reference, AMOUNT);
    let first = subject.approved(&refund, AMOUNT).await?;
    let second = subject.operation(&refund).await?;
    hold(first == second, || format!("a refund: {}, then {}", outcome(&first), outcome(&second)))
}

pub(super) async fn at_once(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let request = Request::Authorize(subject.hold_of(&key, &method));
    let all = join_all((0..AT_ONCE).map(|_| subject.approved(&request, AMOUNT))).await;
    let all = all.into_iter().collect::<Result<Vec<_>, _>>()?;
    let is_one = all.windows(2).all(|two| two.first() == two.last());
    hold(is_one, || "ten requests with one key got different answers".to_owned())?;
    match all.first() {
        Some(first) => subject.tells(first).await,
        None => Ok(()),
    }
}

pub(super) async fn conflict(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let authorize = subject.hold_of(&key, &method);
    let first = subject.approved(&Request::Authorize(authorize.clone()), AMOUNT).await?;
    let reference = first.reference.clone().unwrap_or_default();
    for other in [
        Request::Authorize(Authorize { amount: AMOUNT + 1, ..authorize.clone() }),
        Request::Authorize(Authorize { capture: true, ..authorize }),
        Request::Capture(Capture { key: key.clone(), reference: reference.clone(), amount: AMOUNT }),
    ] {
        subject.refused(&other, &["key_conflict"]).await?;
        subject.tells(&first).await?;
    }
    subject.approved(&subject.capture(&reference, AMOUNT), AMOUNT).await.map(drop)
}

pub(super) async fn inquiry(subject: &Subject) -> Verdict {
    let (key, method) = (subject.key(), subject.approved_method().await?);
    let request = Request::Authorize(subject.hold_of(&key, &method));
    let held = subject.approved(&request, AMOUNT).await?;
    subject.tells(&held).await?;
    let reference = held.reference.unwrap_or_default();
    let captured = subject.approved(&subject.capture(&reference, AMOUNT), AMOUNT).await?;
    subject.tells(&captured).await?;
    let refunded = subject.approved(&subject.refund(&reference, AMOUNT), AMOUNT).await?;
    subject.tells(&refunded).await
}

pub(super) async fn never_seen(subject: &Subject) -> Verdict {
    let key = subject.key();
    subject.unseen(&key).await?;
    // The question itself makes nothing.
    subject.unseen(&key).await
}
