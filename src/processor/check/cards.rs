//! Rules about a processor's capabilities, and about methods.

use super::finding::{Verdict, fail, hold};
use super::subject::{Subject, outcome};
use crate::processor::{Attach, Outcome, Request};

/// The version of the protocol.
const PROTOCOL: u32 = 1;
/// The name of no source.
const NO_SOURCE: &str = "check_no_such_source";

pub(super) async fn capabilities(subject: &Subject) -> Verdict {
    let found = match subject.processor.capabilities().await {
        Ok(found) => found,
        Err(why) => return fail(why),
    };
    hold(found.protocol == PROTOCOL, || format!("the protocol is {}", found.protocol))?;
    hold(!found.name.trim().is_empty(), || "it has no name".to_owned())?;
    hold(found.key_seconds > 0 && found.hold_seconds > 0, || "a key or a hold that lasts 0 s".to_owned())
}

pub(super) async fn methods(subject: &Subject) -> Verdict {
    subject.approved_method().await?;
    let made = subject.method_of(NO_SOURCE).await?;
    hold(made.is_none(), || "a source that can't be there became a method".to_owned())
}

pub(super) async fn attach(subject: &Subject) -> Verdict {
    let method = subject.approved_method().await?;
    let attach = |on_session| {
        Request::Attach(Attach { key: subject.key(), method: method.clone(), on_session, return_url: None })
    };
    subject.approved(&attach(false), 0).await?;
    let request = attach(true);
    let first = subject.operation(&request).await?;
    let may_be = matches!(first.outcome, Outcome::Approved { amount: 0 } | Outcome::ActionRequired { .. });
    hold(may_be, || format!("attached with a buyer: {}", outcome(&first)))?;
    hold(subject.operation(&request).await? == first, || "attached twice: another answer".to_owned())
}
