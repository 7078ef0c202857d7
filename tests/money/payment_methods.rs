//! Payment methods, with the sandbox processor: the whole life, the customer's default, the refusals.

use reqwest::Method;
use serde_json::{Value, json};
use support::{Client, Sandbox, System};

async fn paying() -> (System, Sandbox) {
    System::paying().await
}

async fn method(client: &Client, token: &str) -> String {
    let params = json!({ "type": "card", "card": { "token": token } });
    client.json(Method::POST, "/v1/payment_methods", &params).await.id()
}

async fn types(client: &Client, object: &str) -> Vec<String> {
    let events = client.get(&format!("/v1/events?object={object}")).await.ok();
    let types = events["data"].as_array().unwrap().iter().rev();
    types.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_method_is_created_attached_changed_made_the_default_and_detached() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let params = json!({
        "type": "card",
        "card": { "number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123" },
        "billing_details": { "name": "Ada" },
    });
    let made = client.json(Method::POST, "/v1/payment_methods", &params).await.ok();
    let card = &made["card"];
    assert_eq!((&card["brand"], &card["last4"]), (&json!("visa"), &json!("4242")));
    assert_eq!((&card["exp_month"], &card["exp_year"]), (&json!(12), &json!(2040)));
    assert_eq!((&made["customer"], &card["checks"]["cvc_check"]), (&Value::Null, &json!("unchecked")));
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/payment_methods/{id}");
    let refused = client.post(&path, "metadata[a]=b").await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let customer = client.customer("Ada").await;
    let attached = client.post(&format!("{path}/attach"), &format!("customer={customer}")).await.ok();
    assert_eq!(
        (&attached["customer"], &attached["card"]["checks"]["cvc_check"]),
        (&json!(customer), &json!("pass"))
    );
    let changed = client.post(&path, "metadata[a]=b&card[exp_year]=2041").await.ok();
    assert_eq!((&changed["metadata"]["a"], &changed["card"]["exp_year"]), (&json!("b"), &json!(2041)));
    let default = format!("invoice_settings[default_payment_method]={id}");
    let other = client.customer("Bob").await;
    for path in [format!("/v1/customers/{other}"), "/v1/customers".to_owned()] {
        let refused = client.post(&path, &default).await;
        let error = (refused.status, &refused.json["error"]["param"]);
        assert_eq!(error, (400, &json!("invoice_settings[default_payment_method]")), "{}", refused.text);
    }
    let changed = client.post(&format!("/v1/customers/{customer}"), &default).await.ok();
    assert_eq!(changed["invoice_settings"]["default_payment_method"], json!(id));
    let expand = "expand[]=invoice_settings.default_payment_method";
    let expanded = client.get(&format!("/v1/customers/{customer}?{expand}")).await.ok();
    assert_eq!(expanded["invoice_settings"]["default_payment_method"]["card"]["last4"], json!("4242"));
    let listed = client.get(&format!("/v1/customers/{customer}/payment_methods")).await.ok();
    assert_eq!(listed["data"][0]["id"], json!(id));
    assert_eq!(listed["url"], json!(format!("/v1/customers/{customer}/payment_methods")));
    let detached = client.post(&format!("{path}/detach"), "").await.ok();
    assert_eq!(detached["customer"], Value::Null);
    let after = client.get(&format!("/v1/customers/{customer}")).await.ok();
    assert_eq!(after["invoice_settings"]["default_payment_method"], Value::Null);
    let burned = client.post(&format!("{path}/attach"), &format!("customer={customer}")).await;
    assert_eq!(burned.status, 400);
    assert!(burned.text.contains("may not be used again"), "{}", burned.text);
    let again = client.post(&format!("{path}/detach"), "").await;
    assert!(
        again.status == 400
            && again.text.contains(
                "not attached to a customer so detachment is \
                                                        impossible"
            )
    );
    let expected =
        ["created", "attached", "updated", "detached"].map(|verb| format!("payment_method.{verb}"));
    assert_eq!(types(client, id).await, expected);
    assert_eq!(types(client, &customer).await.last().unwrap(), "customer.updated");
}

#[tokio::test]
async fn a_customer_is_created_with_a_method_and_its_default() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let default = |id: &str| format!("invoice_settings[default_payment_method]={id}");
    let both = format!("payment_method=pm_card_visa&{}", default("pm_card_visa"));
    let made = client.post("/v1/customers", &both).await.ok();
    let customer = made["id"].as_str().unwrap();
    let id = made["invoice_settings"]["default_payment_method"].as_str().unwrap();
    let path = format!("/v1/customers/{customer}/payment_methods");
    let listed = client.get(&path).await.ok();
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["id"]), (1, &json!(id)));
    let one = client.get(&format!("{path}/{id}")).await.ok();
    assert_eq!((&one["customer"], &one["card"]["brand"]), (&json!(customer), &json!("visa")));
    let other = client.customer("Bob").await;
    let elsewhere = client.get(&format!("/v1/customers/{other}/payment_methods/{id}")).await;
    assert_eq!(elsewhere.status, 404, "{}", elsewhere.text);
    assert_eq!(types(client, id).await, ["payment_method.created", "payment_method.attached"]);
    let existing = method(client, "tok_mastercard").await;
    let params = format!("payment_method={existing}&{}", default(&existing));
    let made = client.post("/v1/customers", &params).await.ok();
    assert_eq!(made["invoice_settings"]["default_payment_method"], json!(existing));
    let changed = client.post(&format!("/v1/customers/{other}"), &default("pm_card_amex")).await.ok();
    let id = changed["invoice_settings"]["default_payment_method"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/payment_methods/{id}")).await.ok()["customer"], json!(other));
    let attach = "/v1/payment_methods/pm_card_visa/attach";
    let attached = client.post(attach, &format!("customer={other}")).await.ok();
    assert_eq!(attached["customer"], json!(other));
    let narrowed = client.get(&format!("/v1/payment_methods?customer={other}&type=card&limit=1")).await.ok();
    assert_eq!((&narrowed["data"][0]["id"], &narrowed["has_more"]), (&attached["id"], &json!(true)));
}

#[tokio::test]
async fn nothing_is_created_with_a_card_that_is_declined() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let ada = client.customer("Ada").await;
    let events = || system.database.number("select count(*) from calmony.event");
    let before = events().await;
    for (path, params) in [
        ("/v1/customers".to_owned(), "payment_method=pm_card_chargeDeclined".to_owned()),
        (
            format!("/v1/customers/{ada}"),
            "invoice_settings[default_payment_method]=pm_card_chargeDeclined".to_owned(),
        ),
        ("/v1/payment_methods/pm_card_chargeDeclined/attach".to_owned(), format!("customer={ada}")),
    ] {
        let declined = client.post(&path, &params).await;
        let error = (declined.status, &declined.json["error"]["code"]);
        assert_eq!(error, (402, &json!("card_declined")), "{path}: {}", declined.text);
    }
    for (path, params, status, param) in [
        ("/v1/customers", "payment_method=pm_card_nonsense", 400, "payment_method"),
        ("/v1/customers", "payment_method=pm_01J9ZW6QAPZK9N3FBJ0WB5K7TX", 400, "payment_method"),
        ("/v1/payment_methods/pm_card_visa/attach", "customer=cus_nobody", 400, "customer"),
        ("/v1/payment_methods/nonsense/attach", "customer=cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX", 404, "id"),
    ] {
        let refused = client.post(path, params).await;
        let error = (refused.status, &refused.json["error"]["param"]);
        assert_eq!(error, (status, &json!(param)), "{path} {params}: {}", refused.text);
    }
    let refused = client.post(&format!("/v1/customers/{ada}"), "payment_method=pm_card_visa").await;
    assert_eq!(refused.json["error"]["code"], "parameter_unknown", "{}", refused.text);
    assert_eq!(events().await, before);
}

#[tokio::test]
async fn a_deleted_customers_methods_are_detached_and_burned_however_many() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let customer = client.post("/v1/customers", "payment_method=pm_card_visa").await.id();
    let method = client.get(&format!("/v1/customers/{customer}/payment_methods")).await.ok();
    let method = method["data"][0]["id"].as_str().unwrap().to_owned();
    // More than one group takes.
    for _ in 0..60 {
        client.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={customer}")).await.ok();
    }
    assert_eq!(client.delete(&format!("/v1/customers/{customer}")).await.ok()["deleted"], json!(true));
    let expected = ["created", "attached", "detached"].map(|verb| format!("payment_method.{verb}"));
    assert_eq!(types(client, &method).await, expected);
    let left = client.get(&format!("/v1/payment_methods?customer={customer}")).await.ok();
    assert_eq!(left["data"], json!([]));
    let sizes = "select string_agg(distinct group_size::text, ',' order by group_size::text) from \
        calmony.event where type = 'payment_method.detached'";
    let admin = system.database.admin().await;
    assert_eq!(admin.query_one(sizes, &[]).await.unwrap().get::<_, &str>(0), "12,50");
    let other = client.customer("Bob").await;
    let attach = format!("/v1/payment_methods/{method}/attach");
    let burned = client.post(&attach, &format!("customer={other}")).await;
    assert!(burned.text.contains("may not be used again"), "{}", burned.text);
    let again = client.delete(&format!("/v1/customers/{customer}")).await;
    assert_eq!(again.status, 404, "{}", again.text);
}

#[tokio::test]
async fn a_card_that_is_declined_is_not_attached() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let customer = client.customer("Ada").await;
    for (token, code, decline_code) in [
        ("tok_visa_chargeDeclined", "card_declined", json!("generic_decline")),
        ("tok_visa_chargeDeclinedInsufficientFunds", "card_declined", json!("insufficient_funds")),
    ] {
        let id = method(client, token).await;
        let attach = format!("/v1/payment_methods/{id}/attach");
        let refused = client.post(&attach, &format!("customer={customer}")).await;
        let error = &refused.json["error"];
        assert_eq!((refused.status, &error["type"]), (402, &json!("card_error")), "{}", refused.text);
        assert_eq!((&error["code"], &error["decline_code"]), (&json!(code), &decline_code));
        assert_eq!(types(client, &id).await, ["payment_method.created"]);
    }
    let fails_later = method(client, "tok_chargeCustomerFail").await;
    let attach = format!("/v1/payment_methods/{fails_later}/attach");
    client.post(&attach, &format!("customer={customer}")).await.ok();
    let other = client.customer("Bob").await;
    let elsewhere = client.post(&attach, &format!("customer={other}")).await;
    assert!(elsewhere.status == 400 && elsewhere.text.contains("already been attached to a customer"));
    let twice = client.post(&attach, &format!("customer={customer}")).await;
    assert_eq!(twice.status, 200);
    assert_eq!(types(client, &fails_later).await.len(), 2, "attaching again is no event");
}

#[tokio::test]
async fn what_is_wrong_with_a_method_is_named_and_no_number_is_echoed() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let card = |number: &str, month: i64, year: i64| {
        let card = json!({ "number": number, "exp_month": month, "exp_year": year });
        json!({ "type": "card", "card": card })
    };
    let beside_token =
        |name: &str, value: Value| json!({ "type": "card", "card": { "token": "tok_visa", name: value } });
    let mut with_cvc = card("4242424242424242", 12, 2040);
    with_cvc["card"]["cvc"] = json!("99");
    for (params, status, param) in [
        (json!({ "card": { "token": "tok_visa" } }), 400, "type"),
        (json!({ "type": "card" }), 400, "card"),
        (json!({ "type": "card", "card": {} }), 400, "card[token]"),
        (json!({ "type": "card", "card": { "token": "tok_nothing" } }), 400, "card[token]"),
        (
            json!({ "type": "card", "card": { "token": "tok_visa", "number": "4242424242424242" } }),
            400,
            "card[token]",
        ),
        (json!({ "type": "sepa_debit", "card": { "token": "tok_visa" } }), 400, "type"),
        (json!({ "type": "card", "card": { "number": "4242424242424242" } }), 400, "card[exp_month]"),
        (card("4242424242424241", 12, 2040), 402, "card[number]"),
        (beside_token("exp_month", json!(12)), 400, "card[token]"),
        (beside_token("exp_year", json!(2040)), 400, "card[token]"),
        (beside_token("cvc", json!("123")), 400, "card[token]"),
        (card("4242424242424242", 13, 2040), 402, "card[exp_month]"),
        (card("4242424242424242", 12, 2001), 402, "card[exp_year]"),
        (with_cvc, 402, "card[cvc]"),
    ] {
        let refused = client.json(Method::POST, "/v1/payment_methods", &params).await;
        assert_eq!(refused.status, status, "{params}: {}", refused.text);
        assert_eq!(refused.json["error"]["param"], json!(param), "{params}: {}", refused.text);
        assert!(!refused.text.contains("42424242"), "{}", refused.text);
        if param == "card[token]" && status == 400 && params["card"].as_object().unwrap().len() > 1 {
            assert_eq!(refused.json["error"]["code"], json!("parameters_exclusive"), "{}", refused.text);
            let other = params["card"].as_object().unwrap().keys().find(|name| *name != "token").unwrap();
            assert!(refused.text.contains(&format!("card[{other}]")), "{}", refused.text);
        }
    }
    // It passes Luhn and is no published number.
    let other = client.json(Method::POST, "/v1/payment_methods", &card("4539578763621486", 12, 2040)).await;
    assert!(other.status == 402 && !other.text.contains("45395787"), "{}", other.text);
    let count = "select count(*) from calmony.event where type like 'payment_method.%'";
    assert_eq!(system.database.number(count).await, 0);
}

#[tokio::test]
async fn a_list_is_narrowed_by_customer() {
    let (system, _sandbox) = paying().await;
    let client = &system.client;
    let (first, second) = (client.customer("Ada").await, client.customer("Bob").await);
    for (customer, token) in [(&first, "tok_visa"), (&second, "tok_mastercard"), (&first, "tok_amex")] {
        let id = method(client, token).await;
        client.post(&format!("/v1/payment_methods/{id}/attach"), &format!("customer={customer}")).await.ok();
    }
    let brands = async |path: &str| {
        let list = client.get(path).await.ok();
        let brands = list["data"].as_array().unwrap().iter().map(|one| one["card"]["brand"].clone());
        json!(brands.collect::<Vec<_>>())
    };
    assert_eq!(brands(&format!("/v1/payment_methods?customer={first}")).await, json!(["amex", "visa"]));
    assert_eq!(brands(&format!("/v1/customers/{second}/payment_methods")).await, json!(["mastercard"]));
    assert_eq!(brands("/v1/payment_methods?type=card&limit=1").await, json!(["amex"]));
    assert_eq!(client.get("/v1/payment_methods?customer=cus_1").await.status, 400);
    assert_eq!(client.get("/v1/customers/cus_1/payment_methods").await.status, 404);
}

#[tokio::test]
async fn without_a_processor_a_card_is_refused_in_plain_words() {
    let system = System::start().await;
    let params = json!({ "type": "card", "card": { "token": "tok_visa" } });
    let refused = system.client.json(Method::POST, "/v1/payment_methods", &params).await;
    assert!(refused.status == 400 && refused.text.contains("CALMONY_PROCESSOR_URL"), "{}", refused.text);
}

#[tokio::test]
async fn a_processor_that_is_away_is_a_503_and_leaves_nothing() {
    let (system, sandbox) = paying().await;
    let id = method(&system.client, "tok_visa").await;
    let customer = system.client.customer("Ada").await;
    support::system::kill(sandbox.process.pid());
    let params = json!({ "type": "card", "card": { "token": "tok_visa" } });
    let refused = system.client.json(Method::POST, "/v1/payment_methods", &params).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let attach = format!("/v1/payment_methods/{id}/attach");
    assert_eq!(system.client.post(&attach, &format!("customer={customer}")).await.status, 503);
    assert_eq!(types(&system.client, &id).await, ["payment_method.created"]);
}
