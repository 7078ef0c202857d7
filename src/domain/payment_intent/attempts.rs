//! The processor's word: it closes an attempt, or settles a challenge.

use super::kept::Aim;
use super::{CancellationReason, Kept, PaymentIntent, Status};
use crate::clock::Timestamp;
use crate::contract::{self, ErrorCode, EventType};
use crate::domain::attempt::{
    Attempt, Closed, HOLD_SECONDS, Heard, Movement, MovementKind, Operation, Waiting, Word,
};
use crate::domain::charge::{self, Charge};
use crate::domain::customer::Customer;
use crate::domain::ledger::Postings;
use crate::domain::payment_method::{self, PaymentError, PaymentMethod};
use crate::domain::types::decline::Decline;
use crate::domain::types::next_action::NextAction;
use crate::domain::{Command, Objects, Resource as _, Stop, missing};
use crate::id::Id;

/// The codes of a processor that holds nothing any more.
pub(super) const NOTHING_HELD: [&str; 2] = ["charge_expired_for_capture", "charge_already_refunded"];
/// The time after which a release that was declined is tried again.
const LAPSE_AGAIN_SECONDS: u64 = 3_600;

type IntentId = Id<contract::PaymentIntent>;
type ChargeId = Id<contract::Charge>;

/// Close an attempt by the processor's word. Nothing comes of it where somebody was faster.
#[derive(Debug, Clone)]
pub struct Close {
    /// The intent's id.
    pub id: IntentId,
    /// The attempt's key.
    pub key: String,
    /// The processor's word.
    pub heard: Heard,
    /// The id of the charge that it may lead to.
    pub charge: ChargeId,
    /// The present instant.
    pub now: Timestamp,
}

/// Settle a challenge by the processor's word. Nothing comes of it where it doesn't wait any more.
#[derive(Debug, Clone)]
pub struct SettleChallenge {
    /// The intent's id.
    pub id: IntentId,
    /// The key of the operation that waits.
    pub key: String,
    /// The processor's word. `Never` and `Undone` say that the challenge can't be passed any more.
    pub heard: Heard,
    /// The id of the charge that it may lead to.
    pub charge: ChargeId,
    /// The present instant.
    pub now: Timestamp,
}

/// An intent whose attempt or challenge is about to be closed.
struct Closing<'a> {
    intent: PaymentIntent,
    kept: Kept,
    charge: ChargeId,
    now: Timestamp,
    objects: &'a mut Objects,
}

impl Command for Close {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let closes = |attempt: &Attempt| attempt.key == self.key && attempt.is_closed_by(&self.heard);
        let open = kept.attempt.clone().zip(kept.aim).filter(|(attempt, _)| closes(attempt));
        let Some((attempt, aim)) = open else { return Ok(self.id.to_string()) };
        let word = &self.heard.word;
        let mut closing = Closing { intent, kept, charge: self.charge, now: self.now, objects };
        match aim {
            Aim::Pay => closing.pay(&attempt, word)?,
            Aim::Capture => closing.capture(&attempt, word)?,
            Aim::Cancel { reason } => {
                closing.release(&attempt, word, (EventType::ChargeUpdated, reason))?;
            }
            Aim::Lapse => {
                let reason = Some(CancellationReason::Automatic);
                closing.release(&attempt, word, (EventType::ChargeExpired, reason))?;
            }
        }
        Ok(self.id.to_string())
    }
}

impl Command for SettleChallenge {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let settles = |waiting: &Waiting| waiting.key == self.key && waiting.is_settled_by(&self.heard);
        let Some(waiting) = kept.waiting.clone().filter(settles) else { return Ok(self.id.to_string()) };
        let mut closing = Closing { intent, kept, charge: self.charge, now: self.now, objects };
        closing.settle(&waiting, &self.heard.word)?;
        Ok(self.id.to_string())
    }
}

impl Closing<'_> {
    /// Closes the attempt of a confirmation.
    fn pay(&mut self, attempt: &Attempt, word: &Word) -> Result<(), Stop> {
        match word {
            Word::Approved { reference, .. } => self.approved(reference.clone(), attempt.closed(word, false)),
            Word::Declined(decline) => self.declined(decline, attempt.closed(word, true)),
            Word::Never | Word::Undone { .. } => {
                self.declined(&Decline::processing_error(), attempt.closed(word, true))
            }
            Word::ActionRequired { url, reference } => self.acting(attempt, (url, reference.clone()), word),
        }
    }

    /// The buyer has to pass a challenge.
    fn acting(
        &mut self,
        attempt: &Attempt,
        (url, reference): (&str, Option<String>),
        word: &Word,
    ) -> Result<(), Stop> {
        let return_url = match &attempt.operation {
            Operation::Authorize { return_url, .. } => return_url.clone(),
            _ => None,
        };
        let waiting = Waiting::of(attempt);
        let intent = self.intent.clone().acting(NextAction::redirect(url.to_owned(), return_url));
        let kept = Kept { waiting: Some(waiting), reference, ..self.kept.clone() };
        kept.closed(attempt.closed(word, false)).keep(self.objects, &intent)?;
        self.objects.put(EventType::PaymentIntentRequiresAction, &intent).map(drop)
    }

    /// Settles a challenge.
    fn settle(&mut self, waiting: &Waiting, word: &Word) -> Result<(), Stop> {
        match word {
            Word::Approved { amount, reference } => {
                let reference = reference.clone().or_else(|| self.kept.reference.clone());
                self.approved(reference, waiting.passed(*amount))
            }
            Word::Declined(decline) => self.declined(decline, waiting.settled(Vec::new())),
            Word::Never => self.abandoned(waiting.settled(Vec::new())),
            Word::Undone { by, amount } => self.abandoned(waiting.settled(waiting.undone(by, *amount))),
            Word::ActionRequired { .. } => Ok(()),
        }
    }

    /// The challenge can't be passed any more; the intent waits to be confirmed again.
    fn abandoned(&mut self, closed: Closed) -> Result<(), Stop> {
        let method = self.intent.payment_method;
        let intent = PaymentIntent { status: Status::RequiresConfirmation, ..self.intent.clone() };
        let intent = intent.with_method(method);
        let kept = Kept { closed: Some(closed), ..self.kept.clone() };
        kept.holding(None, None).keep(self.objects, &intent)?;
        self.objects.put(EventType::PaymentIntentUpdated, &intent).map(drop)
    }

    /// The amount is taken, or held.
    fn approved(&mut self, reference: Option<String>, closed: Closed) -> Result<(), Stop> {
        let method = self.method()?.ok_or_else(|| missing::<contract::PaymentMethod>(&""))?;
        let is_captured = takes(&closed.movements);
        let charge = Charge::approved(self.facts(), &method, is_captured);
        let (amount, currency) = self.intent.money();
        let postings =
            if is_captured { Postings::taken(currency, amount) } else { Postings::held(currency, amount) };
        let kept = charge::Kept { reference: reference.clone(), refunding: 0, postings: Some(postings) };
        kept.keep(self.objects, &charge)?;
        self.objects.create(EventType::ChargeSucceeded, &charge)?;
        self.save(method)?;
        let intent = self.intent.clone().charged(&charge);
        let held_until = (!is_captured).then(|| self.now.seconds().saturating_add(HOLD_SECONDS));
        let kept = self.kept.clone().closed(closed).holding(reference, held_until);
        kept.keep(self.objects, &intent)?;
        let event_type = if is_captured {
            EventType::PaymentIntentSucceeded
        } else {
            EventType::PaymentIntentAmountCapturableUpdated
        };
        self.objects.put(event_type, &intent).map(drop)
    }

    /// Attaches the method to the customer, where that was asked for.
    fn save(&mut self, method: PaymentMethod) -> Result<(), Stop> {
        let (Some(customer), Some(_), None) =
            (self.intent.customer, self.intent.setup_future_usage, method.customer())
        else {
            return Ok(());
        };
        // One that was deleted meanwhile gets nothing any more, and the method stays burned.
        if self.objects.find::<Customer>(customer)?.is_none() {
            return Ok(());
        }
        let id = method.id();
        let kept = payment_method::Kept::of(self.objects, id)?;
        if kept.burned {
            // It was detached meanwhile.
            return Ok(());
        }
        let kept = payment_method::Kept { used_by: None, ..kept };
        kept.keep(self.objects, id)?;
        let attached = method.attached(customer, true);
        self.objects.put(EventType::PaymentMethodAttached, &attached).map(drop)
    }

    /// The card was declined, or the processor never did it.
    fn declined(&mut self, decline: &Decline, closed: Closed) -> Result<(), Stop> {
        let method = self.method()?;
        let mut charged = None;
        if let Some(method) = method.as_ref().filter(|_| reaches_the_issuer(decline)) {
            let error = PaymentError::new(decline, None, None);
            let charge = Charge::failed(self.facts(), method, &error);
            self.objects.create(EventType::ChargeFailed, &charge)?;
            charged = Some(charge.id());
        }
        let error = PaymentError::new(decline, method, charged);
        let intent = self.intent.clone().declined(charged, error);
        self.kept.clone().closed(closed).holding(None, None).keep(self.objects, &intent)?;
        self.objects.put(EventType::PaymentIntentPaymentFailed, &intent).map(drop)
    }

    /// Closes the attempt of a capture.
    fn capture(&mut self, attempt: &Attempt, word: &Word) -> Result<(), Stop> {
        match word {
            Word::Approved { amount, .. } => {
                let charge = self.charge()?.with_captured(*amount);
                let (held, currency) = charge.money();
                self.post(&charge, EventType::ChargeCaptured, Postings::captured(currency, held, *amount))?;
                let intent = self.intent.clone().captured(*amount);
                let reference = self.kept.reference.clone();
                let kept = self.kept.clone().closed(attempt.closed(word, false)).holding(reference, None);
                kept.keep(self.objects, &intent)?;
                self.objects.put(EventType::PaymentIntentSucceeded, &intent).map(drop)
            }
            Word::Declined(decline) if NOTHING_HELD.contains(&decline.code.as_str()) => {
                self.gone(attempt.closed(word, true))
            }
            Word::Undone { .. } => self.gone(attempt.closed(word, true)),
            Word::Declined(_) | Word::ActionRequired { .. } | Word::Never => self.still_held(attempt, word),
        }
    }

    /// The amount isn't held any more, and nothing was taken.
    fn gone(&mut self, closed: Closed) -> Result<(), Stop> {
        self.released(closed, (EventType::ChargeExpired, Some(CancellationReason::Automatic)))
    }

    /// Closes the attempt of a release.
    fn release(
        &mut self,
        attempt: &Attempt,
        word: &Word,
        how: (EventType, Option<CancellationReason>),
    ) -> Result<(), Stop> {
        match word {
            Word::Approved { .. } => self.released(attempt.closed(word, false), how),
            // Nothing is held any more.
            Word::Declined(decline) if NOTHING_HELD.contains(&decline.code.as_str()) => {
                self.released(attempt.closed(word, false), how)
            }
            Word::Declined(_) | Word::ActionRequired { .. } | Word::Never | Word::Undone { .. } => {
                self.still_held(attempt, word)
            }
        }
    }

    fn released(
        &mut self,
        closed: Closed,
        (event_type, reason): (EventType, Option<CancellationReason>),
    ) -> Result<(), Stop> {
        let charge = self.charge()?.released();
        let (held, currency) = charge.money();
        self.post(&charge, event_type, Postings::released(currency, held))?;
        let intent = self.intent.clone().canceled(reason, self.now);
        self.kept.clone().closed(closed).holding(None, None).keep(self.objects, &intent)?;
        self.objects.put(EventType::PaymentIntentCanceled, &intent).map(drop)
    }

    /// Nothing was done, and the amount is still held.
    fn still_held(&mut self, attempt: &Attempt, word: &Word) -> Result<(), Stop> {
        let decline = match word {
            Word::Declined(decline) => decline.clone(),
            _ => Decline::processing_error(),
        };
        let method = self.method()?;
        let intent = self.intent.clone().still_held(PaymentError::new(&decline, method, None));
        // A hold that has lapsed already is tried again later, and not at once.
        let later = self.now.seconds().saturating_add(LAPSE_AGAIN_SECONDS);
        let is_over = self.kept.held_until.is_some_and(|until| until <= self.now.seconds());
        let held_until = if is_over { Some(later) } else { self.kept.held_until };
        let kept = Kept { held_until, ..self.kept.clone() };
        kept.closed(attempt.closed(word, true)).keep(self.objects, &intent)?;
        self.objects.put(EventType::PaymentIntentUpdated, &intent).map(drop)
    }

    /// Puts a fact of the charge, with its postings.
    fn post(&mut self, charge: &Charge, event_type: EventType, postings: Postings) -> Result<(), Stop> {
        charge::Kept::of(self.objects, charge.id())?.posting(postings).keep(self.objects, charge)?;
        self.objects.put(event_type, charge).map(drop)
    }

    fn charge(&mut self) -> Result<Charge, Stop> {
        // A held amount has a charge, so that one that lacks it is none of ours.
        let id = self.intent.latest_charge.unwrap_or(self.charge);
        self.objects.get(id)
    }

    fn method(&mut self) -> Result<Option<PaymentMethod>, Stop> {
        match self.intent.payment_method {
            Some(id) => self.objects.find(id),
            None => Ok(None),
        }
    }

    fn facts(&self) -> charge::Facts {
        let intent = &self.intent;
        charge::Facts {
            id: self.charge,
            livemode: intent.livemode,
            intent: intent.id,
            money: intent.money(),
            customer: intent.customer,
            description: intent.description.as_deref().map(str::to_owned),
            metadata: intent.metadata.clone(),
            receipt_email: intent.receipt_email.clone(),
            statement_descriptor_suffix: intent.statement_descriptor_suffix.as_deref().map(str::to_owned),
        }
    }
}

/// True if an authorisation took the amount at once.
fn takes(movements: &[Movement]) -> bool {
    movements.iter().any(|movement| movement.kind == MovementKind::Capture)
}

/// True if the issuer of the card was asked.
fn reaches_the_issuer(decline: &Decline) -> bool {
    let is = |code: ErrorCode| decline.code == code.as_str();
    let is_of_challenge =
        is(ErrorCode::AuthenticationRequired) || is(ErrorCode::PaymentIntentAuthenticationFailure);
    // Without a reason of an issuer's it is ours: the processor never did it.
    let is_ours = is(ErrorCode::ProcessingError) && decline.decline_code.is_none();
    !is_of_challenge && !is_ours
}
