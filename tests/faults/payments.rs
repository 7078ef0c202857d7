//! Payments while everything dies: the processor's journal and the log agree to the cent, and nothing stays
//! undecided.
//!
//! `make test` kills a few times, `make torture` hundreds (`CALMONY_FAULTS`). The schedule follows from a
//! seed, which is printed; `CALMONY_SEED` repeats it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use calmony_pay::cli::dev::Running;
use calmony_pay::cli::dev::cluster::{Cluster, free_port};
use reqwest::Method;
use serde_json::{Value, json};
use support::client::http;
use support::database::own_database;
use support::random::Random;
use support::system::kill;
use support::{Biller, Client, Database, Sandbox, System, sandbox};
use tokio::time::Instant;

use super::steps::Gate;

/// The longest time for which anything stays undecided while all processes run.
const UNDECIDED: Duration = Duration::from_mins(1);
/// The time after which the processor is given up on.
const TIMEOUT: &str = "1s";

/// The cards of the clients. The slow ones are slower than [`TIMEOUT`].
const CARDS: [&str; 10] = [
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_slow",
    "pm_card_lostAnswer",
    "pm_card_neverArrives",
    "pm_card_badGateway",
    "pm_card_badGatewayDone",
    "pm_card_noticeTwice",
];

/// The process that is killed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Victim {
    Api,
    Biller,
    Processor,
    Postgres,
}

pub(super) struct World {
    cluster: Cluster,
    direct: Database,
    pub(super) system: System,
    sandbox: Sandbox,
    biller: Biller,
    _folder: support::database::Folder,
}

impl World {
    /// The product with a processor, which is called by way of a gate if there is one.
    pub(super) async fn start(gate: Option<&Gate>) -> Self {
        let (cluster, folder, direct) = own_database(if gate.is_some() { "steps" } else { "payments" }).await;
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let sandbox = Sandbox::telling(&direct, &format!("http://{address}/processor/notices")).await;
        if let Some(gate) = gate {
            gate.lead_to(&sandbox.url);
        }
        let environment = [
            ("CALMONY_PROCESSOR_URL", gate.map_or(sandbox.url.as_str(), |gate| gate.url.as_str())),
            ("CALMONY_PROCESSOR_SECRET", sandbox::SECRET),
            ("CALMONY_PROCESSOR_TIMEOUT", TIMEOUT),
        ];
        let with_address = [&environment[..], &[("CALMONY_LISTEN", address.as_str())]].concat();
        let system = System::with(Database { url: direct.url.clone() }, &with_address).await;
        let biller = Biller::with(&direct, &environment).await;
        Self { cluster, direct, system, sandbox, biller, _folder: folder }
    }

    /// Kills a process, and starts it again.
    pub(super) async fn kill(&mut self, victim: Victim) {
        let process: &mut Running = match victim {
            Victim::Api => &mut self.system.api,
            Victim::Biller => &mut self.biller.process,
            Victim::Processor => &mut self.sandbox.process,
            Victim::Postgres => {
                kill(self.cluster.pid().unwrap());
                self.cluster.ended().await;
                self.cluster.start().await.unwrap();
                return;
            }
        };
        kill(process.pid());
        process.ended().await;
        process.restart().unwrap();
    }

    /// Waits until everything is decided; then the journal and the log agree to the cent, each key has its
    /// answer, and nothing is lost. Returns the number of answers that were given again.
    pub(super) async fn agrees(mut self, answers: &Answers) -> usize {
        let stopped = Instant::now();
        let admin = self.direct.admin().await;
        while admin.query_one(OPEN, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            assert!(stopped.elapsed() < 2 * UNDECIDED, "something is still undecided");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        eprintln!(
            "{} answers; everything is decided {:?} after the last kill",
            answers.len(),
            stopped.elapsed()
        );
        let difference = admin.query(DIFFERENCE, &[]).await.unwrap();
        let difference: Vec<String> = difference.iter().map(|row| row.get("what")).collect();
        assert!(difference.is_empty(), "{difference:#?}");
        assert_eq!(admin.query_one(BALANCE, &[]).await.unwrap().get::<_, i64>(0), 0, "to the cent");
        let captures = "select count(*) from (select split_part(key, '.', 1) as intent from sandbox.journal \
                        where kind = 'capture' and outcome = 'approved' and split_part(key, '.', 1) not in \
                        (select split_part(key, '.', 1) from sandbox.journal where key like '%.undo') \
                        group by 1 having count(*) > 1) twice";
        assert_eq!(admin.query_one(captures, &[]).await.unwrap().get::<_, i64>(0), 0, "charged once");
        let mut replayed = 0;
        for (key, (path, params, status, body)) in answers {
            let again = insist(&self.system.client, (key, path, params), &mut Answers::new()).await.unwrap();
            // A payment that was processed when it was answered is answered by its end.
            if body["status"] != "processing" && body["status"] != "pending" {
                assert_eq!(again, (*status, body.clone()), "{key}");
                replayed += 1;
            }
        }
        let environment = [("CALMONY_DATABASE_URL", self.direct.url.as_str())];
        let said = crate::cli::run("calmony", &["verify"], &environment).await;
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
        self.cluster.stop().await.unwrap();
        replayed
    }
}

/// The answers that clients got, by their keys.
pub(super) type Answers = HashMap<String, (String, Value, u16, Value)>;

/// Sends a call with a key until it is answered for good. `None` once it is time to stop.
pub(super) async fn insist(
    client: &Client,
    (key, path, params): (&str, &str, &Value),
    answers: &mut Answers,
) -> Option<(u16, Value)> {
    let began = Instant::now();
    loop {
        let request = client.request(Method::POST, path).header("idempotency-key", key);
        let request = request.header("content-type", "application/json").body(params.to_string());
        if let Ok(answer) = request.timeout(Duration::from_secs(10)).send().await {
            let status = answer.status().as_u16();
            let body: Value =
                serde_json::from_str(&answer.text().await.unwrap_or_default()).unwrap_or_default();
            match status {
                200 | 402 => {
                    answers.insert(key.to_owned(), (path.to_owned(), params.clone(), status, body.clone()));
                    return Some((status, body));
                }
                // A state that another step has brought about.
                400 => return Some((status, body)),
                409 | 500..=599 => {}
                other => panic!("{other}: {body}"),
            }
        }
        assert!(began.elapsed() < 2 * UNDECIDED, "{key} isn't answered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Pays, holds, captures, cancels, gives back and passes challenges, until told to stop.
async fn pay(client: Client, n: u64, seed: u64, stop: Arc<AtomicBool>) -> Answers {
    let mut random = Random::seeded(seed);
    let mut answers = Answers::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let name = |what: &str| format!("client-{n}-{round}-{what}");
        let card = CARDS[usize::try_from(random.below(10)).unwrap()];
        let kind = random.below(4);
        let card = if kind == 3 { "pm_card_authenticationRequired" } else { card };
        let manual = kind == 1 || kind == 2;
        let params = json!({
            "amount": 1000 + random.below(1000), "currency": "usd", "payment_method": card, "confirm": true,
            "capture_method": if manual { "manual" } else { "automatic" },
        });
        let made = insist(&client, (&name("pay"), "/v1/payment_intents", &params), &mut answers).await;
        let Some((200, intent)) = made else { continue };
        let path = format!("/v1/payment_intents/{}", intent["id"].as_str().unwrap());
        if kind == 3 {
            if let Some(url) = intent["next_action"]["redirect_to_url"]["url"].as_str() {
                let outcome = if random.below(2) == 0 { "outcome=pass" } else { "outcome=fail" };
                let form = http().post(url).header("content-type", "application/x-www-form-urlencoded");
                let _ = form.body(outcome).send().await;
            }
            if random.below(3) == 0 {
                let params = json!({ "payment_method": "pm_card_visa" });
                insist(&client, (&name("again"), &format!("{path}/confirm"), &params), &mut answers).await;
            }
        } else if manual {
            let verb = if kind == 1 { "capture" } else { "cancel" };
            insist(&client, (&name(verb), &format!("{path}/{verb}"), &json!({})), &mut answers).await;
        } else {
            let id = intent["id"].clone();
            let params = json!({ "payment_intent": id, "amount": 1 + random.below(900) });
            insist(&client, (&name("refund"), "/v1/refunds", &params), &mut answers).await;
        }
    }
    answers
}

/// The number of objects with an open attempt, or with a challenge that is given up.
const OPEN: &str = "select count(*) from calmony.object where internal ->> 'attempt' is not null \
                    or coalesce((internal #>> '{waiting,is_given_up}')::boolean, false)";

/// The rows that only one of both has: the processor's journal, and the movements that the log accounts for.
const DIFFERENCE: &str = "
    with told as (
        select m ->> 'key' as key, m ->> 'kind' as kind, (m ->> 'amount')::bigint as amount
          from calmony.event e
         cross join json_array_elements(e.internal #> '{closed,movements}') m
         where e.internal #> '{closed,movements}' is not null
    ), journal as (
        select key, kind, amount from sandbox.journal where outcome = 'approved' and amount > 0
    )
    select 'only in the log: ' || t::text as what
      from (select * from told except all select * from journal) t
    union all
    select 'only in the journal: ' || j::text
      from (select * from journal except all select * from told) j";

/// The processor's balance by the ledger, less that of the journal: authorised, less released and refunded.
const BALANCE: &str = "
    select ((select coalesce(sum((e.internal #>> '{postings,amounts,processor}')::bigint), 0)
              from calmony.event e where e.internal -> 'postings' is not null)
         - (select coalesce(sum(case when captured is not null then captured - given_back
                                     when voided > 0 then 0 else authorised end), 0)
              from (select reference, max(amount) filter (where kind = 'authorize') as authorised,
                           max(amount) filter (where kind = 'capture') as captured,
                           coalesce(sum(amount) filter (where kind = 'void'), 0) as voided,
                           coalesce(sum(amount) filter (where kind = 'refund'), 0) as given_back
                      from sandbox.journal where outcome = 'approved' group by reference) r))::bigint";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_a_card_is_charged_once_and_every_cent_is_accounted_for() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("CALMONY_SEED").unwrap_or_else(|| calmony_pay::clock::now().millis());
    let count = number("CALMONY_FAULTS").unwrap_or(8);
    eprintln!("seed {seed}, {count} kills; CALMONY_SEED={seed} repeats the schedule");
    let mut random = Random::seeded(seed);
    let mut world = World::start(None).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..6)
        .map(|n| tokio::spawn(pay(world.system.client.clone(), n, random.next(), stop.clone())))
        .collect();
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(100 + random.below(900))).await;
        let victims = [Victim::Api, Victim::Biller, Victim::Processor, Victim::Postgres];
        world.kill(victims[usize::try_from(random.below(4)).unwrap()]).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut answers = Answers::new();
    for client in clients {
        answers.extend(client.await.unwrap());
    }
    assert!(world.agrees(&answers).await > 10, "there was load");
}
