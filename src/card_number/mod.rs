//! Card numbers in texts where they have no business.
//!
//! A number is a whole token of 13 to 19 digits with single blanks or hyphens between. It begins as the
//! numbers of a card network do, has one of that network's lengths, and its last digit is the check digit of
//! the others. No ASCII letter, digit or hyphen stands directly beside a token, so that UUIDs, ULIDs and
//! hashes hold none. A blank may stand there: a number is often followed by its date.
//!
//! Digits of any script count, as keyboards and copied pages have them. So do the blanks and hyphens of
//! typography.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The fewest and the most digits of a number.
const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;
/// The smallest whole number with so many digits.
const SMALLEST: i64 = 1_000_000_000_000;
/// The digits that tell a network.
const BEGINNING: usize = 6;

/// The zeros of the decimal digits beyond ASCII, in order. The nine others follow each.
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x1D7CE, 0x1D7D8,
    0x1D7E2, 0x1D7EC, 0x1D7F6,
];

/// The treatment of card numbers where they have no business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardNumbers {
    /// A text that holds one is refused.
    Refused,
    /// They are texts like any other, for ids that look like numbers.
    Allowed,
}

impl CardNumbers {
    /// True if this text has to be refused.
    #[must_use]
    pub fn refuse(self, text: &str) -> bool {
        self == Self::Refused && is_in(text)
    }

    /// The same for text as it is sent: percent-encoded, with `+` for a blank, or with the escapes of JSON.
    #[must_use]
    pub fn refuse_sent(self, bytes: &[u8]) -> bool {
        self == Self::Refused && has_enough(bytes) && is_in(&plain(bytes))
    }

    /// True if this whole number has to be refused.
    #[must_use]
    pub fn refuse_integer(self, number: i64) -> bool {
        self == Self::Refused && number >= SMALLEST && is_in(&number.to_string())
    }
}

/// True if a text holds the number of a card.
#[must_use]
pub fn is_in(text: &str) -> bool {
    let mut before = None;
    has_run(text.as_bytes())
        && text.char_indices().any(|(at, c)| {
            let begins = digit(c).is_some() && !before.map(Kind::of).is_some_and(Kind::joins);
            // A number with a country code has 13 digits in some countries, and begins with 4 there.
            let is_dialled = before == Some('+');
            before = Some(c);
            begins && begins_with_one(text.get(at..).unwrap_or_default(), is_dialled)
        })
}

/// True if there are as many digits as a number has, perhaps not in one run. A digit that is encoded is
/// spelled with one of ASCII.
fn has_enough(bytes: &[u8]) -> bool {
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit() || **byte >= 0xC0);
    digits.take(DIGITS_MIN).count() == DIGITS_MIN
}

/// True if there is a run of as many digits as a number has. A byte beyond ASCII may be of a digit or a
/// blank. Nearly every text ends here, after one look at its bytes.
fn has_run(bytes: &[u8]) -> bool {
    let mut count = 0;
    bytes.iter().any(|byte| {
        match byte {
            b'0'..=b'9' | 0xC0.. => count += 1,
            b' ' | b'-' | 0x80..=0xBF => {}
            _ => count = 0,
        }
        count >= DIGITS_MIN
    })
}

/// The text without the encodings of forms, URLs and JSON.
fn plain(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains(['%', '+', '\\']) {
        return text;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8_lossy();
    let mut parts = decoded.split("\\u");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escaped =
            part.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        match escaped {
            Some(c) => {
                plain.push(c);
                plain.push_str(part.get(4..).unwrap_or_default());
            }
            None => plain.push_str(part),
        }
    }
    Cow::Owned(plain)
}

/// A character, as far as it matters to tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    /// A hyphen. It joins the characters on both sides.
    Hyphen,
    /// A blank, a dash, or an invisible character. It may stand between digits, and it may end a token.
    Blank,
    Letter,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            '0'..='9' => Self::Digit,
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '-' | '\u{2010}' | '\u{2011}' => Self::Hyphen,
            ' '
            | '\u{A0}'
            | '\u{AD}'
            | '\u{2002}'..='\u{200D}'
            | '\u{2012}'..='\u{2015}'
            | '\u{202F}'
            | '\u{205F}'
            | '\u{2060}'
            | '\u{2212}'
            | '\u{3000}'
            | '\u{FEFF}' => Self::Blank,
            _ if digit(c).is_some() => Self::Digit,
            _ => Self::Other,
        }
    }

    /// True for a character that is a part of the token beside it.
    const fn joins(self) -> bool {
        matches!(self, Self::Digit | Self::Hyphen | Self::Letter)
    }
}

/// The value of a decimal digit of any script.
fn digit(c: char) -> Option<u64> {
    if c.is_ascii() {
        return c.to_digit(10).map(u64::from);
    }
    let code = u32::from(c);
    let at = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let value = code.checked_sub(*ZEROS.get(at)?)?;
    (value < 10).then(|| u64::from(value))
}

/// Digits, one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct Digits {
    count: usize,
    /// The first six.
    beginning: u64,
    /// The sums of the check digit's rule, in which the odd ones and the even ones are doubled.
    sums: (u64, u64),
}

impl Digits {
    fn add(&mut self, digit: u64) {
        let doubled = digit * 2 / 10 + digit * 2 % 10;
        if self.count < BEGINNING {
            self.beginning = self.beginning * 10 + digit;
        }
        self.count += 1;
        let (odd, even) = self.sums;
        self.sums =
            if self.count % 2 == 1 { (odd + doubled, even + digit) } else { (odd + digit, even + doubled) };
    }

    /// True for the number of a card: a network's, with a right check digit.
    fn are_number(self) -> bool {
        (DIGITS_MIN..=DIGITS_MAX).contains(&self.count) && self.pass_luhn() && self.are_of_network()
    }

    /// True if the last digit is the check digit of the others (ISO/IEC 7812-1, annex B). Every second one is
    /// doubled, beginning with the one before the last.
    const fn pass_luhn(self) -> bool {
        let (odd, even) = self.sums;
        (if self.count.is_multiple_of(2) { odd } else { even }).is_multiple_of(10)
    }

    /// True if a network's numbers begin like this and have so many digits.
    fn are_of_network(self) -> bool {
        let count = self.count;
        match self.beginning {
            // Visa.
            400_000..=499_999 => [13, 16, 19].contains(&count),
            // Mastercard.
            510_000..=559_999 | 222_100..=272_099 => count == 16,
            // American Express.
            340_000..=349_999 | 370_000..=379_999 => count == 15,
            // Diners Club.
            300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => count >= 14,
            // Discover, JCB, UnionPay.
            601_100..=601_199 | 644_000..=659_999 | 352_800..=358_999 | 620_000..=629_999 => count >= 16,
            // Maestro.
            501_800..=501_899
            | 502_000..=502_099
            | 503_800..=503_899
            | 589_300..=589_399
            | 630_400..=630_499
            | 675_900..=675_999
            | 676_100..=676_399 => true,
            _ => false,
        }
    }
}

/// True if a text begins with the number of a card that ends where a token ends.
fn begins_with_one(text: &str, is_dialled: bool) -> bool {
    let mut chars = text.chars().peekable();
    let mut digits = Digits::default();
    while digits.count < DIGITS_MAX {
        let Some(digit) = chars.next().and_then(digit) else { return false };
        digits.add(digit);
        let is_one = || digits.are_number() && !(is_dialled && digits.count == DIGITS_MIN);
        match chars.peek().copied().map(Kind::of) {
            Some(Kind::Digit) => {}
            Some(Kind::Letter) => return false,
            Some(Kind::Blank) if is_one() => return true,
            Some(Kind::Blank | Kind::Hyphen) => drop(chars.next()),
            Some(Kind::Other) | None => return is_one(),
        }
    }
    false
}

#[cfg(test)]
mod tests;
