//! PostgreSQL behind TLS.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use calmony_pay::cli::dev::programs::unprivileged;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::database::{Folder, own_database_with};
use support::system::SECRET_KEY;
use support::{Database, Receiver, System};

use crate::cli::run;

/// A certificate authority, in that file.
fn authority(path: &Path) -> Issuer<'static, KeyPair> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(path, params.self_signed(&key).unwrap().pem()).unwrap();
    Issuer::new(params, key)
}

/// The files of a server's certificate, readable by who runs PostgreSQL.
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
    let sessions = "select count(*) from pg_stat_activity join pg_stat_ssl using (pid) where application_name like 'calmony\\_%' and ";
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
