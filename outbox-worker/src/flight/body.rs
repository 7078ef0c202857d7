//! An event as it is sent, shared by the jobs of all its endpoints.

use std::sync::Arc;

use axum::body::Bytes;
use calmony_pay::domain::envelope::StoredEvent;
use calmony_pay::outbox::{DeliveryKey, Due, EventKey, Fresh, Target};
use calmony_pay::trace::TraceContext;

use crate::attempt::Webhook;
use crate::lanes::Job;

/// An event: its place in the log, its id and its JSON.
pub(super) struct Body {
    key: EventKey,
    bucket: i16,
    event: Arc<str>,
    json: Bytes,
    trace: Option<TraceContext>,
}

impl Body {
    pub(super) fn of_fresh(fresh: &Fresh) -> Option<Self> {
        let count = i64::try_from(fresh.targets.len()).unwrap_or(i64::MAX);
        Self::of((fresh.key, fresh.bucket), (&fresh.event, fresh.trace), count)
    }

    pub(super) fn of_due(due: &Due) -> Option<Self> {
        Self::of((due.key, due.bucket), (&due.event, due.trace), due.pending_webhooks)
    }

    fn of(
        (key, bucket): (EventKey, i16),
        (event, trace): (&StoredEvent, Option<TraceContext>),
        pending_webhooks: i64,
    ) -> Option<Self> {
        match event.render(pending_webhooks) {
            Ok(json) => Some(Self { key, bucket, event: event.id.as_str().into(), json: json.into(), trace }),
            Err(error) => {
                // PostgreSQL has checked that it is JSON. It stays in the outbox, in sight.
                tracing::error!(event = event.id, %error, "a stored event can't be read");
                None
            }
        }
    }

    /// The account of the event.
    pub(super) const fn account(&self) -> i64 {
        self.key.account
    }

    /// The first attempt for one endpoint.
    pub(super) fn job(&self, target: Target) -> Job {
        let key = DeliveryKey { event: self.key, endpoint: target.endpoint };
        let (event, body) = (self.event.clone(), self.json.clone());
        let (url, secrets, trace) = (target.url, target.secrets, self.trace);
        let webhook = Webhook { event, body, url, secrets, trace };
        Job {
            key,
            bucket: self.bucket,
            attempts: 0,
            is_retry: false,
            early: false,
            order_gap: target.order_gap,
            order: None,
            webhook,
        }
    }
}
