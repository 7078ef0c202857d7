//! The contract for people: one page, without a script and without anything from elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color-scheme:light dark}\
    code,pre{font:14px/1.4 ui-monospace,monospace}\
    pre{overflow-x:auto;padding:1rem;border:1px solid #8886;border-radius:6px}\
    h2{margin-top:3rem}h3{margin-top:2rem}table{border-collapse:collapse}\
    td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}\
    .method{font-weight:700}nav li{list-style:none}";

/// The page.
pub(super) fn render(document: &Value) -> String {
    let mut page = String::new();
    let title = text(document, "/info/title");
    // Writing to a string can't fail.
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} API</title><style>{STYLE}</style></head><body><h1>{title} API {}</h1><p>{}</p>\
         <p>The same as a document for programs: <a href=\"/openapi.json\">openapi.json</a>.</p>",
        text(document, "/info/version"),
        text(document, "/info/description"),
    );
    operations(&mut page, document);
    section(&mut page, "Webhooks", "/webhooks", document, |one| {
        one.pointer("/post/requestBody/content").cloned()
    });
    section(&mut page, "Objects", "/components/schemas", document, |one| Some(one.clone()));
    page.push_str("</body></html>");
    page
}

fn operations(page: &mut String, document: &Value) {
    page.push_str("<h2>Calls</h2>");
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let _ = write!(
                page,
                "<h3 id=\"{}\"><span class=\"method\">{}</span> <code>{}</code></h3><p>{}</p>",
                escape(&text(operation, "/operationId")),
                method.to_uppercase(),
                escape(path),
                text(operation, "/summary"),
            );
            parameters(page, document, operation);
            if let Some(emits) = operation.get("x-emits").and_then(Value::as_array) {
                let names: Vec<_> = emits.iter().filter_map(Value::as_str).map(escape).collect();
                let _ = write!(page, "<p>Emits <code>{}</code>.</p>", names.join("</code>, <code>"));
            }
        }
    }
}

fn parameters(page: &mut String, document: &Value, operation: &Value) {
    let body = raw(operation, "/requestBody/content/application~1json/schema/$ref");
    let in_body = document.pointer(&format!("{}/properties", body.trim_start_matches('#')));
    let in_body = in_body.filter(|_| !body.is_empty()).and_then(Value::as_object).into_iter().flatten();
    let others = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let mut rows = String::new();
    let mut row = |name: &str, place: &str, schema: &Value, description: &str| {
        let _ = write!(
            rows,
            "<tr><td><code>{}</code></td><td>{place}</td><td><code>{}</code></td><td>{}</td></tr>",
            escape(name),
            escape(&kind(schema)),
            escape(description)
        );
    };
    for parameter in others {
        let schema = parameter.get("schema").unwrap_or(&Value::Null);
        row(&raw(parameter, "/name"), &raw(parameter, "/in"), schema, &raw(parameter, "/description"));
    }
    for (name, schema) in in_body {
        row(name, "body", schema, &raw(schema, "/description"));
    }
    if !rows.is_empty() {
        let _ =
            write!(page, "<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>{rows}</table>");
    }
}

/// A few words on a schema.
fn kind(schema: &Value) -> String {
    match (schema.get("type"), schema.get("oneOf")) {
        (Some(Value::String(kind)), _) => kind.clone(),
        (Some(Value::Array(kinds)), _) => {
            kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        (_, Some(Value::Array(several))) => several.iter().map(kind).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

fn section(
    page: &mut String,
    title: &str,
    at: &str,
    document: &Value,
    show: impl Fn(&Value) -> Option<Value>,
) {
    let _ = write!(page, "<h2>{title}</h2>");
    for (name, one) in document.pointer(at).and_then(Value::as_object).into_iter().flatten() {
        let shown = show(one).unwrap_or_default();
        let shown = serde_json::to_string_pretty(&shown).unwrap_or_default();
        let name = escape(name);
        let _ = write!(
            page,
            "<details id=\"{name}\"><summary><code>{name}</code></summary><pre>{}</pre></details>",
            escape(&shown)
        );
    }
}

fn raw(value: &Value, at: &str) -> String {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn text(value: &Value, at: &str) -> String {
    escape(&raw(value, at))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
