//! A process that appends groups as the API does, for the fault suite. Sixteen clients give and step down and
//! up, until standard input ends. The arguments are the database's URL, the account, a seed, and the ids of
//! the pairs.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on fails by panicking"
)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use calmony_pay::database::Databases;
use calmony_pay::log::{AppendError, Cause, Log};
use support::groups::{CustomerId, Give, StepDown, StepUp};
use support::random::Random;

const CLIENTS: u64 = 16;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let log = Log::open(&Databases::only(arguments[0].parse().unwrap())).unwrap();
    let (account, seed): (i64, u64) = (arguments[1].parse().unwrap(), arguments[2].parse().unwrap());
    let ids: Arc<[CustomerId]> = arguments[3..].iter().map(|id| id.parse().unwrap()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let (log, ids, stop) = (log.clone(), ids.clone(), stop.clone());
            tokio::spawn(client(log, account, ids, Random::seeded(seed * CLIENTS + n), stop))
        })
        .collect();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    stop.store(true, Ordering::Relaxed);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for client in clients {
        for (what, count) in client.await.unwrap() {
            *counts.entry(what).or_default() += count;
        }
    }
    calmony_pay::output::say(serde_json::to_string(&counts).unwrap());
}

/// Appends until it is told to stop, and counts the outcomes.
async fn client(
    log: Log,
    account: i64,
    ids: Arc<[CustomerId]>,
    mut random: Random,
    stop: Arc<AtomicBool>,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let cause = Cause::service(account);
        let one = usize::try_from(random.below(u64::try_from(ids.len()).unwrap())).unwrap();
        let (who, other) = (ids[one], ids[one ^ 1]);
        let appended = match random.below(4) {
            0 => log.append(&cause, &StepDown { who, other }).await,
            1 => log.append(&cause, &StepUp(who)).await,
            _ => {
                let takers = 1 + random.below(4);
                let to = (1..=takers).map(|n| ids[(one + usize::try_from(n).unwrap()) % ids.len()]).collect();
                log.append(&cause, &Give { from: who, to, amount: 1 }).await
            }
        };
        let came_to = match appended {
            Ok(_) => "appended".to_owned(),
            Err(AppendError::Conflict) => "conflict".to_owned(),
            Err(AppendError::Database(error)) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                format!("{error:?}").split('(').next().unwrap().to_owned()
            }
            Err(error) => format!("{error:?}"),
        };
        *counts.entry(came_to).or_default() += 1;
    }
    counts
}
