//! The biller and payments: work that an API began and didn't finish is finished by the processor's word.

use support::system::kill;
use support::{Biller, Database, Sandbox, System, eventually, sandbox};

use super::payments::{create, journal};

#[tokio::test]
async fn a_payment_whose_api_died_before_the_answer_came_is_closed_by_a_biller_and_charged_once() {
    let database = Database::fresh().await;
    let processor = Sandbox::on(&database).await;
    let environment = [
        ("CALMONY_PROCESSOR_URL", processor.url.as_str()),
        ("CALMONY_PROCESSOR_SECRET", sandbox::SECRET),
        ("CALMONY_PROCESSOR_TIMEOUT", "1s"),
    ];
    let system = System::with(database, &environment).await;
    let biller = Biller::with(&system.database, &environment).await;
    // The money is taken, and the answer never comes.
    let made = create(&system.client, "payment_method=pm_card_lostAnswer").await.ok();
    let id = made["id"].as_str().unwrap().to_owned();
    let (client, path) = (system.client.clone(), format!("/v1/payment_intents/{id}/confirm"));
    let asking = tokio::spawn(async move {
        let _ = client.request(reqwest::Method::POST, &path).send().await;
    });
    eventually("the processor has it", async || (!journal(&processor, &id).await.is_empty()).then_some(()))
        .await;
    kill(system.api.pid());
    asking.await.unwrap();

    let admin = system.database.admin().await;
    eventually("it is paid", async || {
        let sql = "select data ->> 'status' from calmony.object where id = $1 and due is null";
        let status = admin.query_opt(sql, &[&id]).await.unwrap();
        status.filter(|row| row.get::<_, String>(0) == "succeeded").map(drop)
    })
    .await;
    let kinds: Vec<String> = journal(&processor, &id).await.into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["authorize", "capture"], "charged once");
    let moved = "calmony_biller_steps_total{kind=\"pi\",outcome=\"moved\"}";
    eventually("the step is counted", async || biller.metric(moved).await.filter(|steps| *steps >= 1.0))
        .await;
    eventually("nothing is due any more", async || {
        let lag = biller.metric("calmony_biller_oldest_due_seconds{kind=\"pi\"}").await;
        (lag == Some(0.0)).then_some(())
    })
    .await;
}
