//! The worker's work: new events with the endpoints that ask for them, and deliveries whose time has come.

use std::sync::Arc;
use std::time::Duration;

use super::EventKey;
use crate::domain::envelope::StoredEvent;
use crate::secret::SigningSecret;
use crate::trace::TraceContext;

/// An endpoint to send to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its id.
    pub endpoint: String,
    /// Its version, which every change raises.
    pub version: i64,
    /// The receiver's URL.
    pub url: String,
    /// Its live signing secrets, the newest first. It is empty if they can't be opened: then nothing can be
    /// sent.
    pub secrets: Arc<[SigningSecret]>,
    /// The requests a second that it takes; `None` if it doesn't say.
    pub rate_limit: Option<u32>,
    /// True if it asks for order and an earlier event of the object was given up.
    pub order_gap: bool,
}

/// The lines that a delivery stands in, where its endpoint asks for order: it waits for the earlier events of
/// both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The object of the event.
    pub object: Arc<str>,
    /// The group of the event, named by its first event; `None` for a lone fact.
    pub group: Option<Arc<str>>,
}

impl Order {
    /// The names of the lines. Ids of objects and of events differ in their prefixes.
    pub fn lines(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::once(&self.object).chain(&self.group)
    }
}

/// An endpoint that asks for an event which is not yet fanned out.
#[derive(Debug, Clone)]
pub struct FreshTarget {
    /// The endpoint.
    pub target: Target,
    /// Nothing is sent now: owed deliveries wait.
    pub paused: bool,
    /// It asks for order.
    pub ordered: bool,
    /// It asks for order, and an earlier event of the object or the group waits for it in a row.
    pub behind: bool,
}

/// An event that is not yet fanned out.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Its place in the log.
    pub key: EventKey,
    /// The bucket of its object.
    pub bucket: i16,
    /// The lines that it stands in where order is asked for.
    pub order: Order,
    /// The positions of the group's earlier events that are in the outbox, if any endpoint asks for order.
    pub group_before: Vec<i64>,
    /// The event.
    pub event: StoredEvent,
    /// The place of its cause in a distributed trace.
    pub trace: Option<TraceContext>,
    /// The endpoints that ask for it.
    pub targets: Vec<FreshTarget>,
}

/// A delivery whose time has come.
#[derive(Debug, Clone)]
pub struct Due {
    /// The place of its event in the log.
    pub key: EventKey,
    /// The bucket of its object.
    pub bucket: i16,
    /// The number of attempts so far.
    pub attempts: u32,
    /// The event.
    pub event: StoredEvent,
    /// The place of its cause in a distributed trace.
    pub trace: Option<TraceContext>,
    /// The endpoint's status, which says if it wants the delivery now.
    pub status: EndpointStatus,
    /// The endpoint.
    pub target: Target,
    /// Endpoints the event is still owed to, this one included.
    pub pending_webhooks: i64,
    /// It stands in line behind an earlier event of its object, for so long at least.
    pub behind: Option<Duration>,
    /// The delay before it is looked at again, because the endpoint is still owed an earlier event of its
    /// group.
    pub group_wait: Option<Duration>,
    /// It isn't due yet.
    pub early: bool,
    /// The lines that it stands in, where its endpoint asks for order.
    pub order: Option<Order>,
}

/// The status of an endpoint, which says if it is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointStatus {
    /// It is sent to.
    Enabled,
    /// It is disabled or paused: nothing is sent now, and owed deliveries wait.
    Waiting,
    /// It is never sent to again.
    Deleted,
}
