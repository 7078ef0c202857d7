//! Output of the programs: results on standard output, problems on standard error.
//!
//! A lost result is an error. The first result that can't be written is remembered, nothing follows it, and
//! [`conclude`] makes it the program's exit code. A reader that has gone (`| head -1`) is nobody's error. A
//! problem that can't be written is passed over, because no channel is left to report it.

use std::fmt::{Display, Write as _};
use std::io::{Error, ErrorKind, Write as _, stderr, stdout};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::anyhow;

/// The reason that output was lost. It is unset while none was.
static LOST: OnceLock<Error> = OnceLock::new();

/// Prints a line for people or scripts.
pub fn say(line: impl Display) {
    try_say(line);
}

/// Prints a line. Returns false once output is lost.
pub fn try_say(line: impl Display) -> bool {
    unless_lost(|| write(&format!("{}\n", harmless(&line.to_string()))))
}

/// Prints something as JSON, for machines.
pub fn say_json(shown: &(impl serde::Serialize + ?Sized)) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(shown)?;
    unless_lost(|| write(&format!("{}\n", harmless_json(&json))));
    Ok(())
}

/// Prints a text that is JSON. Returns false once output is lost.
#[must_use]
pub fn try_say_json(json: &str) -> bool {
    unless_lost(|| write(&format!("{}\n", harmless_json(json))))
}

/// Prints bytes as they are.
pub fn print(bytes: &[u8]) {
    unless_lost(|| stdout().write_all(bytes));
}

fn write(text: &str) -> std::io::Result<()> {
    stdout().write_all(text.as_bytes())
}

/// True if everything that was printed has gone out.
#[must_use]
pub fn is_heard() -> bool {
    unless_lost(|| stdout().flush())
}

/// Writes, unless something was lost before: output after a hole is of no use. Returns false once output is
/// lost.
fn unless_lost(write: impl FnOnce() -> std::io::Result<()>) -> bool {
    if LOST.get().is_some() {
        return false;
    }
    match write() {
        Ok(()) => true,
        Err(error) => {
            // Another thread may have set it at the same time.
            let _ = LOST.set(error);
            false
        }
    }
}

/// Ends the output. Lost output is an error, unless its reader has gone.
pub fn finish() -> anyhow::Result<()> {
    if is_heard() {
        return Ok(());
    }
    match LOST.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(anyhow!("can't print: {error}")),
        _ => Ok(()),
    }
}

/// Writes a line to standard error, if that can be written to.
pub fn complain(line: impl Display) {
    let line = format!("{}\n", harmless(&line.to_string()));
    // No channel is left to report a failure.
    let _ = stderr().write_all(line.as_bytes());
}

/// The exit code of a program. Writes a line to standard error for each failure: of the program's work, and
/// of its output.
#[must_use]
pub fn conclude(program: &str, worked: anyhow::Result<()>) -> ExitCode {
    let mut problems: Vec<String> = worked.err().map(|error| format!("{error:#}")).into_iter().collect();
    if let Err(lost) = finish() {
        let lost = lost.to_string();
        // The lost output may be the reason that the work failed.
        if !problems.iter().any(|problem| problem.ends_with(&lost)) {
            problems.push(lost);
        }
    }
    for problem in &problems {
        complain(format_args!("{program}: {problem}"));
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// True for characters that act on a terminal, turn the direction of text or end a line unseen.
fn acts(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A text that is harmless to a terminal, from any author. Characters that act are shown by their
/// numbers, except ends of lines and tabs.
fn harmless(text: &str) -> String {
    escaped(text, |c| acts(c) && !matches!(c, '\n' | '\t'))
}

/// The same as a part of a line, which it can't end.
#[must_use]
pub fn in_line(text: &str) -> String {
    escaped(text, acts)
}

fn escaped(text: &str, is_shown_by_number: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_shown_by_number(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON that is harmless to a terminal and means the same. Characters that act are escaped as JSON escapes
/// them. Outside of strings JSON has no such character but white space.
fn harmless_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' => shown.push(' '),
            c if acts(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Formatting into a `String` can't fail.
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_does_nothing_to_a_terminal() {
        assert_eq!(harmless("Zoë\t✔\n"), "Zoë\t✔\n");
        assert_eq!(harmless("\u{1b}]0;x\u{7}\u{9b}\u{202e}"), "\\u{1b}]0;x\\u{7}\\u{9b}\\u{202e}");
        assert_eq!(in_line("a\nb\r\u{2029}c"), "a\\u{a}b\\u{d}\\u{2029}c");
    }

    #[test]
    fn json_means_the_same_for_every_character() {
        let every: String = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect();
        for json in [serde_json::to_string(&every), serde_json::to_string_pretty(&[&every])] {
            let (json, shown) = json.map(|json| (json.clone(), harmless_json(&json))).unwrap();
            assert!(!shown.chars().any(|c| acts(c) && c != '\n'));
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&shown), value(&json));
        }
        assert_eq!(harmless_json("[\r\n\"\u{7f}\u{2068}😀\"]"), "[ \n\"\\u007f\\u2068😀\"]");
    }
}
