//! The currencies: decimals and bounds, as Stripe has them.

/// A currency, with its amounts in the smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    /// Three lower-case letters (ISO 4217).
    pub code: &'static str,
    /// The decimals between its unit and its smallest unit.
    pub decimals: u8,
    /// The smallest amount that is charged.
    pub min: i64,
    /// The largest one.
    pub max: i64,
    /// The number that every amount is a multiple of: 100 where no fraction is ever paid.
    pub step: i64,
}

/// The largest amount in most currencies: eight digits.
const AMOUNT_MAX: i64 = 99_999_999;

macro_rules! currencies {
    ($($code:ident $decimals:literal $min:literal $step:literal $max:expr;)*) => {
        /// Every currency of the contract.
        pub const CURRENCIES: &[Currency] = &[
            $(Currency { code: stringify!($code), decimals: $decimals, min: $min, max: $max, step: $step },)*
        ];
    };
}

// Code, decimals, minimum, step, maximum.
currencies! {
    aed 2 200 1 AMOUNT_MAX; afn 2 1 1 AMOUNT_MAX; all 2 1 1 AMOUNT_MAX; amd 2 1 1 AMOUNT_MAX;
    ang 2 1 1 AMOUNT_MAX; aoa 2 1 1 AMOUNT_MAX; ars 2 1 1 AMOUNT_MAX; aud 2 50 1 AMOUNT_MAX;
    awg 2 1 1 AMOUNT_MAX; azn 2 1 1 AMOUNT_MAX; bam 2 1 1 AMOUNT_MAX; bbd 2 1 1 AMOUNT_MAX;
    bdt 2 1 1 AMOUNT_MAX; bgn 2 100 1 AMOUNT_MAX; bhd 3 10 10 AMOUNT_MAX; bif 0 1 1 AMOUNT_MAX;
    bmd 2 1 1 AMOUNT_MAX; bnd 2 1 1 AMOUNT_MAX; bob 2 1 1 AMOUNT_MAX; brl 2 50 1 AMOUNT_MAX;
    bsd 2 1 1 AMOUNT_MAX; bwp 2 1 1 AMOUNT_MAX; byn 2 1 1 AMOUNT_MAX; bzd 2 1 1 AMOUNT_MAX;
    cad 2 50 1 AMOUNT_MAX; cdf 2 1 1 AMOUNT_MAX; chf 2 50 1 AMOUNT_MAX; clp 0 1 1 AMOUNT_MAX;
    cny 2 1 1 AMOUNT_MAX; cop 2 1 1 9_999_999_999; crc 2 1 1 AMOUNT_MAX; cve 2 1 1 AMOUNT_MAX;
    czk 2 1_500 1 AMOUNT_MAX; djf 0 1 1 AMOUNT_MAX; dkk 2 250 1 AMOUNT_MAX; dop 2 1 1 AMOUNT_MAX;
    dzd 2 1 1 AMOUNT_MAX; egp 2 1 1 AMOUNT_MAX; etb 2 1 1 AMOUNT_MAX; eur 2 50 1 AMOUNT_MAX;
    fjd 2 1 1 AMOUNT_MAX; fkp 2 1 1 AMOUNT_MAX; gbp 2 30 1 AMOUNT_MAX; gel 2 1 1 AMOUNT_MAX;
    gip 2 1 1 AMOUNT_MAX; gmd 2 1 1 AMOUNT_MAX; gnf 0 1 1 AMOUNT_MAX; gtq 2 1 1 AMOUNT_MAX;
    gyd 2 1 1 AMOUNT_MAX; hkd 2 400 1 AMOUNT_MAX; hnl 2 1 1 AMOUNT_MAX; htg 2 1 1 AMOUNT_MAX;
    huf 2 17_500 1 9_999_999_999; idr 2 1 1 999_999_999_999; ils 2 1 1 AMOUNT_MAX; inr 2 50 1 999_999_999;
    isk 2 100 100 AMOUNT_MAX; jmd 2 1 1 AMOUNT_MAX; jod 3 10 10 AMOUNT_MAX; jpy 0 50 1 9_999_999_999;
    kes 2 1 1 AMOUNT_MAX; kgs 2 1 1 AMOUNT_MAX; khr 2 1 1 AMOUNT_MAX; kmf 0 1 1 AMOUNT_MAX;
    krw 0 1 1 AMOUNT_MAX; kwd 3 10 10 AMOUNT_MAX; kyd 2 1 1 AMOUNT_MAX; kzt 2 1 1 AMOUNT_MAX;
    lak 2 1 1 AMOUNT_MAX; lbp 2 1 1 999_999_999_999; lkr 2 1 1 AMOUNT_MAX; lrd 2 1 1 AMOUNT_MAX;
    lsl 2 1 1 AMOUNT_MAX; mad 2 1 1 AMOUNT_MAX; mdl 2 1 1 AMOUNT_MAX; mga 0 1 1 AMOUNT_MAX;
    mkd 2 1 1 AMOUNT_MAX; mmk 2 1 1 AMOUNT_MAX; mnt 2 1 1 AMOUNT_MAX; mop 2 1 1 AMOUNT_MAX;
    mur 2 1 1 AMOUNT_MAX; mvr 2 1 1 AMOUNT_MAX; mwk 2 1 1 AMOUNT_MAX; mxn 2 1_000 1 AMOUNT_MAX;
    myr 2 200 1 AMOUNT_MAX; mzn 2 1 1 AMOUNT_MAX; nad 2 1 1 AMOUNT_MAX; ngn 2 1 1 AMOUNT_MAX;
    nio 2 1 1 AMOUNT_MAX; nok 2 300 1 AMOUNT_MAX; npr 2 1 1 AMOUNT_MAX; nzd 2 50 1 AMOUNT_MAX;
    omr 3 10 10 AMOUNT_MAX; pab 2 1 1 AMOUNT_MAX; pen 2 1 1 AMOUNT_MAX; pgk 2 1 1 AMOUNT_MAX;
    php 2 1 1 AMOUNT_MAX; pkr 2 1 1 AMOUNT_MAX; pln 2 200 1 AMOUNT_MAX; pyg 0 1 1 AMOUNT_MAX;
    qar 2 1 1 AMOUNT_MAX; ron 2 200 1 AMOUNT_MAX; rsd 2 1 1 AMOUNT_MAX; rub 2 1 1 AMOUNT_MAX;
    rwf 0 1 1 AMOUNT_MAX; sar 2 1 1 AMOUNT_MAX; sbd 2 1 1 AMOUNT_MAX; scr 2 1 1 AMOUNT_MAX;
    sek 2 300 1 AMOUNT_MAX; sgd 2 50 1 AMOUNT_MAX; shp 2 1 1 AMOUNT_MAX; sle 2 1 1 AMOUNT_MAX;
    sos 2 1 1 AMOUNT_MAX; srd 2 1 1 AMOUNT_MAX; szl 2 1 1 AMOUNT_MAX; thb 2 1_000 1 AMOUNT_MAX;
    tjs 2 1 1 AMOUNT_MAX; tnd 3 10 10 AMOUNT_MAX; top 2 1 1 AMOUNT_MAX; try 2 1 1 AMOUNT_MAX;
    ttd 2 1 1 AMOUNT_MAX; twd 2 1 1 AMOUNT_MAX; tzs 2 1 1 AMOUNT_MAX; uah 2 1 1 AMOUNT_MAX;
    ugx 2 100 100 AMOUNT_MAX; usd 2 50 1 AMOUNT_MAX; uyu 2 1 1 AMOUNT_MAX; uzs 2 1 1 AMOUNT_MAX;
    vnd 0 1 1 AMOUNT_MAX; vuv 0 1 1 AMOUNT_MAX; wst 2 1 1 AMOUNT_MAX; xaf 0 1 1 AMOUNT_MAX;
    xcd 2 1 1 AMOUNT_MAX; xof 0 1 1 AMOUNT_MAX; xpf 0 1 1 AMOUNT_MAX; yer 2 1 1 AMOUNT_MAX;
    zar 2 1 1 AMOUNT_MAX; zmw 2 1 1 AMOUNT_MAX;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_amount_of_the_table_can_be_charged() {
        for Currency { code, decimals, min, max, step } in CURRENCIES {
            assert!(code.len() == 3 && code.chars().all(|letter| letter.is_ascii_lowercase()), "{code}");
            assert!(*decimals <= 3 && *min >= *step && min % step == 0 && min < max, "{code}");
        }
        assert!(CURRENCIES.is_sorted_by_key(|currency| currency.code));
    }

    /// ISO 4217 has other decimals for these: amounts of the first two are in hundredths, which are never
    /// paid, and the ariary's fifths are never used.
    const OTHER_THAN_ISO: [&str; 3] = ["isk", "mga", "ugx"];
    /// ISO 4217 has ended it.
    const ENDED: &str = "ang";

    #[test]
    fn decimals_are_those_of_iso_4217() {
        for Currency { code, decimals, .. } in CURRENCIES.iter().filter(|currency| currency.code != ENDED) {
            let known = iso_currency::Currency::from_code(&code.to_uppercase()).expect(code);
            let is_same = known.exponent() == Some(u16::from(*decimals));
            assert_eq!(is_same, !OTHER_THAN_ISO.contains(code), "{code}: {:?}", known.exponent());
        }
    }
}
