//! Lost output is an error, and no secret is made that nobody has seen. A reader that has gone is no error.

use std::fs::OpenOptions;
use std::process::Stdio;

use super::world::{World, commands};
use super::{Said, command, ended};

/// A disk that is full.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Runs a command with that standard output.
async fn into(stdout: Stdio, world: &World, words: &[&str]) -> Said {
    ended(command("calmony", words, &world.environment()).stdout(stdout).stderr(Stdio::piped())).await
}

/// The command lines of every command that ends by itself.
async fn every(world: &World) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (command, help) in commands().await {
        if let Some(words) = world.words(&command).await {
            if help.contains("--json")
                // An action that was done once can't be done again: each has an object of its own.
                && let Some(own) = world.words(&command).await
            {
                all.push([&own[..], &["--json".to_owned()]].concat());
            }
            all.push(words);
        }
    }
    let others = ["--help", "--version", "help keys", "keys create --help"];
    all.extend(others.map(|line| line.split(' ').map(ToOwned::to_owned).collect()));
    all
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_every_command() {
    let world = World::start("full").await;
    for words in every(&world).await {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = into(full(), &world, &words).await;
        assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
        assert!(said.stderr.contains("can't print: No space left"), "{words:?}: {said:?}");
        assert!(!said.stderr.contains("panicked"), "{words:?}: {said:?}");
    }
    for words in [&["--man"][..], &["--help"], &["--version"], &["--check-config"]] {
        let mut worker = command("outbox-worker", words, &world.environment());
        let said = ended(worker.stdout(full()).stderr(Stdio::piped())).await;
        assert!(said.code == Some(1) && said.stderr.contains("can't print"), "{words:?}: {said:?}");
    }
}

#[tokio::test]
async fn a_reader_that_has_gone_is_no_error() {
    let world = World::start("gone").await;
    for words in every(&world).await {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = into(closed(), &world, &words).await;
        if words[0] == "doctor" {
            // The command may have found something.
            assert!(!said.stderr.contains("can't print"), "{said:?}");
        } else {
            assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{words:?}");
        }
    }
}

#[tokio::test]
async fn a_key_that_nobody_has_seen_opens_nothing() {
    let world = World::start("unseen").await;
    let (database, spare) = (&world.system.database, world.spare_key().await);
    let opening = "select count(*) from calmony.api_key where revoked_at is null";
    let end =
        format!("select extract(epoch from expires_at)::bigint from calmony.api_key where id = {spare}");
    let before = (database.number(opening).await, database.number(&end).await);
    let roll = ["keys", "roll", &spare.to_string(), "--overlap", "1h"].map(ToOwned::to_owned);
    let create = ["keys", "create", "--account", "first", "--live"].map(ToOwned::to_owned);
    for words in [create, roll] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = into(full(), &world, &words).await;
        assert!(said.code == Some(1) && said.stderr.contains("revoked"), "{said:?}");
        assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
        assert_eq!(into(closed(), &world, &words).await.code, Some(0));
        let after = (database.number(opening).await, database.number(&end).await);
        assert_eq!(after, before, "{words:?}");
        // The exit code is the same without standard error.
        let mut unheard = command("calmony", &words, &world.environment());
        let status = unheard.stdout(full()).stderr(full()).status().await.unwrap();
        assert_eq!(status.code(), Some(1));
        let after = (database.number(opening).await, database.number(&end).await);
        assert_eq!(after, before, "{words:?}");
    }
    let said = into(Stdio::piped(), &world, &["keys", "roll", &spare.to_string()]).await;
    assert!(said.code == Some(0) && said.stdout.starts_with("sk_test_"), "{said:?}");
    assert_eq!(database.number(opening).await, before.0 + 1, "the old one goes on for a day");
}

#[tokio::test]
async fn an_error_on_a_full_disk_is_no_panic() {
    for (name, words) in [
        ("calmony", &["lookup", "nonsense"][..]),
        ("calmony", &["serve", "--database-url", "x"]),
        ("outbox-worker", &["--database-url", "x"]),
    ] {
        let status = command(name, words, &[]).stdout(full()).stderr(full()).status().await.unwrap();
        assert_eq!(status.code(), Some(2), "{words:?}");
    }
    let database = ("CALMONY_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d");
    for (name, words) in [("calmony", &["migrate"][..]), ("calmony", &["serve"]), ("outbox-worker", &[])] {
        let status = command(name, words, &[database]).stdout(full()).stderr(full()).status().await.unwrap();
        assert_eq!(status.code(), Some(1), "{words:?}");
    }
}
