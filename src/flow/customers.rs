//! Deleting a customer, however many payment methods it has.
//!
//! The methods are detached in groups of a bounded size; the last group has the deletion. A crash on the
//! way leaves a customer with fewer methods, and the next deletion goes on.

use crate::contract::{self, Kind as _};
use crate::domain::payment_method::{DETACHED_MAX, DeleteCustomer, DetachAll};
use crate::domain::{Rejection, Snapshot};
use crate::id::Id;
use crate::log::{AppendError, Cause, Log};

type CustomerId = Id<contract::Customer>;

/// Deletes a customer. Its methods are detached, and can't be used again.
pub async fn delete(log: &Log, cause: &Cause, id: CustomerId) -> Result<Snapshot, AppendError> {
    loop {
        let (methods, has_more) = methods_of(log, cause.account, id).await?;
        if !has_more {
            let deleted = log.append(cause, &DeleteCustomer { id, methods }).await;
            let is_over =
                matches!(&deleted, Ok(_) | Err(AppendError::Rejected(Rejection::NoSuchObject { .. })));
            if is_over {
                // One that was attached in the same moment. After the deletion none can be.
                detach_rest(log, cause, id).await?;
            }
            return deleted;
        }
        log.append(cause, &DetachAll { customer: id, methods }).await?;
    }
}

async fn detach_rest(log: &Log, cause: &Cause, customer: CustomerId) -> Result<(), AppendError> {
    loop {
        let (methods, has_more) = methods_of(log, cause.account, customer).await?;
        if !methods.is_empty() {
            log.append(cause, &DetachAll { customer, methods }).await?;
        }
        if !has_more {
            return Ok(());
        }
    }
}

/// As many of a customer's methods as are detached at once, and true if it has more.
async fn methods_of(
    log: &Log,
    account: i64,
    id: CustomerId,
) -> Result<(Vec<Id<contract::PaymentMethod>>, bool), AppendError> {
    let mut ids = log.owned(account, &id.to_string(), DETACHED_MAX + 1).await?;
    let has_more = ids.len() > DETACHED_MAX;
    ids.truncate(DETACHED_MAX);
    let prefix = contract::PaymentMethod::RESOURCE.prefix;
    debug_assert!(ids.iter().all(|id| id.starts_with(prefix)), "payment methods alone have owners");
    Ok((ids.iter().filter_map(|id| id.parse().ok()).collect(), has_more))
}
