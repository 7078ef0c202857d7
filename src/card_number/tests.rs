use proptest::prelude::*;

use super::*;

/// The published test numbers: the sandbox's, and others that people paste.
const PUBLISHED: &[&str] = &[
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "5200828282828210",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3056930009020004",
    "30569309025904",
    "36227206271667",
    "38520000023237",
    "3566002020360505",
    "6200000000000005",
    "6205500000000000004",
    "4000000000000002",
    "4000000000009995",
    "4000000000009987",
    "4000000000009979",
    "4000000000006975",
    "4000000000000069",
    "4000000000000127",
    "4000000000000119",
    "4000000000000341",
    "4000002760003184",
    "4000002500003155",
    "4000003800000446",
    "4000008260003178",
    "4000000000003220",
    "4000008400001629",
    "4000008400001280",
    "4000000000003055",
    "4100000000000019",
    "4111111111111111",
    "4222222222222",
    "6759649826438453",
    "6304000000000000",
];

/// The digits in groups of so many.
fn grouped(number: &str, size: usize, between: &str) -> String {
    let digits: Vec<char> = number.chars().collect();
    let groups: Vec<String> = digits.chunks(size).map(|group| group.iter().collect()).collect();
    groups.join(between)
}

/// The spellings of a number.
fn spellings(number: &str) -> Vec<String> {
    let wide = |zero: u32| {
        let digit = |c: char| char::from_u32(zero + c.to_digit(10).expect("a digit")).expect("a character");
        number.chars().map(digit).collect::<String>()
    };
    let (first, rest) = number.split_at(4);
    let (second, third) = rest.split_at(6);
    vec![
        number.to_owned(),
        grouped(number, 4, " "),
        grouped(number, 4, "-"),
        grouped(number, 4, "\u{A0}"),
        grouped(number, 4, "\u{2011}"),
        grouped(number, 4, "–"),
        grouped(number, 1, " "),
        format!("{first} {second} {third}"),
        format!("{first} {second}-{third}"),
        wide(0xFF10),
        wide(0x0660),
        wide(0x0966),
        grouped(&wide(0x06F0), 4, " "),
    ]
}

#[test]
fn every_published_number_is_found_in_every_spelling_and_place() {
    for number in PUBLISHED {
        for spelling in spellings(number) {
            for place in [
                "{}",
                " {} ",
                "My card is {}, it ends in 12/34.",
                "{} 12/34 123",
                "12/34 {} 123",
                "5 {}",
                "(\"{}\")",
                "card={}&cvc=123",
                "order_{}",
                "カード番号は{}です",
                "a\n{}\nb",
                "550e8400-e29b-41d4-a716-446655440000 {}",
            ] {
                let text = place.replace("{}", &spelling);
                assert!(is_in(&text), "{text}");
            }
        }
    }
}

#[test]
fn a_number_with_a_wrong_digit_or_of_no_network_is_none() {
    for text in [
        "",
        "4242424242424241",
        "4242 4242 4242 4241",
        "424242424242",
        // A right check digit, and no network's beginning or length.
        "1234567812345670",
        "9999999999999995",
        "42424242424242424242",
        "555555555555557",
        "0000000000000000",
    ] {
        assert!(!is_in(text), "{text}");
    }
}

#[test]
fn a_part_of_a_longer_token_is_no_number() {
    for place in ["a{}", "{}a", "1{}", "{}1", "-{}", "{}-", "x-{}", "{}-x", "1-{}", "pm{}", "0x{}"] {
        let text = place.replace("{}", "4242424242424242");
        assert!(!is_in(&text), "{text}");
    }
    for text in
        ["4242  4242  4242  4242", "4242--4242-4242-4242", "4242.4242.4242.4242", "4242/4242 4242 4242"]
    {
        assert!(!is_in(text), "{text}");
    }
}

#[test]
fn a_whole_number_is_judged_like_its_digits() {
    for number in PUBLISHED {
        let value: i64 = number.parse().expect("a number");
        assert!(CardNumbers::Refused.refuse_integer(value), "{number}");
        assert!(!CardNumbers::Allowed.refuse_integer(value), "{number}");
    }
    for other in [0, 1, -4_242_424_242_424_242, 4_242_424_242_424_241, 99_999_999, i64::MAX, i64::MIN] {
        assert!(!CardNumbers::Refused.refuse_integer(other), "{other}");
    }
}

#[test]
fn a_number_is_found_as_it_is_sent() {
    for sent in [
        "a=4242424242424242&b=c",
        "a=4242+4242+4242+4242",
        "a=4242%204242%204242%204242",
        "%34%32%34%32%34%32%34%32%34%32%34%32%34%32%34%32",
        "/v1/customers/4242%2D4242%2d4242-4242",
        r#"{"a": "4242424242424242"#,
        r#"{"a": "\u0034242\u002042424242\u00204242"}"#,
        "a=%EF%BC%942%342%EF%BC%942%342%EF%BC%942%342%EF%BC%942%342",
    ] {
        assert!(CardNumbers::Refused.refuse_sent(sent.as_bytes()), "{sent}");
        assert!(!CardNumbers::Allowed.refuse_sent(sent.as_bytes()), "{sent}");
    }
    for sent in
        ["", "a=4242424242424241", "a=4242&b=4242&c=4242&d=4242", "%", "%3", "\\u", "\\u004", "\\uD800"]
    {
        assert!(!CardNumbers::Refused.refuse_sent(sent.as_bytes()), "{sent}");
    }
    assert!(CardNumbers::Refused.refuse_sent(b"\xff 4242424242424242"));
}

/// Both SDKs send one as the idempotency key of every POST.
#[test]
fn a_random_uuid_is_none() {
    for _ in 0..400_000 {
        let bits: u128 = rand::random();
        let version = bits & !(0xf << 76) | 4 << 76;
        let hex = format!("{:032x}", version & !(0x3 << 62) | 0x2 << 62);
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).expect("32 digits"));
        let uuid = parts.join("-");
        assert!(!is_in(&uuid) && !is_in(&hex) && !is_in(&format!("stripe-node-retry-{uuid}")), "{uuid}");
    }
}

/// Digits only are the worst that a UUID can have.
#[test]
fn a_uuid_of_digits_is_none() {
    for _ in 0..100_000 {
        let digits = format!("{:032}", rand::random::<u128>() % 10_u128.pow(32));
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).expect("32 digits"));
        assert!(!is_in(&parts.join("-")), "{digits}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn times_are_none(seconds in 1_000_000_000_u64..2_200_000_000, micros in 0_u64..1_000_000) {
        let millis = seconds * 1_000 + micros / 1_000;
        for text in [
            seconds.to_string(),
            millis.to_string(),
            (seconds * 1_000_000 + micros).to_string(),
            ((seconds * 1_000_000 + micros) * 1_000).to_string(),
        ] {
            prop_assert!(!is_in(&text), "{}", text);
        }
    }

    #[test]
    fn ids_are_none(time in 0_u64..1 << 48, random: u128) {
        let ulid = ulid::Ulid::from_parts(time, random).to_string();
        prop_assert!(!is_in(&format!("cus_{ulid}")), "{}", ulid);
    }

    #[test]
    fn phone_numbers_are_none(area in 151_u32..179, line in 1_000_000_u32..99_999_999) {
        let near = line % 10_000_000;
        for text in [
            format!("+49{area}{line}"),
            format!("+49 {area} {line}"),
            format!("+49-{area}-{line}"),
            format!("+49 (0) {area} {line}"),
            format!("tel:+49{area}{line}"),
            format!("0049{area}{line}"),
            format!("0049 {area} {line}"),
            format!("0{area} {line}"),
            format!("0{area}/{line}"),
            format!("+44 7{area} {near}"),
            format!("+1 ({area}) 555-{:04}", line % 10_000),
            format!("+1-{area}-555-{:04}", line % 10_000),
            format!("1 {area} 555 {:04}", line % 10_000),
            format!("+33 6 {} {} {} {}", line % 90 + 10, area % 90 + 10, line / 7 % 90 + 10, near % 90 + 10),
            format!("+55 11 9{} {}", area * 10, line % 10_000),
            format!("+86 138 {} {}", area * 10, line % 10_000),
        ] {
            prop_assert!(!is_in(&text), "{}", text);
        }
    }

    #[test]
    fn any_text_is_read_to_its_end(text in "\\PC{0,60}", digits in "[0-9 \\-٠-٩０-９]{0,80}") {
        for text in [&text, &digits, &format!("{text}{digits}{text}")] {
            let _ = is_in(text);
            let _ = CardNumbers::Refused.refuse_sent(text.as_bytes());
        }
        let found = format!("{text} 4242 4242 4242 4242 {text}");
        prop_assert!(is_in(&found), "{}", found);
    }

    /// The quick look at the bytes passes nothing over.
    #[test]
    fn a_run_is_seen_wherever_a_number_is(which in 0..PUBLISHED.len(), spelling in 0..13_usize) {
        let number = spellings(PUBLISHED.get(which).expect("one")).swap_remove(spelling);
        prop_assert!(has_run(number.as_bytes()) && has_enough(number.as_bytes()));
    }
}

/// A quarter of a megabyte of text that nearly is a number takes no time that matters.
#[test]
fn the_worst_text_is_read_in_a_moment() {
    let worst = "4 ".repeat(128 * 1024) + "4242-";
    let started = std::time::Instant::now();
    let _ = is_in(&worst);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
