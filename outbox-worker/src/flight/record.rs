//! The record of an attempt.

use calmony_pay::outbox::AttemptRecord;

use crate::attempt::Report;
use crate::lanes::Job;

/// The record of a job's attempt of that number.
pub(super) fn record(job: &Job, number: u32, report: Report) -> AttemptRecord {
    let Report { started_at, duration, phases, status, error, response, truncated, retry_after: _ } = report;
    let (key, early, order_gap) = (job.key.clone(), job.early, job.order_gap);
    AttemptRecord {
        key,
        number,
        started_at,
        duration,
        phases,
        status,
        error,
        response,
        truncated,
        early,
        order_gap,
    }
}
