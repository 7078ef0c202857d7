use super::*;
use crate::clock::Timestamp;
use crate::contract::EventType;
use crate::domain::{Snapshot, Verdict, decide};

#[test]
fn a_replay_ends_once() {
    let at = Timestamp::from_millis(1_000);
    let start = Start {
        id: Id::generate(at),
        livemode: false,
        endpoint: Id::generate(at),
        filter: ReplayFilter { only_failed: true, ..ReplayFilter::default() },
        rate_limit: Some(5),
    };
    let Ok(Verdict::Append(begun)) = decide(&start, None) else { panic!("it begins") };
    assert!(begun.data.contains(r#""only_failed":true"#) && begun.data.contains(r#""types":null"#));
    let now = Snapshot { version: begun.version, data: begun.data };
    let cancel = End { id: start.id, status: Status::Canceled };
    let Ok(Verdict::Append(canceled)) = decide(&cancel, Some(now)) else { panic!("it ends") };
    assert_eq!(canceled.event_type, EventType::ReplayCanceled);
    let ended = Snapshot { version: canceled.version, data: canceled.data };
    let complete = End { id: start.id, status: Status::Completed };
    assert!(matches!(decide(&complete, Some(ended)), Ok(Verdict::Unchanged(_))));
}
