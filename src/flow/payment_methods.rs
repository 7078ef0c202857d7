//! Creating and attaching a payment method: the processor knows the card, and we know the method.

use super::{Decline, FlowError};
use crate::clock;
use crate::contract::{self, EventType};
use crate::domain::payment_method::{Attaches, CardFacts, Create, CreateParams, Kept};
use crate::domain::{New, ParameterError, Problem, Rejection, Snapshot};
use crate::id::Id;
use crate::log::{AppendError, Cause, Log};
use crate::processor::{self, Answer, Method, NewMethod, Outcome, Processor, Request, Tokenized};

/// Has a card taken in by the processor, for a method that is created then. `param` names the parameter that
/// the card came in.
pub async fn taken_in(
    processor: &Processor,
    (new, params): (New<contract::PaymentMethod>, CreateParams),
    (param, source): (&'static str, NewMethod),
) -> Result<Create, FlowError> {
    if new.livemode && matches!(source, NewMethod::Card(_)) {
        // Live cards go from the buyer to the processor, and come here as tokens.
        return Err(Rejection::from(ParameterError::new(param, Problem::CardNumber)).into());
    }
    let method = match processor.tokenize(source).await {
        Tokenized::Made(method) => method,
        Tokenized::Declined(decline) => return Err(FlowError::Declined(named(decline, param))),
        Tokenized::NoSuchSource => {
            let problem = Problem::Malformed("there is no such token or test payment method".to_owned());
            return Err(Rejection::from(ParameterError::new(param, problem)).into());
        }
        Tokenized::Unavailable(reason) => return Err(FlowError::ProcessorAway(reason)),
    };
    Ok(Create { new, facts: facts(method), params, used_by: None })
}

/// Creates a method of a card. `param` names the parameter that the card came in.
pub async fn create(
    (log, processor): (&Log, &Processor),
    cause: &Cause,
    made: (New<contract::PaymentMethod>, CreateParams),
    source: (&'static str, NewMethod),
) -> Result<Snapshot, FlowError> {
    let command = taken_in(&processor.on_behalf_of(cause.account), made, source).await?;
    Ok(log.append(cause, &command).await?)
}

/// The decline of a card whose numbers came in `card[number]` and beside it: the wrong parameter is
/// named as the caller has named it. A card that was made before is another matter: none of its numbers
/// came in the call.
fn named(decline: Decline, number: &str) -> Decline {
    let Some(card) = number.strip_suffix("[number]") else { return decline };
    let param = decline.param.map(|param| match param.as_str() {
        "number" | "exp_month" | "exp_year" | "cvc" => format!("{card}[{param}]"),
        _ => param,
    });
    Decline { param, ..decline }
}

/// Runs a command that gives methods to a customer, if the processor finds nothing wrong with their cards.
/// Nothing is charged, so an answer that doesn't come is no danger: the caller tries again.
pub async fn attach<C: Attaches>(
    (log, processor): (&Log, &Processor),
    cause: &Cause,
    command: C,
) -> Result<Snapshot, FlowError> {
    // A command that would be refused anyway isn't asked of the processor.
    let before = log.try_out(cause.account, &command).await?;
    let processor = processor.on_behalf_of(cause.account);
    let mut checked = Vec::new();
    for fact in before.facts.iter().filter(|fact| fact.event_type == EventType::PaymentMethodAttached) {
        let kept = fact.internal.as_deref().map(serde_json::from_str::<Kept>).transpose();
        let kept = kept.map_err(AppendError::Snapshot)?.ok_or(AppendError::Conflict)?;
        if check(&processor, &fact.stream, kept.token).await? {
            checked.extend(fact.stream.parse::<Id<contract::PaymentMethod>>().ok());
        }
    }
    Ok(log.append(cause, &command.with_checked(&checked)).await?)
}

/// Has the issuer check a card. False where it says neither yes nor no.
async fn check(processor: &Processor, id: &str, method: String) -> Result<bool, FlowError> {
    // No money moves, so each call is an attempt of its own: a declined method may be taken later.
    let key = format!("{id}.{}", clock::now().millis());
    let request = processor::Attach { key, method, on_session: true, return_url: None };
    match processor.perform(&Request::Attach(request)).await {
        Answer::Known(operation) => match operation.outcome {
            Outcome::Declined { decline } => Err(FlowError::Declined(decline)),
            Outcome::Approved { .. } => Ok(true),
            // A challenge is asked for by a setup intent; attaching alone takes the card as it is.
            Outcome::ActionRequired { .. } | Outcome::Pending => Ok(false),
            Outcome::Never => Err(FlowError::ProcessorAway("the key was voided".to_owned())),
        },
        Answer::Refused(reason) | Answer::Unknown(reason) => Err(FlowError::ProcessorAway(reason)),
    }
}

fn facts(Method { token, card }: Method) -> CardFacts {
    CardFacts {
        token,
        brand: card.brand,
        last4: card.last4,
        exp_month: card.exp_month,
        exp_year: card.exp_year,
        funding: card.funding,
        country: card.country,
        fingerprint: card.fingerprint,
        three_d_secure: card.three_d_secure,
        cvc_check: card.cvc_check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decline_names_what_the_caller_has_named() {
        let said = |param: &str, number| {
            let param = Some(param.to_owned());
            let decline = Decline { code: "x".to_owned(), decline_code: None, advice_code: None, param };
            named(decline, number).param.unwrap_or_default()
        };
        assert_eq!(said("exp_month", "card[number]"), "card[exp_month]");
        assert_eq!(said("cvc", "payment_method_data[card][number]"), "payment_method_data[card][cvc]");
        assert_eq!(said("other", "card[number]"), "other");
        assert_eq!(said("exp_month", "card[token]"), "exp_month", "a token's card was made before");
    }
}
