//! The list of resources: code that needs all of them reads it here.

use super::charge::Charge;
use super::customer::Customer;
use super::payment_intent::PaymentIntent;
use super::payment_method::PaymentMethod;
use super::product::Product;
use super::refund::Refund;
use super::replay::Replay;
use super::resource::Described;
use super::setup_intent::SetupIntent;
use super::webhook_endpoint::WebhookEndpoint;
use crate::contract::{self, Kind as _, Subject};

/// The description of each resource that events are about.
#[must_use]
pub fn described(subject: Subject) -> Described {
    match subject {
        Subject::Customer => Described::of::<Customer>(),
        Subject::PaymentMethod => Described::of::<PaymentMethod>(),
        Subject::PaymentIntent => Described::of::<PaymentIntent>(),
        Subject::SetupIntent => Described::of::<SetupIntent>(),
        Subject::Charge => Described::of::<Charge>(),
        Subject::Refund => Described::of::<Refund>(),
        Subject::WebhookEndpoint => Described::of::<WebhookEndpoint>(),
        Subject::Replay => Described::of::<Replay>(),
        Subject::Product => Described::of::<Product>(),
    }
}

/// The path that an object of that id is retrieved at; `None` for a text that begins with no prefix of the
/// contract whose objects can be retrieved.
#[must_use]
pub fn path_of(id: &str) -> Option<String> {
    let is_event =
        id.strip_prefix(contract::Event::RESOURCE.prefix).is_some_and(|rest| rest.starts_with('_'));
    let path = if is_event { "/v1/events" } else { described(Subject::of_id(id)?).path };
    Some(format!("{path}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_described_as_itself() {
        for subject in Subject::ALL {
            let Described { resource, path, deleted, .. } = described(*subject);
            assert_eq!(resource, subject.resource());
            assert!(path.starts_with("/v1/"), "{path}");
            assert!(deleted.is_none_or(|event_type| event_type.subject() == *subject), "{subject:?}");
        }
    }

    #[test]
    fn what_is_expanded_can_be_read() {
        for subject in Subject::ALL {
            for names in described(*subject).expands.iter().filter_map(|field| field.names) {
                let is_known = Subject::ALL.iter().any(|known| known.resource() == names);
                assert!(is_known || names == contract::Event::RESOURCE, "{names:?}");
            }
        }
    }

    #[test]
    fn an_id_leads_to_its_object() {
        assert_eq!(path_of("prod_1").as_deref(), Some("/v1/products/prod_1"));
        assert_eq!(path_of("evt_1").as_deref(), Some("/v1/events/evt_1"));
        for other in ["", "evt", "evts_1", "_1", "sub_1"] {
            assert_eq!(path_of(other), None, "{other}");
        }
    }
}
