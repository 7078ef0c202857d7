use super::*;
use crate::clock::Timestamp;
use crate::domain::New;
use crate::domain::testing::nothing;

#[test]
fn a_replay_ends_once() {
    let at = Timestamp::from_millis(1_000);
    let start = Start {
        new: New { id: Id::generate(at), livemode: false },
        endpoint: Id::generate(at),
        filter: ReplayFilter { only_failed: true, ..ReplayFilter::default() },
        rate_limit: Some(5),
    };
    let begun = nothing().when(&start);
    let data = &begun.outcome.answer.data;
    assert!(data.contains(r#""only_failed":true"#) && data.contains(r#""types":null"#));
    let canceled = begun.world.when(&End { id: start.new.id, status: Status::Canceled });
    assert_eq!(canceled.types(), ["replay.canceled"]);
    let completed = canceled.world.when(&End { id: start.new.id, status: Status::Completed });
    assert_eq!(completed.types(), [""; 0], "it stays canceled");
}
