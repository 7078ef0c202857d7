use super::*;

/// A system that nothing is wrong with.
fn healthy() -> Diagnosis {
    Diagnosis {
        server: Server {
            version: "15.1".to_owned(),
            clock_ahead_seconds: 0.0,
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".to_owned(),
            autovacuum: true,
            is_standby: false,
            connections: 20,
            connections_max: 100,
            transactions_old: 1_000,
            sees_all: true,
        },
        vitals: Vitals { workers: 2, buckets_owned: 64, partition_days_ahead: 8, ..Vitals::default() },
        logins: vec![login(&[])],
        holders: Vec::new(),
        obstacles: Vec::new(),
        not_apart: Vec::new(),
        secrets_ending: 0,
        keys_ending: 0,
        schema_version: newest(),
        key_ids: Vec::new(),
        triggers_off: Vec::new(),
        adoption: Adoption { this: "1/2".to_owned(), adopted: Some("1/2".to_owned()), is_needed: true },
        lags: vec![Lag { kind: "pi".to_owned(), seconds: 0.5 }],
    }
}

/// A program's login.
fn login(excess: &[&str]) -> Login {
    Login {
        name: "calmony_serve".to_owned(),
        excess: excess.iter().map(|&excess| excess.to_owned()).collect(),
    }
}

/// The findings that aren't good.
fn wrong(change: impl FnOnce(&mut Diagnosis)) -> Vec<(Level, &'static str)> {
    let mut diagnosis = healthy();
    change(&mut diagnosis);
    let findings = judge(&diagnosis, None);
    let not_good = findings.into_iter().filter(|finding| finding.level != Level::Ok);
    not_good.map(|finding| (finding.level, finding.about)).collect()
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(wrong(|_| {}), []);
    let test_mode_alone = |d: &mut Diagnosis| (d.adoption.adopted, d.adoption.is_needed) = (None, false);
    assert_eq!(wrong(test_mode_alone), []);
}

#[test]
fn each_thing_that_can_be_wrong_is_found_and_nothing_else() {
    use Level::{Bad, Warn};
    let holder = |seconds| Holder {
        kind: "transaction".into(),
        who: "psql".into(),
        seconds,
        ended_by: "select pg_terminate_backend(1)".into(),
    };
    let found = [
        (wrong(|d| d.vitals.oldest_due = Duration::from_secs(40)), (Warn, "due deliveries")),
        (wrong(|d| d.vitals.oldest_due = Duration::from_secs(400)), (Bad, "due deliveries")),
        (wrong(|d| d.lags[0].seconds = 90.0), (Warn, "due objects")),
        (wrong(|d| d.lags[0].seconds = 900.0), (Bad, "due objects")),
        (wrong(|d| d.adoption.adopted = None), (Warn, "adoption")),
        (wrong(|d| d.adoption.this = "3/2".to_owned()), (Warn, "adoption")),
        (wrong(|d| d.vitals.endpoints_failing = 1), (Warn, "failing endpoints")),
        (wrong(|d| d.vitals.exhausted = 1), (Warn, "given up")),
        (wrong(|d| (d.vitals.workers, d.vitals.buckets_owned) = (0, 0)), (Bad, "workers")),
        (wrong(|d| d.vitals.buckets_owned = 32), (Warn, "workers")),
        (wrong(|d| d.vitals.payment_attempts_overdue = 1), (Bad, "payments")),
        (wrong(|d| d.vitals.delivery_dead_rows = 1_000_000), (Warn, "dead rows")),
        (wrong(|d| d.holders = vec![holder(Some(90.0))]), (Warn, "horizon")),
        (wrong(|d| d.holders = vec![holder(Some(7_200.0))]), (Bad, "horizon")),
        (wrong(|d| d.holders = vec![holder(None)]), (Warn, "horizon")),
        (wrong(|d| d.obstacles = vec![holder(None)]), (Bad, "locks")),
        (wrong(|d| d.obstacles = vec![holder(Some(2.0))]), (Warn, "locks")),
        (wrong(|d| d.obstacles = vec![holder(Some(4.5))]), (Bad, "locks")),
        (wrong(|d| d.not_apart = vec!["take advisory locks (calmony_api)".into()]), (Warn, "roles apart")),
        (wrong(|d| d.vitals.partition_days_ahead = 0), (Bad, "partitions")),
        (wrong(|d| d.vitals.has_strays = true), (Warn, "partitions")),
        (wrong(|d| d.schema_version -= 1), (Bad, "schema")),
        (wrong(|d| d.triggers_off = vec!["derive_from_event on calmony.event".into()]), (Bad, "triggers")),
        (wrong(|d| d.logins.push(login(&["a superuser"]))), (Warn, "logins")),
        (wrong(|d| d.secrets_ending = 1), (Warn, "signing secrets")),
        (wrong(|d| d.keys_ending = 1), (Warn, "API keys")),
        (wrong(|d| d.server.clock_ahead_seconds = -2.0), (Warn, "clocks")),
        (wrong(|d| d.server.clock_ahead_seconds = 90.0), (Bad, "clocks")),
        (wrong(|d| d.server.fsync = false), (Bad, "durability")),
        (wrong(|d| d.server.full_page_writes = false), (Bad, "durability")),
        (wrong(|d| d.server.synchronous_commit = "off".to_owned()), (Bad, "durability")),
        (wrong(|d| d.server.autovacuum = false), (Bad, "autovacuum")),
        (wrong(|d| d.server.is_standby = true), (Bad, "PostgreSQL")),
        (wrong(|d| d.server.connections = 85), (Warn, "connections")),
        (wrong(|d| d.server.connections = 99), (Bad, "connections")),
        (wrong(|d| d.server.transactions_old = 2_000_000_000), (Bad, "transaction age")),
    ];
    for (not_good, expected) in found {
        assert_eq!(not_good, [expected]);
    }
    assert_eq!(wrong(|d| d.logins.clear()), [], "nobody is connected");
    assert_eq!(wrong(|d| d.schema_version += 1), [], "a newer schema is what an upgrade looks like");
}

#[test]
fn secrets_that_the_given_keys_do_not_open_are_found() {
    let keyring: Keyring = crate::seal::generate_key().parse().expect("a key");
    let diagnosis = |id: &str| Diagnosis { key_ids: vec![id.to_owned()], ..healthy() };
    let is_bad = |diagnosis: &Diagnosis| {
        judge(diagnosis, Some(&keyring)).iter().any(|finding| finding.level == Level::Bad)
    };
    assert!(!is_bad(&diagnosis(keyring.current())) && is_bad(&diagnosis("another")));
}
