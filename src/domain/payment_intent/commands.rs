//! The verbs of a payment intent that callers say.

use super::kept::Aim;
use super::{CancellationReason, CaptureMethod, Confirming, Kept, PaymentIntent, Status, Terms};
use crate::clock::Timestamp;
use crate::contract::{self, EventType};
use crate::domain::attempt::{Opening, Operation};
use crate::domain::customer::Customer;
use crate::domain::payment_method::Chosen;
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::money::Currency;
use crate::domain::{Command, New, Objects, ParameterError, Patch, Problem, Refused, Rejection, Stop};
use crate::id::Id;

type IntentId = Id<contract::PaymentIntent>;
type CustomerId = Id<contract::Customer>;

/// Create an intent, and confirm it at once if that is asked for.
#[derive(Debug, Clone)]
pub struct Create {
    /// The parts that callers don't say.
    pub new: New<contract::PaymentIntent>,
    /// The random end of the client's secret.
    pub secret: String,
    /// The amount and its currency.
    pub money: (i64, Currency),
    /// The customer.
    pub customer: Option<CustomerId>,
    /// The method.
    pub chosen: Chosen,
    /// The other parameters.
    pub terms: Terms,
    /// The manner of the confirmation, if it is confirmed at once.
    pub confirming: Option<Confirming>,
    /// The parts of an attempt that come from outside.
    pub opening: Opening,
}

/// Change an intent.
#[derive(Debug, Clone)]
pub struct Update {
    /// The intent's id.
    pub id: IntentId,
    /// The customer.
    pub customer: Patch<CustomerId>,
    /// The method.
    pub chosen: Chosen,
    /// The other parameters.
    pub terms: Terms,
}

/// Confirm an intent: the processor is asked.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// The intent's id.
    pub id: IntentId,
    /// The method.
    pub chosen: Chosen,
    /// The other parameters.
    pub terms: Terms,
    /// The manner of the confirmation.
    pub confirming: Confirming,
    /// The parts of an attempt that come from outside.
    pub opening: Opening,
}

/// Take the held amount, or a part of it.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The intent's id.
    pub id: IntentId,
    /// The amount; `None` for all of it.
    pub amount: Option<i64>,
    /// A change of the metadata.
    pub metadata: MetadataChange,
    /// The parts of an attempt that come from outside.
    pub opening: Opening,
}

/// See to it that nothing is taken any more.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The intent's id.
    pub id: IntentId,
    /// The reason.
    pub reason: Option<CancellationReason>,
    /// The parts of an attempt that come from outside.
    pub opening: Opening,
}

/// Release a hold that has lasted for as long as it may.
#[derive(Debug, Clone)]
pub struct Lapse {
    /// The intent's id.
    pub id: IntentId,
    /// The parts of an attempt that come from outside.
    pub opening: Opening,
}

impl Command for Create {
    fn reads(&self) -> Vec<String> {
        let customer = self.customer.iter().map(ToString::to_string);
        customer.chain(self.chosen.existing().iter().map(ToString::to_string)).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let (amount, currency) = self.money;
        currency.check_charge("amount", amount)?;
        let secret = format!("{}_secret_{}", self.new.id, self.secret);
        let mut intent = PaymentIntent::new(self.new, secret, self.money);
        if let Some(customer) = self.customer {
            check_customer(objects, customer)?;
            intent.customer = Some(customer);
        }
        let intent = self.terms.clone().apply(intent)?;
        let intent = choose(objects, intent, &self.chosen)?;
        let Some(confirming) = &self.confirming else {
            return objects.create(EventType::PaymentIntentCreated, &intent);
        };
        let intent = resolved(objects, intent)?;
        objects.create(EventType::PaymentIntentCreated, &intent)?;
        confirm(objects, (intent, Kept::default()), confirming, &self.opening)
    }
}

impl Command for Update {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let mut intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let changes_the_charge = match (&self.customer, &self.chosen, self.terms.of_the_charge()) {
            (Patch::Keep, Chosen::Keep, None) => None,
            (_, _, Some(param)) => Some(param),
            (Patch::Keep, _, None) => Some("payment_method"),
            (_, _, None) => Some("customer"),
        };
        if let Some(param) = changes_the_charge
            && !intent.status.is_open()
        {
            return Err(intent.refuses(Refused::Update(param)).into());
        }
        match self.customer {
            Patch::Keep => {}
            Patch::Unset => intent.customer = None,
            Patch::Set(customer) => {
                check_customer(objects, customer)?;
                intent.customer = Some(customer);
            }
        }
        if let (Chosen::Keep, Some(method)) = (&self.chosen, intent.payment_method)
            && !matches!(self.customer, Patch::Keep)
        {
            intent.user().check(objects, method)?;
        }
        let before = intent.clone();
        let intent = self.terms.clone().apply(intent)?;
        let mut intent = choose(objects, intent, &self.chosen)?;
        // A call that is refused leaves the challenge as it is, so that this comes last.
        if changes_the_charge.is_some() && kept.waiting.is_some() {
            return Err(Rejection::ChallengeWaits.into());
        }
        if intent != before || changes_the_charge.is_some() {
            intent.last_payment_error = None;
        }
        objects.put(EventType::PaymentIntentUpdated, &intent)
    }
}

impl Command for Confirm {
    fn reads(&self) -> Vec<String> {
        let ids = std::iter::once(self.id.to_string());
        ids.chain(self.chosen.existing().iter().map(ToString::to_string)).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        if !intent.status.is_open() {
            return Err(intent.refuses(Refused::Confirm).into());
        }
        let intent = self.terms.clone().apply(intent)?;
        let intent = choose(objects, intent, &self.chosen)?;
        let intent = resolved(objects, intent)?;
        if let (Some(method), true) = (intent.payment_method, kept.waiting.is_some()) {
            // A call that is refused leaves the challenge as it is, so that this comes last.
            intent.user().check(objects, method)?;
            return Err(Rejection::ChallengeWaits.into());
        }
        confirm(objects, (intent, kept), &self.confirming, &self.opening)
    }
}

impl Command for Capture {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let (Status::RequiresCapture, Some(reference)) = (intent.status, kept.reference.clone()) else {
            return Err(intent.refuses(Refused::Capture).into());
        };
        let amount = self.amount.unwrap_or(intent.amount_capturable);
        let problem = match amount {
            ..=0 => Some(Problem::NotACharge),
            _ if amount > intent.amount_capturable => {
                Some(Problem::AmountTooLarge(intent.currency.shown(intent.amount_capturable)))
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(ParameterError::new("amount_to_capture", problem).into());
        }
        intent.currency.check_step("amount_to_capture", amount)?;
        let metadata = metadata::merge(self.metadata.clone(), intent.metadata.clone())?;
        let intent = PaymentIntent { metadata, ..intent };
        open(objects, (intent, kept), (Aim::Capture, Operation::Capture { reference, amount }), &self.opening)
    }
}

impl Command for Cancel {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        match intent.status {
            Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {
                if kept.waiting.is_some() {
                    return Err(Rejection::ChallengeWaits.into());
                }
                let now = Timestamp::from_seconds(self.opening.at);
                objects.put(EventType::PaymentIntentCanceled, &intent.canceled(self.reason, now))
            }
            Status::RequiresCapture => {
                let aim = Aim::Cancel { reason: self.reason };
                release(objects, (intent, kept), aim, &self.opening)
            }
            Status::Processing | Status::Succeeded | Status::Canceled => {
                Err(intent.refuses(Refused::Cancel).into())
            }
        }
    }
}

impl Command for Lapse {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: PaymentIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let is_over = kept.held_until.is_some_and(|until| until <= self.opening.at);
        if intent.status != Status::RequiresCapture || !is_over {
            return Ok(self.id.to_string());
        }
        release(objects, (intent, kept), Aim::Lapse, &self.opening)
    }
}

/// The intent with the method that a call names.
fn choose(objects: &mut Objects, intent: PaymentIntent, chosen: &Chosen) -> Result<PaymentIntent, Stop> {
    let method = intent.user().choose(objects, chosen)?;
    Ok(if method == intent.payment_method { intent } else { intent.with_method(method) })
}

/// The intent with a method: its own, or else its customer's default.
fn resolved(objects: &mut Objects, intent: PaymentIntent) -> Result<PaymentIntent, Stop> {
    let (None, Some(customer)) = (intent.payment_method, intent.customer) else { return Ok(intent) };
    let customer = objects.find::<Customer>(customer)?;
    match customer.and_then(|customer| customer.default_payment_method()) {
        None => Ok(intent),
        Some(id) => Ok(intent.with_method(Some(id))),
    }
}

/// Opens the attempt of a confirmation.
fn confirm(
    objects: &mut Objects,
    (intent, kept): (PaymentIntent, Kept),
    confirming: &Confirming,
    opening: &Opening,
) -> Result<String, Stop> {
    let Some(id) = intent.payment_method else {
        return Err(intent.refuses(Refused::ConfirmWithoutMethod).into());
    };
    let operation = Operation::Authorize {
        method: intent.user().charges(objects, id)?,
        amount: intent.amount,
        currency: intent.currency,
        capture: intent.capture_method != CaptureMethod::Manual,
        off_session: confirming.off_session,
        return_url: confirming.return_url.clone(),
        challenge_is_an_error: confirming.error_on_requires_action,
    };
    open(objects, (intent, kept), (Aim::Pay, operation), opening)
}

/// Opens the attempt that releases the hold.
fn release(
    objects: &mut Objects,
    (intent, kept): (PaymentIntent, Kept),
    aim: Aim,
    opening: &Opening,
) -> Result<String, Stop> {
    let Some(reference) = kept.reference.clone() else {
        return Err(intent.refuses(Refused::Cancel).into());
    };
    open(objects, (intent, kept), (aim, Operation::Void { reference }), opening)
}

/// Opens an attempt.
fn open(
    objects: &mut Objects,
    (intent, kept): (PaymentIntent, Kept),
    what: (Aim, Operation),
    opening: &Opening,
) -> Result<String, Stop> {
    let intent = intent.processing();
    kept.opened(&intent, what, opening).keep(objects, &intent)?;
    objects.put(EventType::PaymentIntentProcessing, &intent)
}

/// Refuses a customer that isn't there.
fn check_customer(objects: &mut Objects, id: CustomerId) -> Result<(), Stop> {
    match objects.find::<Customer>(id)? {
        Some(_) => Ok(()),
        None => Err(ParameterError::no_such::<contract::Customer>("customer", &id).into()),
    }
}
