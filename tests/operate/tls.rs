//! PostgreSQL behind TLS.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use calmony_pay::cli::dev::programs::unprivileged;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::database::{Folder, own_database_with};
use support::system::SECRET_KEY;
use support::{Database, Receiver, System};
use tokio::net::TcpListener;

use crate::cli::run;

/// A certificate authority, in that file.
fn authority(path: &Path) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(path, params.self_signed(&key).unwrap().pem()).unwrap();
    Issuer::new(params, key)
}

/// The files of a server's certificate, readable by the user that runs PostgreSQL.
fn certificate(folder: &Folder, issuer: &Issuer<'static, KeyPair>) -> [PathBuf; 2] {
    let key = KeyPair::generate().unwrap();
    let signed =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let files = [("server.pem", signed.pem()), ("server.key", key.serialize_pem())];
    files.map(|(name, text)| {
        let path = folder.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        if let Some(user) = unprivileged().unwrap() {
            chown(&path, Some(user.uid), Some(user.gid)).unwrap();
        }
        path
    })
}

#[tokio::test]
async fn a_database_behind_tls_is_reached_and_proved_to_be_the_right_one() {
    let folder = Folder::new("authorities");
    std::fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o711)).unwrap();
    let [ours, others] = ["ours.pem", "others.pem"].map(|name| folder.0.join(name));
    let [certificate, key] = certificate(&folder, &authority(&ours));
    authority(&others);
    let files =
        [format!("ssl_cert_file={}", certificate.display()), format!("ssl_key_file={}", key.display())];
    let (mut cluster, _folder, database) =
        own_database_with("tls", &["fsync=off", "ssl=on", files[0].as_str(), files[1].as_str()]).await;
    let by =
        |mode: &str, root: &Path| format!("{}?sslmode={mode}&sslrootcert={}", database.url, root.display());

    let url = by("verify-full", &ours);
    let environment = [("CALMONY_DATABASE_URL", url.as_str())];
    let system = System::with(database.clone(), &environment).await;
    let _worker = system.worker_with(&environment).await;
    let receiver = Receiver::start().await;
    system.client.endpoint(&receiver.url, &["customer.created"]).await;
    system.client.customer("Ada").await;
    receiver.next().await;
    let sessions = "select count(*) from pg_stat_activity join pg_stat_ssl using (pid) \
                    where application_name like 'calmony\\_%' and ";
    assert!(database.number(&format!("{sessions} ssl")).await >= 4);
    assert_eq!(database.number(&format!("{sessions} not ssl")).await, 0);

    let elsewhere = by("require", &ours).replace("127.0.0.1", "localhost");
    let plain = Database::fresh().await;
    for (url, reason) in [
        (by("require", &others), "invalid peer certificate"),
        (elsewhere, "not valid for name"),
        (format!("{}?sslmode=require", database.url), "UnknownIssuer"),
        (format!("{}?sslmode=require", plain.url), "does not support TLS"),
    ] {
        let environment = [("CALMONY_DATABASE_URL", url.as_str()), ("CALMONY_SECRET_KEY", SECRET_KEY)];
        let said = run("calmony", &["check-config"], &environment).await;
        assert!(
            said.code == Some(1) && said.stdout.contains(reason),
            "{url}: {}{}",
            said.stdout,
            said.stderr
        );
    }
    let missing = by("require", Path::new("/nowhere.pem"));
    let said = run("calmony", &["check-config"], &[("CALMONY_DATABASE_URL", missing.as_str())]).await;
    assert!(said.code == Some(2) && said.stderr.contains("sslrootcert /nowhere.pem"), "{}", said.stderr);
    cluster.stop().await.unwrap();
}

/// The log of a program with this configuration, until it notices that it can't listen.
async fn start(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = [
        ("CALMONY_SECRET_KEY", SECRET_KEY),
        ("CALMONY_METRICS_LISTEN", "off"),
        ("CALMONY_LISTEN", address.as_str()),
        ("CALMONY_WORKER_LISTEN", address.as_str()),
    ];
    let said = run(name, arguments, &[&listen[..], environment].concat()).await;
    assert!(said.code == Some(1) && !said.stderr.contains("hunter2"), "{}", said.stderr);
    said.stderr
}

#[tokio::test]
async fn plain_text_over_a_network_is_said_and_nothing_becomes_it_unnoticed() {
    // No machine is at that address (RFC 5737), and no name has to be looked up.
    let distant = "postgresql://u:hunter2@192.0.2.1/d";
    let meant = format!("{distant}?sslmode=disable");
    let said = "CALMONY_DATABASE_URL leads to 192.0.2.1 in plain text: add ?sslmode=verify-full";
    for (name, arguments) in [("calmony", &["serve"][..]), ("outbox-worker", &[])] {
        let log = start(name, arguments, &[("CALMONY_DATABASE_URL", distant)]).await;
        assert!(log.contains("WARN") && log.contains(said), "{log}");
        for local in
            [meant.as_str(), "postgresql://u:hunter2@127.0.0.1:1/d", "postgresql://u:hunter2@localhost:1/d"]
        {
            let log = start(name, arguments, &[("CALMONY_DATABASE_URL", local)]).await;
            assert!(!log.contains("in plain text"), "{log}");
        }
        for mode in ["prefer", "allow"] {
            let url = format!("{distant}?sslmode={mode}");
            let said = run(name, arguments, &[("CALMONY_DATABASE_URL", url.as_str())]).await;
            for part in [format!("sslmode={mode} ").as_str(), "sslmode=verify-full", "CALMONY_DATABASE_URL"] {
                assert!(said.code == Some(2) && said.stderr.contains(part), "{part}: {}", said.stderr);
            }
        }
    }
    let ways = [
        ("CALMONY_DATABASE_URL", meant.as_str()),
        ("CALMONY_POOLER_URL", "postgresql://u:hunter2@192.0.2.2"),
        ("CALMONY_REPLICA_URL", "postgresql://u:hunter2@192.0.2.3/d"),
    ];
    let log = start("calmony", &["serve"], &ways).await;
    for said in ["CALMONY_POOLER_URL leads to 192.0.2.2", "CALMONY_REPLICA_URL leads to 192.0.2.3"] {
        assert!(log.contains(said) && !log.contains("CALMONY_DATABASE_URL leads"), "{log}");
    }

    // Linux takes that address for this machine's; it is no loopback address.
    let database = Database::fresh().await;
    let url = database.url.replace("127.0.0.1", "0.0.0.0");
    for (name, arguments) in [("calmony", "check-config"), ("outbox-worker", "--check-config")] {
        let environment = [("CALMONY_DATABASE_URL", url.as_str()), ("CALMONY_SECRET_KEY", SECRET_KEY)];
        let said = run(name, &[arguments], &environment).await;
        let doubted = said.stdout.lines().find(|line| line.contains("encryption")).unwrap();
        assert!(said.code == Some(0) && doubted.contains("WARN"), "{said:?}");
        let local = [("CALMONY_DATABASE_URL", database.url.as_str()), environment[1]];
        let said = run(name, &[arguments], &local).await;
        assert!(said.code == Some(0) && !said.stdout.contains("in plain text:"), "{said:?}");
    }
}
