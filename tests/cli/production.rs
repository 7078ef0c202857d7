//! `calmony migrate`, `calmony keys create`, `calmony serve` and `outbox-worker`, configured by the
//! environment.

use serde_json::json;
use support::{Client, Database, System, eventually};
use tokio::net::TcpListener;

use super::run;

#[tokio::test]
async fn an_empty_database_becomes_a_running_service() {
    let database = Database::empty().await;
    let environment = [("CALMONY_DATABASE_URL", database.url.as_str())];
    let first = run("calmony", &["migrate"], &environment).await;
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""), "{}", first.stderr);
    assert!(first.stdout.starts_with("applied "), "{}", first.stdout);
    let again = run("calmony", &["migrate"], &environment).await;
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "the database is up to date\n"));

    let made = run("calmony", &["keys", "create", "--account", "Ada & Co"], &environment).await;
    let key = made.stdout.trim().to_owned();
    assert!(made.code == Some(0) && key.starts_with("sk_test_"), "{}", made.stderr);
    let live = run("calmony", &["keys", "create", "--account", "Ada & Co", "--live"], &environment).await;
    assert!(live.stdout.starts_with("sk_live_"));
    assert_eq!(database.number("select count(*) from calmony.account where name = 'Ada & Co'").await, 2);
    let stored = "select count(*) from calmony.api_key k where position(substr($$KEY$$, 9) in k::text) > 0";
    assert_eq!(database.number(&stored.replace("KEY", &key)).await, 0, "the key is stored nowhere");

    let system = System::on(database).await;
    let client = Client::new(&system.url, &key);
    client.customer("Grace").await;
    assert_eq!(client.get("/v1/customers").await.ok()["data"][0]["name"], json!("Grace"));
}

#[tokio::test]
async fn migrating_from_several_places_at_once_is_safe() {
    let database = Database::empty().await;
    let environment = [("CALMONY_DATABASE_URL", database.url.as_str())];
    let migrate = || run("calmony", &["migrate"], &environment);
    let (a, b, c) = tokio::join!(migrate(), migrate(), migrate());
    for said in [&a, &b, &c] {
        assert_eq!(said.code, Some(0), "{}", said.stderr);
    }
    let applied = [a, b, c].iter().filter(|said| said.stdout.starts_with("applied ")).count();
    assert_eq!(applied, 1, "one did the work");
}

#[tokio::test]
async fn a_bad_value_stops_the_start_and_names_its_variable() {
    let url = ("CALMONY_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d");
    let wrong: &[(&str, &[&str], &str, &str)] = &[
        ("calmony", &["serve"], "CALMONY_DATABASE_URL", "mysql://x"),
        ("calmony", &["serve"], "CALMONY_DATABASE_URL", "postgresql://u@h/d?sslmode=verify-ca"),
        ("calmony", &["serve"], "CALMONY_DATABASE_URL", "host=h user=u password=hunter2 sslmode=prefer"),
        ("calmony", &["serve"], "CALMONY_POOLER_URL", "postgresql://u:hunter2@h:6432/a_database"),
        ("calmony", &["serve"], "CALMONY_REPLICA_URL", "postgresql://u:hunter2@h/d?sslmode=allow"),
        ("calmony", &["serve"], "CALMONY_REPLICA_URL", "postgresql://u:hunter2@h:99999/d"),
        ("calmony", &["serve"], "CALMONY_LISTEN", "everywhere"),
        ("calmony", &["serve"], "CALMONY_METRICS_LISTEN", "on"),
        ("calmony", &["serve"], "CALMONY_LOG_FORMAT", "xml"),
        ("calmony", &["dev"], "CALMONY_RETRY_SCHEDULE", "soon"),
        ("outbox-worker", &[], "CALMONY_RETRY_SCHEDULE", "1s,later"),
        ("outbox-worker", &[], "CALMONY_ATTEMPT_TIMEOUT", "0s"),
        ("outbox-worker", &[], "CALMONY_ALLOW_NETWORKS", "10.0.0.0/99"),
        ("outbox-worker", &[], "CALMONY_IN_FLIGHT_MAX", "0"),
        ("outbox-worker", &[], "CALMONY_WORKER_LISTEN", "8081"),
    ];
    for (name, arguments, variable, value) in wrong {
        let said = run(name, arguments, &[url, (variable, value)]).await;
        assert_eq!(said.code, Some(2), "{variable}={value}: {}", said.stderr);
        assert!(said.stderr.contains(variable), "{variable}={value}: {}", said.stderr);
        assert!(!said.stderr.contains("panicked") && !said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    for url in ["postgresql://u:hunter2@h:99999/x", "postgresql://u:hunter2@h/d?sslmode=verify-ca", "hunter2"]
    {
        let said = run("calmony", &["serve"], &[("CALMONY_DATABASE_URL", url)]).await;
        assert!(said.code == Some(2) && !said.stderr.contains("hunter2"), "{}", said.stderr);
        let said = run("outbox-worker", &["--database-url", url], &[]).await;
        assert!(said.code == Some(2) && !said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    for (name, arguments) in [("calmony", &["serve"][..]), ("outbox-worker", &[])] {
        let said = run(name, arguments, &[url]).await;
        assert_eq!(said.code, Some(1), "no start without a key: {}", said.stderr);
        assert!(said.stderr.contains("CALMONY_SECRET_KEY"), "{}", said.stderr);
        let said = run(name, arguments, &[url, ("CALMONY_SECRET_KEY", "hunter2")]).await;
        assert!(said.code == Some(2) && !said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    let missing = run("calmony", &["serve"], &[]).await;
    assert!(missing.code == Some(2) && missing.stderr.contains("--database-url"), "{}", missing.stderr);
    assert!(missing.stderr.contains("CALMONY_DATABASE_URL"), "{}", missing.stderr);
    let missing = run("calmony", &["events", "list"], &[]).await;
    assert!(missing.code == Some(2) && missing.stderr.contains("CALMONY_API_KEY"), "{}", missing.stderr);
}

#[tokio::test]
async fn what_cannot_be_reached_is_one_clear_line() {
    let nowhere = [("CALMONY_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d")];
    let said = run("calmony", &["migrate"], &nowhere).await;
    assert_eq!((said.code, said.stderr.lines().count()), (Some(1), 1), "{}", said.stderr);
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, arguments, variable) in [
        ("calmony", &["serve"][..], "CALMONY_LISTEN"),
        ("calmony", &["serve"], "CALMONY_METRICS_LISTEN"),
        ("outbox-worker", &[], "CALMONY_WORKER_LISTEN"),
    ] {
        let key = ("CALMONY_SECRET_KEY", support::system::SECRET_KEY);
        let free = ["CALMONY_LISTEN", "CALMONY_METRICS_LISTEN"].map(|variable| (variable, "127.0.0.1:0"));
        let taken = (variable, address.as_str());
        let said =
            run(name, arguments, &[nowhere[0], key, free[0], free[1], taken, ("CALMONY_LOG", "off")]).await;
        assert!(said.code == Some(1) && said.stderr.contains(variable), "{}", said.stderr);
    }
}

#[tokio::test]
async fn help_is_the_reference_of_every_variable() {
    let serve = run("calmony", &["serve", "--help"], &[]).await.stdout;
    for variable in [
        "CALMONY_DATABASE_URL",
        "CALMONY_LISTEN",
        "CALMONY_ALLOW_NETWORKS",
        "CALMONY_ALLOW_PORTS",
        "CALMONY_SECRET_KEY",
        "CALMONY_SECRET_KEY_FILE",
        "CALMONY_METRICS_LISTEN",
        "CALMONY_LOG",
        "CALMONY_LOG_FORMAT",
    ] {
        assert!(serve.contains(variable), "{variable}");
    }
    assert!(serve.contains("everybody on the machine can read arguments"), "{serve}");
    let worker = run("outbox-worker", &["--help"], &[]).await.stdout;
    for variable in [
        "CALMONY_DATABASE_URL",
        "CALMONY_WORKER_LISTEN",
        "CALMONY_RETRY_SCHEDULE",
        "CALMONY_ATTEMPT_TIMEOUT",
        "CALMONY_IN_FLIGHT_MAX",
        "CALMONY_ENDPOINT_IN_FLIGHT_MAX",
        "CALMONY_ALLOW_NETWORKS",
        "CALMONY_DRAIN_TIMEOUT",
        "CALMONY_DISABLE_AFTER",
        "CALMONY_ATTEMPT_RETENTION_DAYS",
        "CALMONY_SECRET_KEY",
    ] {
        assert!(worker.contains(variable), "{variable}");
    }
}

/// Starts one of our programs with its full log.
fn talkative(
    name: &str,
    arguments: &[&str],
    database: &Database,
    listen: (&str, &str),
) -> std::process::Child {
    std::process::Command::new(support::system::program(name))
        .args(arguments)
        .envs([
            ("CALMONY_DATABASE_URL", database.url.as_str()),
            ("CALMONY_ALLOW_NETWORKS", "127.0.0.0/8"),
            ("CALMONY_LOG", "trace"),
            ("CALMONY_SECRET_KEY", support::system::SECRET_KEY),
            ("CALMONY_STOP_WITH_STDIN", "true"),
            ("CALMONY_METRICS_LISTEN", "off"),
            listen,
        ])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn logs_hold_no_secret_and_no_body() {
    let system = System::start().await;
    let receiver = support::Receiver::start().await;
    let port = calmony_pay::cli::dev::cluster::free_port().unwrap();
    let address = format!("127.0.0.1:{port}");
    let api = talkative("calmony", &["serve"], &system.database, ("CALMONY_LISTEN", &address));
    let worker = talkative("outbox-worker", &[], &system.database, ("CALMONY_WORKER_LISTEN", "127.0.0.1:0"));
    let client = system.client.at(&format!("http://{address}"));
    eventually("the API is up", async || {
        support::client::http().get(format!("http://{address}/readyz")).send().await.is_ok().then_some(())
    })
    .await;
    let (_, secret) = client.endpoint(&receiver.url, &["*"]).await;
    client.customer("Ada Lovelace").await;
    client.post("/v1/customers", "name=Ada+Lovelace&name=twice").await;
    receiver.next().await;
    eventually("the attempt is on record", async || {
        (system.database.number("select count(*) from calmony.attempt").await == 1).then_some(())
    })
    .await;
    let logs =
        [api, worker].map(|child| String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap());
    assert!(logs[0].contains("answered") && logs[1].contains("attempted"), "{logs:?}");
    for private in
        [secret.as_str(), support::system::SECRET_KEY, "Ada Lovelace", "Ada+Lovelace", ":test@", client.key()]
    {
        assert!(!logs.iter().any(|log| log.contains(private)), "{private}");
    }
}
