//! Groups in memory.

use super::*;

/// Events of one group, each of an object of its own, at these positions.
fn group(positions: std::ops::RangeInclusive<i64>, endpoints: &[&str]) -> Vec<Fresh> {
    let first = *positions.start();
    let of_group = |position: i64| Fresh {
        order: order(&format!("cus_{position}"), Some("evt_group")),
        group_before: (first..position).collect(),
        ..fresh(position, endpoints)
    };
    positions.map(of_group).collect()
}

#[tokio::test]
async fn a_group_goes_one_after_the_other_where_order_is_asked_for() {
    let (mut flight, now) = (flight(), Instant::now());
    for fresh in group(1..=3, &["ordered"]) {
        admit(&mut flight, fresh, now);
    }
    for position in 1..=3 {
        let job = first(&mut flight).expect("the next");
        assert_eq!(job.key.event.position, position);
        assert!(first(&mut flight).is_none(), "the others stand behind it");
        flight.attempted(&job, answered(None), landing(true, now));
    }
    assert_eq!(flight.settlement.deliveries().count(), 0, "none needed a row");
}

#[tokio::test]
async fn a_job_goes_once_it_is_the_first_of_its_object_and_of_its_group() {
    let (mut flight, now) = (flight(), Instant::now());
    let lone = Fresh { order: order("cus_3", None), ..fresh(1, &["ordered"]) };
    admit(&mut flight, lone, now);
    for fresh in group(2..=3, &["ordered"]) {
        admit(&mut flight, fresh, now);
    }
    let later = Fresh { order: order("cus_3", None), ..fresh(4, &["ordered"]) };
    admit(&mut flight, later, now);
    let heads: Vec<Job> = std::iter::from_fn(|| first(&mut flight)).collect();
    assert_eq!(heads.iter().map(|job| job.key.event.position).collect::<Vec<_>>(), [1, 2]);
    flight.attempted(&heads[0], answered(None), landing(true, now));
    assert_eq!(positions(&mut flight), [0; 0], "it still stands behind its group");
    flight.attempted(&heads[1], answered(None), landing(true, now));
    let third = first(&mut flight).expect("the last of the group");
    assert_eq!(third.key.event.position, 3);
    assert_eq!(positions(&mut flight), [0; 0]);
    flight.attempted(&third, answered(None), landing(true, now));
    assert_eq!(positions(&mut flight), [4]);
}

#[tokio::test]
async fn what_stands_behind_a_failed_group_gets_rows_in_all_its_lines() {
    let (mut flight, now) = (flight(), Instant::now());
    for fresh in group(1..=3, &["ordered"]) {
        admit(&mut flight, fresh, now);
    }
    // It stands behind the third, by its object.
    admit(&mut flight, Fresh { order: order("cus_3", None), ..fresh(4, &["ordered"]) }, now);
    let head = first(&mut flight).expect("the head");
    flight.attempted(&head, answered(Some("status")), landing(true, now));
    assert_eq!(flight.settlement.deliveries().count(), 4);
    assert_eq!(positions(&mut flight), [0; 0]);
}

#[tokio::test]
async fn an_event_whose_group_is_elsewhere_gets_a_row_where_order_is_asked_for() {
    let (mut flight, now) = (flight(), Instant::now());
    let later = group(1..=3, &["ordered", "free"]).split_off(1);
    for fresh in later {
        admit(&mut flight, fresh, now);
    }
    let jobs: Vec<Job> = std::iter::from_fn(|| first(&mut flight)).collect();
    assert!(jobs.len() == 2 && jobs.iter().all(|job| job.key.endpoint == "free"));
    let rows: Vec<i64> = flight.settlement.deliveries().map(|key| key.event.position).collect();
    assert_eq!(rows, [2, 3]);
    assert!(flight.settlement.has_moved_line(), "they are looked at once they are written");
}

#[tokio::test]
async fn a_row_that_waits_for_its_group_is_not_sent() {
    let (mut flight, now) = (flight(), Instant::now());
    let waits = Due { group_wait: Some(Duration::from_millis(100)), ..due(2, "ordered") };
    flight.admit_due(waits, (ReadFor::Schedule, 1), now);
    assert!(retry(&mut flight).is_none());
    let states: Vec<DeliveryState> = flight.settlement.states().collect();
    assert_eq!(states, [DeliveryState::BehindGroup(Duration::from_millis(100))]);
}
