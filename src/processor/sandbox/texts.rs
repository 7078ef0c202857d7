//! The texts of the challenge's page, in English and German.

/// The texts of one language.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) lang: &'static str,
    pub(super) title: &'static str,
    pub(super) ask: &'static str,
    pub(super) pass: &'static str,
    pub(super) fail: &'static str,
    pub(super) hint: &'static str,
    pub(super) choose: &'static str,
    pub(super) done: &'static str,
    pub(super) declined: &'static str,
    pub(super) unknown: &'static str,
}

pub(super) const ENGLISH: Texts = Texts {
    lang: "en",
    title: "Confirm your payment",
    ask: "Your bank asks if it is you who pays.",
    pass: "Confirm",
    fail: "Refuse",
    hint: "This is a sandbox: no money moves.",
    choose: "Please choose one of the two.",
    done: "This is confirmed. You may close this page.",
    declined: "This wasn't confirmed, or your bank has declined it.",
    unknown: "There is nothing to confirm here.",
};

pub(super) const GERMAN: Texts = Texts {
    lang: "de",
    title: "Zahlung bestätigen",
    ask: "Ihre Bank fragt, ob Sie es sind, der bezahlt.",
    pass: "Bestätigen",
    fail: "Ablehnen",
    hint: "Dies ist eine Testumgebung: Es fließt kein Geld.",
    choose: "Bitte wählen Sie eines von beiden.",
    done: "Das ist bestätigt. Sie können diese Seite schließen.",
    declined: "Das wurde nicht bestätigt, oder Ihre Bank hat es abgelehnt.",
    unknown: "Hier gibt es nichts zu bestätigen.",
};

/// The texts of the language that is wanted most, of `Accept-Language`.
pub(super) fn texts(accepted: &str) -> &'static Texts {
    let mut wanted: Vec<(&str, f32)> = accepted
        .split(',')
        .map(|part| {
            let (name, weight) = part.split_once(";q=").unwrap_or((part, "1"));
            (name.trim(), weight.trim().parse().unwrap_or(0.0))
        })
        .collect();
    wanted.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let known = wanted.into_iter().find_map(|(name, _)| match name.get(..2) {
        Some("de") => Some(&GERMAN),
        Some("en") => Some(&ENGLISH),
        _ => None,
    });
    known.unwrap_or(&ENGLISH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_wanted_most_is_taken() {
        for (accepted, lang) in [
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en;q=0.8, de", "de"),
            ("fr, en;q=0.5, de;q=0.4", "en"),
            ("fr", "en"),
            ("", "en"),
            ("*;q=x", "en"),
        ] {
            assert_eq!(texts(accepted).lang, lang, "{accepted}");
        }
    }
}
