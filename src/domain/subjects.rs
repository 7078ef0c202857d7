//! The list of resources: whoever needs all of them reads it here.

use super::customer::Customer;
use super::replay::Replay;
use super::resource::Described;
use super::webhook_endpoint::WebhookEndpoint;
use crate::contract::Subject;

/// The description of each resource that events are about.
#[must_use]
pub fn described(subject: Subject) -> Described {
    match subject {
        Subject::Customer => Described::of::<Customer>(),
        Subject::WebhookEndpoint => Described::of::<WebhookEndpoint>(),
        Subject::Replay => Described::of::<Replay>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{self, Kind as _};

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
}
