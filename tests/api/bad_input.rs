//! Bad input: a clear 4xx, nothing changed, and the server goes on.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use support::System;
use support::client::send;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn wrong_parameters_are_named() {
    let system = System::start().await;
    let long = "x".repeat(6000);
    let refused = [
        ("foo=bar".to_owned(), "parameter_unknown", "foo"),
        ("address[planet]=Mars".to_owned(), "parameter_unknown", "address[planet]"),
        ("address=Mars".to_owned(), "parameter_invalid", "address"),
        ("name[first]=Ada".to_owned(), "parameter_invalid", "name"),
        ("name=a&name=b".to_owned(), "parameter_invalid", "name"),
        ("balance=%2B5".to_owned(), "parameter_invalid_integer", "balance"),
        ("balance=05".to_owned(), "parameter_invalid_integer", "balance"),
        ("balance=+5".to_owned(), "parameter_invalid_integer", "balance"),
        ("metadata[]=x".to_owned(), "parameter_invalid", "metadata"),
        ("balance=1.5".to_owned(), "parameter_invalid_integer", "balance"),
        ("balance=9999999999999".to_owned(), "parameter_invalid_integer", "balance"),
        ("balance=99999999999999999999".to_owned(), "parameter_invalid_integer", "balance"),
        ("email=nonsense".to_owned(), "email_invalid", "email"),
        ("tax_exempt=perhaps".to_owned(), "parameter_invalid", "tax_exempt"),
        ("shipping[phone]=1".to_owned(), "parameter_missing", "shipping[address]"),
        ("shipping[address][city]=x".to_owned(), "parameter_missing", "shipping[name]"),
        ("metadata=x".to_owned(), "parameter_invalid", "metadata"),
        (format!("metadata[k]={long}"), "parameter_invalid", "metadata[k]"),
        (format!("name={long}"), "parameter_invalid", "name"),
        (format!("description={long}"), "parameter_invalid", "description"),
        ("name=%00".to_owned(), "invalid_characters", "name"),
        ("metadata[%00]=x".to_owned(), "invalid_characters", "metadata"),
        ("name=%ff".to_owned(), "invalid_characters", "name"),
        ("name[=x".to_owned(), "parameter_invalid", "name["),
        (
            "invoice_settings[default_payment_method]=pm_x".to_owned(),
            "resource_missing",
            "invoice_settings[default_payment_method]",
        ),
    ];
    for (form, code, param) in refused {
        let answer = system.client.post("/v1/customers", &form).await;
        assert_eq!(
            answer.error(),
            (400, "invalid_request_error", code, param),
            "{}",
            &form[..form.len().min(60)]
        );
    }
    let many: String = (0..51).map(|n| format!("metadata[k{n}]=v")).collect::<Vec<_>>().join("&");
    assert_eq!(system.client.post("/v1/customers", &many).await.error().3, "metadata");
}

/// Each message names the true reason.
#[tokio::test]
async fn messages_name_the_reason() {
    let system = System::start().await;
    let form = "application/x-www-form-urlencoded";
    let post = |kind: &'static str, body: &'static str| {
        system.client.request(Method::POST, "/v1/customers").header(CONTENT_TYPE, kind).body(body)
    };
    let get = |query: &str| system.client.request(Method::GET, &format!("/v1/customers?{query}"));
    for (request, status, said) in [
        (post(form, "name=x").header("content-encoding", "gzip"), 415, "Invalid content encoding 'gzip'"),
        (post("application/json", r#"{"metadata":{"a[b]":"x"}}"#), 400, "must not have brackets"),
        (post("application/json", r#"{"metadata":{"":"x"}}"#), 400, "must not be empty"),
        (post("application/json; charset=utf-16", "{}"), 415, "charset=utf-16"),
        (get("=1"), 400, "a value has no name before it"),
        (get("[a]=1"), 400, "a value has no name before it"),
        (
            get("created=5&created[gt]=1"),
            400,
            "Invalid created: it is given both as a value and with brackets",
        ),
        (
            get("created[gt]=1&created=5"),
            400,
            "Invalid created: it is given both as a value and with brackets",
        ),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.error().0, status, "{said}");
        assert!(answer.json["error"]["message"].as_str().unwrap().contains(said), "{said}: {}", answer.text);
    }
    let packed = send(post(form, "name=x").header("content-encoding", "gzip")).await;
    assert_eq!(packed.headers["accept-encoding"], "identity");
    send(post("application/json; charset=\"UTF-8\"", "{}")).await.ok();
}

#[tokio::test]
async fn broken_json_is_refused() {
    let system = System::start().await;
    let bomb = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!("{{\"metadata\":{}1{}}}", "{\"a\":".repeat(120), "}".repeat(120));
    let bodies = [
        "{",
        "[]",
        "null",
        "5",
        "\"x\"",
        "{\"name\":}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":5}",
        "{\"name\":\"\\u0000\"}",
        "{\"balance\":1e400}",
        "{\"metadata\":{\"a\":1}}",
        "{\"metadata\":[]}",
        "{\"address\":[]}",
        &bomb,
        &deep,
        "\u{feff}{}",
    ];
    for body in bodies {
        let request =
            system.client.request(Method::POST, "/v1/customers").header(CONTENT_TYPE, "application/json");
        let answer = send(request.body(body.to_owned())).await;
        assert_eq!(
            (answer.error().0, answer.error().1),
            (400, "invalid_request_error"),
            "{}",
            &body[..body.len().min(60)]
        );
    }
    let invalid_utf8 =
        system.client.request(Method::POST, "/v1/customers").header(CONTENT_TYPE, "application/json");
    assert_eq!(send(invalid_utf8.body(vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}'])).await.status, 400);
}

#[tokio::test]
async fn wrong_bodies_routes_and_methods_have_their_own_answers() {
    let system = System::start().await;
    let form = |bytes: usize| format!("description={}", "x".repeat(bytes - "description=".len()));
    let largest = system.client.post("/v1/customers", &form(1024 * 1024)).await;
    assert_eq!(largest.error(), (400, "invalid_request_error", "parameter_invalid", "description"));
    assert_eq!(system.client.post("/v1/customers", &form(1024 * 1024 + 1)).await.error().0, 413);
    let xml =
        system.client.request(Method::POST, "/v1/customers").header(CONTENT_TYPE, "text/xml").body("<a/>");
    assert_eq!(send(xml).await.error().0, 415);
    let unknown = system.client.get("/v1/unknown").await;
    assert_eq!(unknown.error(), (404, "invalid_request_error", "", ""));
    assert!(
        unknown.json["error"]["message"]
            .as_str()
            .unwrap()
            .contains("Unrecognized request URL (GET: /v1/unknown)")
    );
    let method = system.client.json(Method::PUT, "/v1/customers", &serde_json::json!({})).await;
    assert_eq!(method.error().0, 405);
    let allowed = method.headers["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    assert_eq!(system.client.get("/").await.error().0, 404);
}

#[tokio::test]
async fn an_id_that_is_none_is_missing() {
    let system = System::start().await;
    for id in
        ["x", "evt_01J9ZW6QAPZK9N3FBJ0WB5K7TX", "cus_01j9zw6qapzk9n3fbj0wb5k7tx", "%00", "%ff", "..%2f", "🦀"]
    {
        let answer = system.client.get(&format!("/v1/customers/{id}")).await;
        assert_eq!(answer.error(), (404, "invalid_request_error", "resource_missing", "id"), "{id}");
    }
    let answer = system.client.get("/v1/customers/cus_x").await;
    assert_eq!(answer.json["error"]["message"], "No such customer: 'cus_x'");
}

#[tokio::test]
async fn what_the_sdks_send_without_a_body_is_taken() {
    let system = System::start().await;
    let form = "application/x-www-form-urlencoded";
    let create = system.client.request(Method::POST, "/v1/customers").header(CONTENT_TYPE, form);
    let id = send(create).await.id();
    let get = system.client.request(Method::GET, &format!("/v1/customers/{id}")).header(CONTENT_TYPE, form);
    send(get).await.ok();
    let delete =
        system.client.request(Method::DELETE, &format!("/v1/customers/{id}")).header(CONTENT_TYPE, form);
    send(delete).await.ok();
    let refused =
        system.client.request(Method::POST, "/v1/customers").header("Idempotency-Key", "k".repeat(256));
    assert_eq!(send(refused).await.error().3, "Idempotency-Key");
}

/// A body with very many names costs no more than reading it.
#[tokio::test]
async fn a_million_bytes_of_names_are_refused_at_once() {
    let system = System::start().await;
    let names: Vec<String> = (0..100_000).map(|n| format!("\"{n:05}\":1")).collect();
    let request =
        system.client.request(Method::POST, "/v1/customers").header(CONTENT_TYPE, "application/json");
    let started = std::time::Instant::now();
    assert_eq!(send(request.body(format!("{{{}}}", names.join(",")))).await.error().0, 400);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_body_that_is_packed_or_too_long_is_refused_before_it_is_read() {
    let system = System::start().await;
    let packed = system.client.request(Method::POST, "/v1/customers").header("content-encoding", "gzip");
    assert_eq!(send(packed.body("name=x")).await.status, 415);
    let head = format!(
        "POST /v1/customers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-length: 2000000\r\n\r\nname=x",
        system.client.key()
    );
    let began = std::time::Instant::now();
    let mut stream = TcpStream::connect(system.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "nobody waits for the rest");
}

#[tokio::test]
async fn what_an_endpoint_must_have_cannot_be_unset() {
    let system = System::start().await;
    let (id, _) = system.client.endpoint("https://example.com/", &["*"]).await;
    let path = format!("/v1/webhook_endpoints/{id}");
    for (form, param) in
        [("url=", "url"), ("enabled_events=", "enabled_events"), ("enabled_events[]=", "enabled_events[0]")]
    {
        assert_eq!(system.client.post(&path, form).await.error().3, param, "{form}");
    }
}

#[tokio::test]
async fn a_client_that_never_ends_the_head_of_its_request_is_shut_out() {
    let system = System::start().await;
    let mut stream = TcpStream::connect(system.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /v1/customers HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    // A byte now and then buys no time.
    let dawdles = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    });
    let mut rest = Vec::new();
    let ended =
        tokio::time::timeout(std::time::Duration::from_secs(45), reading.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&rest));
    dawdles.abort();
    system.client.customer("meanwhile").await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_and_a_long_one_is_not() {
    let system = System::start().await;
    let address = system.url.trim_start_matches("http://").to_owned();
    let status = async |headers: String| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        // It may be refused, and the connection closed, before all of it is written.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).split(' ').nth(1).map(str::to_owned)
    };
    let headers = |count: usize, length: usize| -> String {
        (0..count).fold(String::new(), |text, n| format!("{text}x-{n}: {}\r\n", "a".repeat(length)))
    };
    assert_eq!(status(headers(90, 150)).await.as_deref(), Some("200"));
    assert_eq!(status(headers(200, 1)).await.as_deref(), Some("431"));
    // A client that keeps sending meets a reset before it reads the answer.
    let too_long = status(headers(1, 400 * 1024)).await;
    assert!(matches!(too_long.as_deref(), None | Some("431")), "{too_long:?}");
    system.client.customer("afterwards").await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_waited_for_ten_seconds() {
    let system = System::start().await;
    let mut stream = TcpStream::connect(system.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /v1/customers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\
         content-type: application/x-www-form-urlencoded\r\nconnection: close\r\n\r\nname=",
        system.client.key()
    );
    let began = std::time::Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("longer than 10 seconds"), "{answer}");
    assert!((9..15).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_reference_page_needs_nothing_from_elsewhere() {
    let system = System::start().await;
    let page = support::client::http().get(format!("{}/docs", system.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    for (method, path) in [("get", "/v1/customers/search"), ("post", "/v1/webhook_endpoints")] {
        assert!(page.to_lowercase().contains(method) && page.contains(path), "{path}");
    }
    for loads in ["src=", "<link", "@import", "url(", "fetch("] {
        assert!(!page.contains(loads), "{loads}");
    }
}
