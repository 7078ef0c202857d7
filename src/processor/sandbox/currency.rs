//! Amounts as a buyer reads them.

/// Currencies without smaller units, and those with a thousand of them.
const WITHOUT: &[&str] = &[
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
];
const THOUSANDS: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];

/// An amount in the currency's smallest unit, as people write it.
pub(super) fn shown(amount: i64, currency: &str) -> String {
    let decimals = match currency {
        _ if WITHOUT.contains(&currency) => 0,
        _ if THOUSANDS.contains(&currency) => 3,
        _ => 2,
    };
    let name = currency.to_uppercase();
    if decimals == 0 {
        return format!("{amount} {name}");
    }
    let unit = 10_i64.pow(decimals);
    let places = usize::try_from(decimals).unwrap_or_default();
    format!("{}.{:0places$} {name}", amount / unit, amount % unit)
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        assert_eq!(shown(1_005, "eur"), "10.05 EUR");
        assert_eq!(shown(5, "usd"), "0.05 USD");
        assert_eq!(shown(1_005, "jpy"), "1005 JPY");
        assert_eq!(shown(1_005, "kwd"), "1.005 KWD");
    }
}
