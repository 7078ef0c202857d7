//! The statements of lists, each in both directions.

use std::sync::LazyLock;

use crate::database::BothWays;

/// A statement that is derived when it is first needed.
type List = LazyLock<BothWays>;

/// Living objects of one kind.
pub(super) static OBJECTS: List = LazyLock::new(|| BothWays::of(include_str!("sql/objects.sql")));
/// Living customers with an email address.
pub(super) static OBJECTS_BY_EMAIL: List =
    LazyLock::new(|| BothWays::of(include_str!("sql/objects_by_email.sql")));
/// Living objects of one kind that have some fields or ids.
pub(super) static OBJECTS_HAVING: List =
    LazyLock::new(|| BothWays::of(include_str!("sql/objects_having.sql")));
/// Living objects of one kind that belong to an object.
pub(super) static OBJECTS_OWNED: List = LazyLock::new(|| BothWays::of(include_str!("sql/objects_owned.sql")));
/// Events of an account.
pub(super) static EVENTS: List = LazyLock::new(|| BothWays::of(include_str!("sql/events.sql")));
/// Events of one object.
pub(super) static EVENTS_OF_OBJECT: List =
    LazyLock::new(|| BothWays::of(include_str!("sql/events_of_object.sql")));
/// Events that at least one endpoint hasn't taken.
pub(super) static EVENTS_UNDELIVERED: List =
    LazyLock::new(|| BothWays::of(include_str!("sql/events_undelivered.sql")));
/// Deliveries of one endpoint.
pub(super) static DELIVERIES_OF_ENDPOINT: List =
    LazyLock::new(|| BothWays::of(include_str!("sql/deliveries_of_endpoint.sql")));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::DIRECTION;

    #[test]
    fn every_list_reads_both_ways() {
        for list in [
            &OBJECTS,
            &OBJECTS_BY_EMAIL,
            &OBJECTS_HAVING,
            &OBJECTS_OWNED,
            &EVENTS,
            &EVENTS_OF_OBJECT,
            &EVENTS_UNDELIVERED,
            &DELIVERIES_OF_ENDPOINT,
        ] {
            let BothWays { newest_first, oldest_first } = &**list;
            assert!(!newest_first.contains(DIRECTION) && !newest_first.contains(" asc"), "{newest_first}");
            assert!(!oldest_first.contains(DIRECTION) && !oldest_first.contains(" desc"), "{oldest_first}");
        }
    }
}
