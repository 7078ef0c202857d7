use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::Problem;

fn parse(text: &str) -> Query {
    Query::parse(Searched::Customers, 7, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn reason(text: &str) -> String {
    reason_of(Searched::Customers, text)
}

fn reason_of(searched: Searched, text: &str) -> String {
    match Query::parse(searched, 7, text).unwrap_err().problem {
        Problem::Malformed(reason) => reason,
        problem => format!("{problem:?}"),
    }
}

/// PostgreSQL's reading of a condition (`read/sql/search.sql`), said once more in plain words.
fn meets(condition: &Condition, document: &Document, created: u64) -> bool {
    let text = |field: TextField| match field {
        TextField::Email => document.email.as_deref(),
        TextField::Name => document.name.as_deref(),
        TextField::Phone => document.phone.as_deref(),
    };
    let has = |(field, part): &(TextField, String)| text(*field).is_some_and(|text| text.contains(part));
    condition.all_of.iter().all(|term| document.terms.contains(term))
        && !condition.none_of.iter().any(|term| document.terms.contains(term))
        && condition.containing.iter().all(has)
        && !condition.lacking.iter().any(has)
        && condition.created.contains(&created)
        && !condition.not_created.iter().any(|seconds| seconds.contains(&created))
        && condition.amount.contains(&document.amount.unwrap_or_default())
        && !condition.not_amount.iter().any(|amounts| amounts.contains(&document.amount.unwrap_or_default()))
}

fn finds(query: &str, customer: &serde_json::Value, created: u64) -> bool {
    let document = Document::of(Searched::Customers, 7, &customer.to_string()).expect("a customer");
    parse(query).conditions().iter().any(|condition| meets(condition, &document, created))
}

#[test]
fn every_form_of_a_clause_finds_what_it_says() {
    let ada = json!({
        "email": "Ada@Example.com", "name": "Ada Lovelace", "phone": null,
        "metadata": { "plan": "Gold", "note": "it's \"new\"", "=": "x", "path": "C:\\temp" },
    });
    for query in [
        "email:'ada@example.com'",
        "email:\"ADA@EXAMPLE.COM\"",
        "name~'lOve'",
        "name~\"a l\"",
        "phone:null",
        "-email:null",
        "-name:'Bob'",
        "-name~'bob'",
        "metadata['plan']:'gold'",
        "metadata[\"plan\"]:\"gold\"",
        "metadata['note']:'it\\'s \"new\"'",
        "metadata['path']:'C:\\temp'",
        "metadata['path']:'c:\\\\temp'",
        "metadata['=']:'x'",
        "metadata['other']:null",
        "-metadata['plan']:null",
        "-metadata['plan']:'silver'",
        "created:100",
        "created:'100'",
        "created>99 created<101",
        "created>=100 AND created<=100",
        "-created:99",
        "-created>100",
        "name:'bob' OR name:'ada lovelace'",
        "name:'bob' or phone:'1' or created<101",
        "  name~'ada'   and\temail~'example'  ",
        "email:'ada@example.com' metadata['plan']:'gold'",
    ] {
        assert!(finds(query, &ada, 100), "{query}");
    }
    for query in [
        "email:'ada@example'",
        "email:null",
        "name~'lovelaced'",
        "name~'lace ada'",
        "-phone:null",
        "-name:'ada lovelace'",
        "-name~'ada'",
        "phone~'123'",
        "metadata['Plan']:'gold'",
        "metadata['plan']:'gol'",
        "metadata['plan']:null",
        "-metadata['other']:null",
        "created>100",
        "created<100",
        "-created:100",
        "-created>=100",
        "created>99 created<100",
        "name:'ada lovelace' AND email:'x'",
        "name:'bob' OR email:'x'",
    ] {
        assert!(!finds(query, &ada, 100), "{query}");
    }
}

#[test]
fn what_is_no_query_says_why() {
    for (query, expected) in [
        ("", "Empty"),
        (" ", "Empty"),
        ("-", "expected a field, an operator and a value, such as email:'ada@example.com', at its end"),
        ("name:''", "nothing is between the quotes"),
        ("metadata['']:null", "nothing is between the quotes"),
        ("created>+5", "expected a value at '+5'"),
        ("plan:'gold'", "'plan' can't be searched; what can: created, email, metadata, name, phone"),
        ("email", "expected an operator (: ~ > < >= <=) at its end"),
        ("email=", "expected an operator (: ~ > < >= <=) at '='"),
        ("email:", "expected a value at its end"),
        ("email:ada", "the value of email must be in quotes"),
        ("email~null", "the value of email must be in quotes"),
        ("email:'ada", "a quote is not closed"),
        ("email:'ada\\'", "a quote is not closed"),
        ("email~'ad'", "email~ needs at least 3 characters"),
        ("email>'ada'", "email can't be compared by >"),
        ("metadata:'gold'", "metadata is searched by its key: metadata['key']:'value'"),
        ("metadata[plan]:'gold'", "metadata is searched by its key: metadata['key']:'value'"),
        ("metadata['plan':'gold'", "metadata is searched by its key: metadata['key']:'value'"),
        ("metadata['plan']~'gold'", "metadata can't be compared by ~"),
        ("metadata['plan']:3", "the value of metadata must be in quotes"),
        ("created:yesterday", "created must be a time in Unix seconds"),
        ("created:null", "created must be a time in Unix seconds"),
        ("created>1.5", "created must be a time in Unix seconds"),
        ("created~'100'", "created can't be compared by ~"),
        ("name:'a' AND name:'b' OR name:'c'", "AND and OR can't be combined"),
        ("name:'a' name:'b' OR name:'c'", "AND and OR can't be combined"),
        ("name:'a' OR name:'b' name:'c'", "AND and OR can't be combined"),
        ("(name:'a')", "parentheses are not supported"),
        ("name:'a'name:'b'", "expected a space between clauses at 'name:'b''"),
        (
            "name:'a' AND",
            "expected a field, an operator and a value, such as email:'ada@example.com', at its end",
        ),
    ] {
        assert_eq!(reason(query), expected, "{query}");
    }
    assert_eq!(reason(&["name:'a'"; 11].join(" ")), "there are more than 10 clauses");
    assert_eq!(reason(&"x".repeat(2_001)), "TooLong(2000)");
    assert!(Query::parse(Searched::Customers, 7, &["name:'a'"; 10].join(" OR ")).is_ok());
}

#[test]
fn a_term_is_its_accounts_own_and_fits_the_index() {
    let long = "Ä".repeat(300);
    let customer = json!({
        "email": null, "name": long, "phone": null, "metadata": { "k": long, "1:a": "b", "a": "1:b" },
    });
    let of = |account| Document::of(Searched::Customers, account, &customer.to_string()).expect("a customer");
    let document = of(7);
    assert!(document.terms.iter().all(|term| term.starts_with('7') && term.len() <= TERM_MAX));
    assert!(finds(&format!("name:'{long}'"), &customer, 0));
    assert!(finds(&format!("metadata['k']:'{}'", long.to_lowercase()), &customer, 0));
    assert!(!finds(&format!("name:'{long}Ä'"), &customer, 0));
    assert!(!finds("metadata['1']:'ab'", &customer, 0));
    assert_ne!(document.terms, of(8).terms);
}

#[test]
fn payment_intents_are_found_by_amounts_words_and_metadata() {
    let intent = json!({
        "amount": 1999, "currency": "usd", "customer": "cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX",
        "status": "requires_capture", "metadata": { "order": "A-7" },
    });
    let document = Document::of(Searched::PaymentIntents, 7, &intent.to_string()).expect("an intent");
    let finds = |query: &str| {
        let query = Query::parse(Searched::PaymentIntents, 7, query).expect(query);
        query.conditions().iter().any(|condition| meets(condition, &document, 100))
    };
    for query in [
        "amount:1999",
        "amount:'1999'",
        "amount>1998 amount<2000",
        "amount>=1999 amount<=1999",
        "-amount>1999",
        "-amount:1 -amount:2",
        "amount>-1",
        "currency:'USD'",
        "customer:'cus_01J9ZW6QAPZK9N3FBJ0WB5K7TX'",
        "-customer:null",
        "status:'requires_capture' AND metadata['order']:'a-7'",
        "status:'succeeded' OR created:100",
    ] {
        assert!(finds(query), "{query}");
    }
    for query in [
        "amount:1998",
        "amount>1999",
        "amount<1999",
        "-amount:1999",
        "-amount<=1999",
        "amount>1 amount<1",
        "currency:'eur'",
        "customer:null",
        "status:'requires'",
        "metadata['order']:null",
    ] {
        assert!(!finds(query), "{query}");
    }
    for (query, expected) in [
        (
            "email:'a'",
            "'email' can't be searched; what can: amount, created, currency, customer, metadata, status",
        ),
        ("amount:19.99", "amount must be a whole number, in the smallest unit"),
        ("amount:null", "amount must be a whole number, in the smallest unit"),
        ("amount~'199'", "amount can't be compared by ~"),
        ("status~'suc'", "status can't be compared by ~"),
        ("status:succeeded", "the value of status must be in quotes"),
        ("", "Empty"),
        ("-", "expected a field, an operator and a value, such as status:'succeeded', at its end"),
    ] {
        assert_eq!(reason_of(Searched::PaymentIntents, query), expected, "{query}");
    }
    let customer = json!({ "email": null, "name": null, "phone": null, "metadata": { "order": "A-7" } });
    let customer = Document::of(Searched::Customers, 7, &customer.to_string()).expect("a customer");
    assert!(!customer.terms.iter().any(|term| document.terms.contains(term)), "no term is of both");
}

/// Texts that look like queries, right and wrong ones.
const NEARLY_A_QUERY: &str = "(-?(email|name|metadata\\['k'\\]|created)(:|~|>|<=)\
                              ('[a\\\\']{0,5}'?|null|12)( AND | OR | |)){0,4}";

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}") {
        let _ = Query::parse(Searched::Customers, 1, &text);
        let _ = Query::parse(Searched::PaymentIntents, 1, &text);
    }

    #[test]
    fn nearly_a_query_does_not_either(text in NEARLY_A_QUERY) {
        let _ = Query::parse(Searched::Customers, 1, &text);
        let _ = Query::parse(Searched::PaymentIntents, 1, &text);
    }

    /// Terms decide as the texts themselves would.
    #[test]
    fn terms_say_what_the_texts_say(
        name in "[abAΣßİ ]{0,8}", part in "[abAΣßİ ]{3,5}", negated in any::<bool>()
    ) {
        let customer = json!({ "email": null, "name": name, "phone": null, "metadata": { "k": name } });
        let minus = if negated { "-" } else { "" };
        let (name, lower) = (lower(&name), lower(&part));
        let found = |clause: &str| finds(&format!("{minus}{clause}:'{part}'"), &customer, 0);
        let within = finds(&format!("{minus}name~'{part}'"), &customer, 0);
        prop_assert_eq!(within, name.contains(&lower) != negated);
        prop_assert_eq!(found("name"), (name == lower) != negated);
        prop_assert_eq!(found("metadata['k']"), (name == lower) != negated);
    }
}
