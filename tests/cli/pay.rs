//! `calmony pay`, and `calmony lookup` of its results.

use serde_json::{Value, json};
use support::System;

use super::{Said, run};

/// Runs `calmony` with these words on a system.
async fn calmony(system: &System, words: &str) -> Said {
    let environment = [("CALMONY_URL", system.url.as_str()), ("CALMONY_API_KEY", system.client.key())];
    run("calmony", &words.split(' ').collect::<Vec<_>>(), &environment).await
}

/// The same for a command that works and prints JSON.
async fn object(system: &System, words: &str) -> Value {
    let said = calmony(system, &format!("{words} --json")).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

#[tokio::test]
async fn a_payment_is_made_by_hand_and_its_story_is_told() {
    let (system, _sandbox) = System::paying().await;
    let made = object(&system, "pay create --amount 19.99 --currency usd").await;
    assert_eq!((&made["amount"], &made["status"]), (&json!(1999), &json!("requires_payment_method")));
    let id = made["id"].as_str().unwrap();
    let declined = calmony(&system, &format!("pay confirm {id} --method pm_card_chargeDeclined")).await;
    assert_eq!((declined.code, declined.stdout.as_str()), (Some(1), ""), "{declined:?}");
    assert!(declined.stderr.contains("Your card was declined."), "{declined:?}");
    assert!(
        declined.stderr.contains(&format!("(card_declined, decline_code generic_decline, {id})")),
        "{declined:?}"
    );
    let paid = calmony(&system, &format!("pay confirm {id} --method pm_card_visa")).await;
    assert_eq!(paid.code, Some(0), "{paid:?}");
    assert!(paid.stdout.starts_with(&format!("{id}  succeeded  $19.99 usd\n")), "{paid:?}");
    let back = object(&system, &format!("pay refund {id} --amount 5.5 --reason duplicate")).await;
    assert_eq!((&back["amount"], &back["status"]), (&json!(550), &json!("succeeded")));
    let story = calmony(&system, &format!("lookup {id}")).await.stdout;
    let payment = story.split_once("\nPAYMENT\n").unwrap().1;
    let payment = payment.split_once("\nEVENTS").unwrap().0;
    let heads: Vec<&str> =
        payment.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
    let kinds: Vec<&str> = heads.iter().map(|line| line.split('_').next().unwrap()).collect();
    assert_eq!(kinds, ["pi", "ch", "ch", "re"], "{payment}");
    assert!(payment.contains("  given back $5.50 usd\n"), "{payment}");
    let of_refund = object(&system, &format!("lookup {}", back["id"].as_str().unwrap())).await;
    assert_eq!(of_refund["payment"].as_array().unwrap().len(), 4);
    let show = object(&system, &format!("pay show {id}")).await;
    assert_eq!(show["status"], "succeeded");
}

#[tokio::test]
async fn a_hold_is_captured_or_canceled_by_hand() {
    let (system, _sandbox) = System::paying().await;
    let hold = "pay create --amount 500 --currency jpy --method pm_card_visa --capture manual --confirm";
    let kept = object(&system, hold).await;
    assert_eq!((&kept["status"], &kept["amount_capturable"]), (&json!("requires_capture"), &json!(500)));
    let id = kept["id"].as_str().unwrap();
    let taken = object(&system, &format!("pay capture {id} --amount 300")).await;
    assert_eq!(taken["amount_received"], 300);
    let other = object(&system, &format!("{hold} --idempotency-key twice")).await;
    assert_eq!(object(&system, &format!("{hold} --idempotency-key twice")).await["id"], other["id"]);
    let id = other["id"].as_str().unwrap();
    let canceled = object(&system, &format!("pay cancel {id} --reason abandoned")).await;
    assert_eq!(
        (&canceled["status"], &canceled["cancellation_reason"]),
        (&json!("canceled"), &json!("abandoned"))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_payment_is_said_in_a_sentence() {
    let (system, _sandbox) = System::paying().await;
    let nobody = "pi_01J9ZW6QAPZK9N3FBJ0WB5K7TX";
    for (words, code, sentence) in [
        ("pay create --amount 19.999 --currency usd".to_owned(), 1, "more than the 2 decimals of usd"),
        ("pay create --amount 1,99 --currency usd".to_owned(), 1, "is no amount"),
        ("pay create --amount 1 --currency zzz".to_owned(), 2, "it is no currency"),
        ("pay create --amount 0.10 --currency usd".to_owned(), 1, "Amount must be at least $0.50 usd"),
        ("pay create --amount 1 --currency usd --off-session".to_owned(), 2, "--confirm"),
        (format!("pay show {nobody}"), 1, "No such payment_intent"),
        (format!("pay capture {nobody} --amount 1"), 1, "No such payment_intent"),
        ("pay confirm cus_1".to_owned(), 2, "it is no id of a payment"),
        ("pay refund cus_1".to_owned(), 1, "no id of a payment intent"),
    ] {
        let said = calmony(&system, &words).await;
        assert_eq!(said.code, Some(code), "{words}: {said:?}");
        assert!(said.stderr.contains(sentence), "{words}: {said:?}");
    }
    let words = "pay create --amount 5 --currency usd --method pm_card_chargeDeclined --confirm --json";
    let declined = calmony(&system, words).await;
    let answer: Value = serde_json::from_str(&declined.stdout).unwrap();
    assert_eq!((declined.code, &answer["error"]["code"]), (Some(1), &json!("card_declined")));
}
