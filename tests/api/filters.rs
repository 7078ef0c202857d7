//! Filters have a value, or aren't given: one rule for every list, search and stream.

use calmony_pay::contract::Subject;
use calmony_pay::domain::subjects::described;
use calmony_pay::http::contract::document;
use serde_json::Value;
use support::System;

/// A path with an id of the right kind. The object needn't exist.
fn with_id(path: &str) -> String {
    let known = Subject::ALL.iter().copied().map(described).find(|known| path.starts_with(known.path));
    let prefix = known.map_or("evt", |known| known.resource.prefix);
    path.replace("{id}", &format!("{prefix}_01J9ZW6QAPZK9N3FBJ0WB5K7TX"))
}

fn name_of(parameter: &Value) -> String {
    parameter["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_empty_filter_is_refused_by_name_wherever_there_is_one() {
    let system = System::start().await;
    let mut tried = Vec::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        let parameters = methods["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let in_query: Vec<&Value> =
            parameters.iter().filter(|parameter| parameter["in"] == "query").collect();
        for parameter in &in_query {
            let name = name_of(parameter);
            let others = in_query.iter().filter(|other| other["required"] == true && other != &parameter);
            let given: Vec<String> = others.map(|other| format!("{}=name:'a'&", name_of(other))).collect();
            let given = given.concat();
            // An empty entry of a list is named by its number.
            let named = name.replace("[]", "[0]");
            for value in [format!("{name}="), name.clone()] {
                let answer = system.client.get(&format!("{}?{given}{value}", with_id(path))).await;
                let expected = (400, "invalid_request_error", "parameter_invalid_empty", named.as_str());
                assert_eq!(answer.error(), expected, "{path} {value}");
            }
            tried.push(format!("{path} {name}"));
        }
    }
    for known in ["/v1/events object", "/v1/events/stream object", "/v1/customers/search query"] {
        assert!(tried.iter().any(|tried| tried == known), "{known}: {tried:?}");
    }
    assert!(tried.len() > 40, "{tried:?}");
}

#[tokio::test]
async fn what_is_unknown_is_said_to_be_that_empty_or_not() {
    let system = System::start().await;
    for query in ["nothing=", "nothing=1", "nothing"] {
        let answer = system.client.get(&format!("/v1/customers?{query}")).await;
        assert_eq!(answer.error(), (400, "invalid_request_error", "parameter_unknown", "nothing"), "{query}");
    }
}

/// A list may be spelled with its name once for each entry, as OpenAPI has it.
#[tokio::test]
async fn a_list_of_a_query_has_three_spellings() {
    let system = System::start().await;
    let id = system.client.customer("Ada").await;
    system.client.post(&format!("/v1/customers/{id}"), "name=Bob").await.ok();
    system.client.delete(&format!("/v1/customers/{id}")).await.ok();
    let (created, deleted) = ("customer.created", "customer.deleted");
    for query in [
        format!("types[]={created}&types[]={deleted}"),
        format!("types[0]={created}&types[1]={deleted}"),
        format!("types={created}&types={deleted}"),
    ] {
        let found = system.client.get(&format!("/v1/events?{query}")).await.ok();
        assert_eq!(found["data"].as_array().unwrap().len(), 2, "{query}");
    }
    let found = system.client.get(&format!("/v1/events?types={created}")).await.ok();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    for once in ["limit=1&limit=2", "type=customer.*&type=*", "created=1&created=2"] {
        let answer = system.client.get(&format!("/v1/events?{once}")).await;
        let param = once.split('=').next().unwrap();
        assert_eq!(answer.error(), (400, "invalid_request_error", "parameter_invalid", param), "{once}");
        assert!(answer.text.contains("given twice"), "{}", answer.text);
    }
}

/// The parameters that narrow a replay are filters, too: an empty variable of a script must not send the
/// whole log.
#[tokio::test]
async fn a_replay_with_an_empty_filter_is_refused() {
    let system = System::start().await;
    let (endpoint, _) = system.client.endpoint("http://127.0.0.1:65000/", &["customer.created"]).await;
    let path = format!("/v1/webhook_endpoints/{endpoint}/replay");
    for (form, named) in [("types=", "types"), ("created=", "created"), ("dry_run=true&types=", "types")] {
        let refused = system.client.post(&path, form).await;
        let expected = (400, "invalid_request_error", "parameter_invalid_empty", named);
        assert_eq!(refused.error(), expected, "{form}");
    }
    let none = serde_json::json!({ "types": [], "dry_run": true });
    let refused = system.client.json(reqwest::Method::POST, &path, &none).await;
    assert_eq!(refused.error().2, "parameter_invalid_empty");
    assert_eq!(system.database.number("select count(*) from calmony.replay").await, 0);
    system.client.post(&path, "dry_run=true").await.ok();
}
