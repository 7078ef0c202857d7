//! Groups under fire: 64 clients in four processes move an amount between customers and step off duty in
//! pairs, while processes and PostgreSQL are killed.

use std::process::Stdio;
use std::time::Duration;

use support::System;
use support::database::own_database;
use support::system::{kill, program};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// The pairs of customers.
const PAIRS: usize = 16;

fn mover(url: &str, account: i64, seed: u64, ids: &[String]) -> Child {
    let mut command = Command::new(program("mover"));
    command.args([url, &account.to_string(), &seed.to_string()]).args(ids);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

#[tokio::test]
async fn groups_stay_whole_and_rest_on_what_is_true_whatever_is_killed() {
    let (mut cluster, _folder, database) = own_database("groups").await;
    let system = System::on(database).await;
    let mut ids = Vec::new();
    for n in 0..PAIRS * 2 {
        let form = format!("name=c{n}&balance=1000&metadata[duty]=on&metadata[changes]=0");
        ids.push(system.client.post("/v1/customers", &form).await.id());
    }
    let database = &system.database;
    let account = database.number("select min(account) from calmony.event").await;
    let mut movers: Vec<_> = (0..4).map(|seed| mover(&database.url, account, seed, &ids)).collect();
    let groups = "select count(distinct group_id) from calmony.event";
    for fault in 1..=6 {
        let before = database.number(groups).await;
        support::eventually("groups come", async || {
            (database.number(groups).await > before + 200).then_some(())
        })
        .await;
        if fault % 3 == 0 {
            kill(cluster.pid().unwrap());
            cluster.ended().await;
            cluster.start().await.unwrap();
        } else {
            let victim = &mut movers[fault % 4];
            kill(victim.id().unwrap());
            victim.wait().await.unwrap();
            *victim = mover(&database.url, account, 10 + u64::try_from(fault).unwrap(), &ids);
        }
    }
    let mut counts = String::new();
    for mut mover in movers {
        drop(mover.stdin.take());
        mover.stdout.take().unwrap().read_to_string(&mut counts).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), mover.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "{ended}");
    }
    eprintln!("{counts}");
    for defect in ["Refused", "Snapshot", "Endless", "Rejected", "Duplicate"] {
        assert!(!counts.contains(defect), "{counts}");
    }
    check(&system).await;
    cluster.stop().await.unwrap();
}

async fn check(system: &System) {
    let database = &system.database;
    let sum = "select sum((data ->> 'balance')::bigint)::bigint from calmony.object";
    assert_eq!(database.number(sum).await, 1000 * 2 * i64::try_from(PAIRS).unwrap(), "the sum never changes");
    // A step down that saw the other one's change n: where the next change of that one is a step down,
    // too, it must have seen this one. Otherwise both rest on a state that was over.
    let stale = "with duty as (
            select stream, data ->> 'name' as name, (data -> 'metadata' ->> 'changes')::bigint as changes,
                   (data -> 'metadata' ->> 'seen')::bigint as seen
              from calmony.event
             where type = 'customer.updated' and previous -> 'metadata' is not null
        ), paired as (
            select *, substr(name, 2)::integer as number from duty where seen is not null
        )
        select count(*) from paired a
          join paired b on b.number = a.number # 1 and b.changes = a.seen + 1 and b.seen < a.changes
                       and a.seen < b.changes and b.seen = a.changes - 1";
    assert_eq!(database.number(stale).await, 0, "no decision rests on a stale read");
    let steps = "select count(*) from calmony.event where data -> 'metadata' ->> 'seen' is not null";
    assert!(database.number(steps).await > 100, "there were decisions that had to be guarded");
    let both_off = "select count(*) from calmony.object a join calmony.object b
              on substr(b.data ->> 'name', 2)::integer = substr(a.data ->> 'name', 2)::integer # 1
           where a.data -> 'metadata' ->> 'duty' = 'off' and b.data -> 'metadata' ->> 'duty' = 'off'";
    assert_eq!(database.number(both_off).await, 0, "one of a pair is on duty");
    let environment = [("CALMONY_DATABASE_URL", database.url.as_str())];
    let said = crate::cli::run("calmony", &["verify"], &environment).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
}
