//! A place in a distributed trace: `traceparent` of W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::str::FromStr;

/// A place in a trace: the trace, the span that is the cause, and the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The id of the trace. Not zero.
    pub trace: u128,
    /// The id of the span. Not zero.
    pub span: u64,
    /// The flags; the lowest one says that the trace is recorded.
    pub flags: u8,
}

impl FromStr for TraceContext {
    type Err = ();

    /// Reads a header of any version. Of later versions it reads only the part that version 00 has, as the
    /// recommendation says (3.2.4).
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-');
        let version: u8 = number(parts.next(), 2)?;
        let trace = number::<u128>(parts.next(), 32)?;
        let span = number::<u64>(parts.next(), 16)?;
        let flags = number(parts.next(), 2)?;
        let is_known = version == 0 && parts.next().is_none() || (1..0xff).contains(&version);
        if is_known && trace != 0 && span != 0 { Ok(Self { trace, span, flags }) } else { Err(()) }
    }
}

/// A number of `digits` lower-case hexadecimal digits.
fn number<T: TryFrom<u128>>(part: Option<&str>, digits: usize) -> Result<T, ()> {
    let part = part.filter(|part| part.len() == digits).ok_or(())?;
    if !part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(());
    }
    let number = u128::from_str_radix(part, 16).map_err(|_| ())?;
    T::try_from(number).map_err(|_| ())
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        assert_eq!(GOOD.parse::<TraceContext>().map(|context| context.to_string()), Ok(GOOD.to_owned()));
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(later.parse::<TraceContext>().map(|context| context.to_string()), Ok(GOOD.to_owned()));
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let wrong = [
            String::new(),
            GOOD.to_uppercase(),
            format!("{GOOD}-more"),
            format!("{GOOD} "),
            GOOD.replacen("00", "ff", 1),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace("01", "1"),
            GOOD.replace("4bf", "+bf"),
        ];
        for text in wrong {
            assert_eq!(text.parse::<TraceContext>(), Err(()), "{text}");
        }
    }
}
