//! The verbs of a setup intent that callers say.

use super::{CancellationReason, Kept, SetupIntent, Status, Usage};
use crate::contract::{self, EventType};
use crate::domain::attempt::{Attempt, Opening, Operation};
use crate::domain::customer::Customer;
use crate::domain::payment_method::{self, Chosen};
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::text::LongText;
use crate::domain::{Command, New, Objects, ParameterError, Patch, Refused, Rejection, Stop};
use crate::id::Id;

type IntentId = Id<contract::SetupIntent>;
type CustomerId = Id<contract::Customer>;

/// The parameters of the intent, besides its method.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The customer.
    pub customer: Patch<CustomerId>,
    /// A description.
    pub description: Patch<LongText>,
    /// Metadata.
    pub metadata: MetadataChange,
    /// The later use of the method.
    pub usage: Option<Usage>,
}

/// The manner of a confirmation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirming {
    /// The page that the buyer comes back to.
    pub return_url: Option<String>,
}

/// Create an intent, and confirm it at once if that is asked for.
#[derive(Debug, Clone)]
pub struct Create {
    /// The parts that callers don't say.
    pub new: New<contract::SetupIntent>,
    /// The random end of the client's secret.
    pub secret: String,
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
    /// The manner of the confirmation.
    pub confirming: Confirming,
    /// The parts of an attempt that come from outside.
    pub opening: Opening,
}

/// Give an intent up.
#[derive(Debug, Clone, Copy)]
pub struct Cancel {
    /// The intent's id.
    pub id: IntentId,
    /// The reason.
    pub reason: Option<CancellationReason>,
}

impl Terms {
    fn apply(&self, objects: &mut Objects, to: SetupIntent) -> Result<SetupIntent, Stop> {
        let customer = match self.customer {
            Patch::Keep => to.customer,
            Patch::Unset => None,
            Patch::Set(id) => match objects.find::<Customer>(id)? {
                Some(_) => Some(id),
                None => return Err(ParameterError::no_such::<contract::Customer>("customer", &id).into()),
            },
        };
        Ok(SetupIntent {
            customer,
            description: self.description.clone().apply(to.description),
            metadata: metadata::merge(self.metadata.clone(), to.metadata)?,
            usage: self.usage.unwrap_or(to.usage),
            ..to
        })
    }
}

impl Command for Create {
    fn reads(&self) -> Vec<String> {
        let customer = self.terms.customer.value().map(ToString::to_string);
        customer.into_iter().chain(self.chosen.existing().iter().map(ToString::to_string)).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let secret = format!("{}_secret_{}", self.new.id, self.secret);
        let intent = self.terms.apply(objects, SetupIntent::new(self.new, secret))?;
        let intent = choose(objects, intent, &self.chosen)?;
        if self.confirming.is_some() && intent.payment_method.is_none() {
            return Err(intent.refuses(Refused::ConfirmWithoutMethod).into());
        }
        let id = objects.create(EventType::SetupIntentCreated, &intent)?;
        match &self.confirming {
            None => Ok(id),
            Some(confirming) => confirm(objects, (intent, Kept::default()), confirming, &self.opening),
        }
    }
}

impl Command for Update {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: SetupIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        let changed = match (&self.terms.customer, &self.chosen) {
            (Patch::Keep, Chosen::Keep) => None,
            (Patch::Keep, _) => Some("payment_method"),
            (_, _) => Some("customer"),
        };
        if let Some(param) = changed
            && !intent.status.is_open()
        {
            return Err(intent.refuses(Refused::Update(param)).into());
        }
        let intent = self.terms.apply(objects, intent)?;
        if let (Chosen::Keep, Some("customer"), Some(method)) = (&self.chosen, changed, intent.payment_method)
        {
            intent.user().check(objects, method)?;
        }
        let intent = choose(objects, intent, &self.chosen)?;
        // A call that is refused leaves the challenge as it is, so that this comes last.
        if changed.is_some() && kept.waiting.is_some() {
            return Err(Rejection::ChallengeWaits.into());
        }
        let last_setup_error = intent.last_setup_error.clone().filter(|_| changed.is_none());
        objects.put(EventType::SetupIntentUpdated, &SetupIntent { last_setup_error, ..intent })
    }
}

impl Command for Confirm {
    fn reads(&self) -> Vec<String> {
        let ids = std::iter::once(self.id.to_string());
        ids.chain(self.chosen.existing().iter().map(ToString::to_string)).collect()
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: SetupIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        if !intent.status.is_open() {
            return Err(intent.refuses(Refused::Confirm).into());
        }
        let intent = choose(objects, intent, &self.chosen)?;
        if let (Some(method), true) = (intent.payment_method, kept.waiting.is_some()) {
            // A call that is refused leaves the challenge as it is, so that this comes last.
            intent.user().check(objects, method)?;
            return Err(Rejection::ChallengeWaits.into());
        }
        confirm(objects, (intent, kept), &self.confirming, &self.opening)
    }
}

impl Command for Cancel {
    fn reads(&self) -> Vec<String> {
        vec![self.id.to_string()]
    }

    fn decide(&self, objects: &mut Objects) -> Result<String, Stop> {
        let intent: SetupIntent = objects.get(self.id)?;
        let kept = Kept::of(objects, self.id)?;
        match intent.status {
            Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {
                if kept.waiting.is_some() {
                    return Err(Rejection::ChallengeWaits.into());
                }
                objects.put(EventType::SetupIntentCanceled, &intent.canceled(self.reason))
            }
            Status::Processing | Status::Succeeded | Status::Canceled => {
                Err(intent.refuses(Refused::Cancel).into())
            }
        }
    }
}

/// The intent with the method that a call names.
fn choose(objects: &mut Objects, intent: SetupIntent, chosen: &Chosen) -> Result<SetupIntent, Stop> {
    let method = intent.user().choose(objects, chosen)?;
    Ok(if method == intent.payment_method { intent } else { intent.with_method(method) })
}

/// Opens the attempt of a confirmation.
fn confirm(
    objects: &mut Objects,
    (intent, kept): (SetupIntent, Kept),
    confirming: &Confirming,
    opening: &Opening,
) -> Result<String, Stop> {
    let Some(method) = intent.payment_method else {
        return Err(intent.refuses(Refused::ConfirmWithoutMethod).into());
    };
    intent.user().check(objects, method)?;
    let operation = Operation::SetUp {
        method: payment_method::Kept::of(objects, method)?.token,
        on_session: true,
        return_url: confirming.return_url.clone(),
    };
    let intent = intent.processing();
    let attempts = kept.attempts.saturating_add(1);
    let attempt = Attempt::new(&intent.id, attempts, operation, opening.clone());
    let opened = Some(attempt.key.clone());
    Kept { attempts, attempt: Some(attempt), opened, ..kept }.keep(objects, &intent)?;
    objects.put(EventType::SetupIntentUpdated, &intent)
}
