//! The folder of `calmony dev`: defects are reported at once, with their remedies.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use support::database::Folder;
use support::{PATIENCE, eventually};
use tokio::process::Command;

use super::{Said, command, ended, run};

/// The output of a `calmony dev` that fails at its start.
async fn fails(folder: &Path) -> String {
    let data = text(folder);
    let arguments = ["dev", "--no-demo", "--listen", "127.0.0.1:0", "--data-dir", data.as_str()];
    let Said { code, stderr, .. } = run("calmony", &arguments, &[]).await;
    assert_eq!(code, Some(1), "{stderr}");
    stderr
}

/// The output of `calmony dev` from its start to its end by SIGHUP, as when a terminal is closed.
async fn runs(folder: &Path) -> String {
    let data = text(folder);
    let arguments = ["dev", "--no-demo", "--listen", "127.0.0.1:0", "--data-dir", data.as_str()];
    // The shell that runs the tests may ignore SIGHUP.
    let mut dev = Command::new("env");
    dev.arg("--default-signal=HUP").arg(support::system::program("calmony")).args(arguments);
    let dev = dev.env("CALMONY_LOG", "off").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let dev = dev.spawn().unwrap();
    let pid = dev.id().unwrap().to_string();
    eventually("it is ready", async || folder.join("env").exists().then_some(())).await;
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    let output = tokio::time::timeout(PATIENCE, dev.wait_with_output()).await.expect("it ends").unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert!(!folder.join("env").exists(), "nobody is told of processes that are gone");
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The state that a folder remembers, after a change.
fn remember(folder: &Path, name: &str, value: Value) {
    let path = folder.join("state.json");
    let mut state: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    state[name] = value;
    std::fs::write(&path, state.to_string()).unwrap();
}

/// The folder of PostgreSQL's files.
fn cluster(folder: &Path) -> PathBuf {
    let places = ["postgres", "cluster/postgres"].map(|place| folder.join(place));
    places.into_iter().find(|place| place.exists()).expect("a cluster")
}

#[tokio::test]
async fn a_lost_password_is_said_at_once() {
    let folder = Folder::new("lost-password");
    let data = folder.0.join("data");
    runs(&data).await;
    let state = data.join("state.json");
    let kept = std::fs::read_to_string(&state).unwrap();

    remember(&data, "password", json!("another"));
    let said = fails(&data).await;
    assert!(said.contains("password") && said.contains(&text(&cluster(&data))), "{said}");
    assert!(said.contains(&format!("delete {}", text(&data))), "{said}");

    std::fs::remove_file(&state).unwrap();
    for _ in 0..2 {
        // The second time, too: no new password is made for the old cluster.
        let said = fails(&data).await;
        assert!(said.contains(&text(&state)) && said.contains(&format!("delete {}", text(&data))), "{said}");
        assert!(!state.exists());
    }

    std::fs::write(cluster(&data).join("PG_VERSION"), "9\n").unwrap();
    std::fs::write(&state, &kept).unwrap();
    let said = fails(&data).await;
    assert!(said.contains("PostgreSQL 9") && said.contains("CALMONY_POSTGRES_BIN"), "{said}");

    // Deleting the named folder is enough. If only the cluster is deleted, a new one is made.
    std::fs::remove_dir_all(cluster(&data)).unwrap();
    runs(&data).await;
    std::fs::remove_dir_all(&data).unwrap();
    runs(&data).await;
}

/// PostgreSQL's files are elsewhere if its user can't enter the folder. They stay when the folder goes.
#[tokio::test]
async fn a_fresh_folder_is_a_fresh_cluster() {
    let folder = Folder::new("fresh-cluster");
    let private = folder.0.join("private");
    std::fs::create_dir(&private).unwrap();
    std::fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    let data = private.join("data");
    let mut elsewhere = Vec::new();
    for _ in 0..2 {
        let printed = runs(&data).await;
        // Only root runs PostgreSQL as another user.
        elsewhere.extend(
            printed
                .split_once("its files are in ")
                .map(|(_, rest)| PathBuf::from(rest.lines().next().unwrap())),
        );
        runs(&data).await;
        std::fs::remove_dir_all(&data).unwrap();
    }
    assert!(elsewhere.is_empty() || elsewhere.len() == 2 && elsewhere[0] != elsewhere[1], "{elsewhere:?}");
    for data in elsewhere {
        std::fs::remove_dir_all(data.parent().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let folder = Folder::new("unusable");
    // A folder in the place of a file can't be opened, not even by root.
    for name in ["lock", "state.json", "state.new", "postgres.log"] {
        let data = folder.0.join(format!("data-{name}"));
        std::fs::create_dir_all(data.join(name)).unwrap();
        if name == "postgres.log" {
            // The file is read once there is a password.
            let state = json!({ "password": "x", "keys": null, "inbox": null });
            std::fs::write(data.join("state.json"), state.to_string()).unwrap();
        }
        let said = fails(&data).await;
        assert!(said.contains(&text(&data.join(name))), "{name}: {said}");
    }
    let file = folder.0.join("file");
    std::fs::write(&file, "").unwrap();
    let beneath = text(&file.join("x"));
    let said = fails(Path::new(&beneath)).await;
    assert!(said.contains(&beneath), "{said}");
    let beneath = beneath.as_str();
    let nowhere = "postgresql://u:p@127.0.0.1:1/d";
    let tls = format!("{nowhere}?sslmode=verify-full&sslrootcert={beneath}");
    for words in [
        &["secrets", "reseal", "--database-url", nowhere, "--secret-key-file", beneath][..],
        &["man", "--out", beneath],
        &["listen", "--api-key", "k", "--forward-to", "http://h/", "--state", beneath],
        &["migrate", "--database-url", tls.as_str()],
    ] {
        let said = ended(command("calmony", words, &[]).stdout(Stdio::null()).stderr(Stdio::piped())).await;
        assert!(said.code != Some(0) && said.stderr.contains(beneath), "{words:?}: {said:?}");
    }
}
