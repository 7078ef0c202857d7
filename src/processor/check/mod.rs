//! The conformance suite: the duties of every processor, rule by rule. A rule knows the protocol alone,
//! so an adapter in any language passes or fails by its behaviour.

mod buyer;
mod cards;
mod codes;
mod finding;
mod hidden;
mod journal;
mod keys;
mod lost;
mod money;
mod raw;
mod refusals;
mod subject;
mod voids;

use futures_util::future::BoxFuture;

pub use codes::DECLINE_CODES;
use finding::Verdict;
pub use finding::{Finding, State};
pub use subject::Sources;
use subject::Subject;

use super::Processor;

/// A rule, and the function that tries it.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// The rule, as a sentence.
    pub about: &'static str,
    check: fn(&Subject) -> BoxFuture<'_, Verdict>,
}

/// A row of the table below.
macro_rules! rule {
    ($name:literal, $check:path, $about:literal) => {
        Rule { name: $name, about: $about, check: |subject| Box::pin($check(subject)) }
    };
}

/// Every rule, in the order in which they are tried.
pub const RULES: &[Rule] = &[
    rule!("capabilities", cards::capabilities, "the capabilities can be read, and the protocol is 1"),
    rule!("secret", hidden::secret, "no secret, and a wrong one, are answered 401, and nothing is done"),
    rule!("methods", cards::methods, "a source becomes a method; an unknown one is told so"),
    rule!("echo", hidden::echo, "no answer has the number of a card in it"),
    rule!("attach", cards::attach, "a method is attached without money"),
    rule!("repeat", keys::repeat, "the same key twice is one operation, with the same answer"),
    rule!("at_once", keys::at_once, "the same key ten times at once is one operation"),
    rule!("conflict", keys::conflict, "the same key with other parameters is a conflict, and does nothing"),
    rule!("inquiry", keys::inquiry, "an inquiry tells what was answered"),
    rule!("never_seen", keys::never_seen, "an inquiry of an unknown key is answered never_seen"),
    rule!("void_unseen", voids::unseen, "a void by key refuses the late original, for ever"),
    rule!("void_held", voids::held, "a void by key releases what is held"),
    rule!("void_taken", voids::taken, "a void by key gives back what was taken"),
    rule!("void_reference", voids::by_reference, "a void by reference releases what is held"),
    rule!("capture_once", money::capture_once, "what is held is taken once, however many ask at once"),
    rule!("capture_bound", money::capture_bound, "never more is taken than is held"),
    rule!("capture_part", money::capture_part, "a capture of a part releases the rest"),
    rule!("refund_parts", money::refund_parts, "refunds in parts give back what was taken, and no more"),
    rule!("refund_once", money::refund_once, "refunds at once never give back more than was taken"),
    rule!("amounts", refusals::amounts, "an amount of 0, and a negative one, are refused"),
    rule!("malformed", refusals::malformed, "what isn't a request is refused, and nothing is done"),
    rule!("unknown", refusals::unknown, "an unknown method or reference is refused, and nothing is done"),
    rule!("off_session", buyer::off_session, "without a buyer no challenge is asked for"),
    rule!("declined", buyer::declined, "a decline has a code of the contract, and stays the same"),
    rule!("challenge", buyer::challenge, "a challenge waits for the buyer, and a void by key closes it"),
    rule!("lost_answer", lost::answer, "an operation whose answer nobody heard is found, and undone"),
    rule!("journal", journal::journal, "a journal, where there is one, has one row an operation"),
];

/// Tries every rule, one after the other, and tells each result at once. Amounts that were held or taken
/// are given back at the end.
pub async fn run(processor: &Processor, sources: Sources, mut told: impl FnMut(&Finding)) -> Vec<Finding> {
    let subject = Subject::new(processor.clone(), sources);
    let mut findings = Vec::new();
    for rule in RULES {
        let finding = Finding::of((rule.name, rule.about), (rule.check)(&subject).await);
        told(&finding);
        findings.push(finding);
    }
    subject.give_back().await;
    findings
}
