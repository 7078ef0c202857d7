//! The times of retries: deliveries by a schedule, connections by a growing delay.
//!
//! The `backoff` crate is unmaintained (RUSTSEC-2025-0012). Only this file names it, so that a swap is one
//! file (docs/decisions/0004).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use backoff::backoff::Backoff as _;

/// The delays between the attempts of one delivery. `n` delays allow `n + 1` attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// The reason that a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryScheduleError {
    /// One of its parts is no duration.
    #[error("'{0}' is not a duration such as 5s, 30m or 2h")]
    NotADuration(String),
    /// A delay is too short or too long.
    #[error("a delay of {0} is not between 100ms and 7days")]
    OutOfRange(String),
    /// There are more delays than anyone needs.
    #[error("{0} delays are more than the 32 allowed")]
    TooMany(usize),
}

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

impl Default for RetrySchedule {
    /// The schedule that Standard Webhooks advises: ten attempts over a little more than three days.
    fn default() -> Self {
        let delays = [
            5 * SECOND,
            5 * MINUTE,
            30 * MINUTE,
            2 * HOUR,
            5 * HOUR,
            10 * HOUR,
            14 * HOUR,
            20 * HOUR,
            24 * HOUR,
        ];
        Self(delays.map(Duration::from_secs).to_vec())
    }
}

impl FromStr for RetrySchedule {
    type Err = RetryScheduleError;

    fn from_str(text: &str) -> Result<Self, RetryScheduleError> {
        let allowed = Duration::from_millis(100)..=Duration::from_secs(7 * 24 * HOUR);
        let parse = |part: &str| {
            let delay = humantime::parse_duration(part.trim())
                .map_err(|_| RetryScheduleError::NotADuration(part.trim().to_owned()))?;
            if !allowed.contains(&delay) {
                return Err(RetryScheduleError::OutOfRange(humantime::format_duration(delay).to_string()));
            }
            Ok(delay)
        };
        let delays = text.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
        if delays.len() > 32 {
            return Err(RetryScheduleError::TooMany(delays.len()));
        }
        Ok(Self(delays))
    }
}

impl fmt::Display for RetrySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, delay) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", humantime::format_duration(*delay).to_string().replace(' ', ""))?;
        }
        Ok(())
    }
}

impl RetrySchedule {
    /// The delay after that many failed attempts; `None` after the last one. `jitter` (0 to 1) places the
    /// delay in the band of ±20 % around the schedule's, so that deliveries that failed together don't
    /// return together.
    #[must_use]
    pub fn delay_after(&self, attempts: u32, jitter: f64) -> Option<Duration> {
        let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
        self.0.get(index).map(|delay| delay.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0)))
    }
}

/// The longest that a receiver may put an attempt off by `Retry-After`.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * HOUR);

/// The longest time that an attempt can be put off: the schedule's longest delay with its jitter, or the
/// longest `Retry-After`, and an hour for the deliveries that stand in line behind it.
#[must_use]
pub fn longest_delay(schedule: &RetrySchedule) -> Duration {
    let scheduled = schedule.0.iter().max().map_or(Duration::ZERO, |delay| delay.mul_f64(1.2));
    scheduled.max(RETRY_AFTER_MAX) + Duration::from_hours(1)
}

/// The longer of the schedule's delay and the receiver's `Retry-After`.
#[must_use]
pub fn at_least(delay: Duration, retry_after: Option<Duration>) -> Duration {
    delay.max(retry_after.unwrap_or_default())
}

/// The delay that a `Retry-After` header asks for (RFC 9110, 10.2.3): seconds, or the time until a date. It
/// is a day at the most.
#[must_use]
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let asked = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(asked.min(RETRY_AFTER_MAX))
}

/// A random place within the band of [`RetrySchedule::delay_after`].
#[must_use]
pub fn jitter() -> f64 {
    rand::random()
}

/// Growing delays for a connection that has to come back: 50 ms, doubling, at most 2 s, ±50 %, for ever.
pub struct Reconnect(backoff::ExponentialBackoff);

impl Default for Reconnect {
    fn default() -> Self {
        Self(backoff::ExponentialBackoff {
            current_interval: Duration::from_millis(50),
            initial_interval: Duration::from_millis(50),
            multiplier: 2.0,
            max_interval: Duration::from_secs(2),
            max_elapsed_time: None,
            ..backoff::ExponentialBackoff::default()
        })
    }
}

impl Reconnect {
    /// The delay before the next try.
    pub fn next_delay(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.0.max_interval)
    }

    /// The connection is up: the next failure starts from the shortest delay again.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delay_stays_within_a_fifth_of_the_schedule(attempts in 0_u32..20, jitter in -1.0_f64..2.0) {
            let schedule = RetrySchedule::default();
            match schedule.delay_after(attempts, jitter) {
                None => prop_assert!(attempts == 0 || attempts > 9),
                Some(delay) => {
                    let base = schedule.0[usize::try_from(attempts).expect("small") - 1];
                    prop_assert!(delay >= base.mul_f64(0.799) && delay <= base.mul_f64(1.201));
                }
            }
        }

        #[test]
        fn a_schedule_reads_back_as_itself(delays in prop::collection::vec(100_u64..1_000_000, 1..32)) {
            let schedule = RetrySchedule(delays.into_iter().map(Duration::from_millis).collect());
            prop_assert_eq!(schedule.to_string().parse(), Ok(schedule));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<RetrySchedule>();
        }
    }

    #[test]
    fn the_default_is_the_standard_webhooks_schedule_over_three_days() {
        assert_eq!(RetrySchedule::default().to_string(), "5s,5m,30m,2h,5h,10h,14h,20h,1day");
        assert!(RetrySchedule::default().0.iter().sum::<Duration>() > Duration::from_secs(3 * 24 * HOUR));
    }

    #[test]
    fn no_delay_is_longer_than_the_longest() {
        for schedule in
            ["1s", "3h,7days", "7days,1s"].map(|text| text.parse::<RetrySchedule>().expect("a schedule"))
        {
            let longest = longest_delay(&schedule);
            for attempts in 1..=2 {
                let delay = schedule.delay_after(attempts, 1.0).unwrap_or_default();
                assert!(at_least(delay, Some(RETRY_AFTER_MAX)) < longest, "{schedule}");
            }
            assert!(longest < Duration::from_hours(24 * 9), "{schedule}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_up_to_a_day() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let parse = |value| parse_retry_after(value, now).map(|wait| wait.as_secs());
        assert_eq!(parse("120"), Some(120));
        assert_eq!(parse("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
        assert_eq!(parse("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "a date that is past");
        for value in ["", "soon", "-5", "1.5", "99999999999999999999"] {
            assert_eq!(parse(value), None, "{value}");
        }
        let minute = Duration::from_mins(1);
        assert_eq!(at_least(minute, None), minute);
        assert_eq!(at_least(minute, Some(Duration::from_secs(5))), minute);
        assert_eq!(at_least(minute, Some(minute * 2)), minute * 2);
        for value in ["86401", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(parse(value), Some(RETRY_AFTER_MAX.as_secs()), "{value}");
        }
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        let message = |text: &str| text.parse::<RetrySchedule>().unwrap_err().to_string();
        assert_eq!(message("1s,soon"), "'soon' is not a duration such as 5s, 30m or 2h");
        assert_eq!(message("1ms"), "a delay of 1ms is not between 100ms and 7days");
        assert_eq!(message(""), "'' is not a duration such as 5s, 30m or 2h");
        assert_eq!(message(&vec!["1s"; 33].join(",")), "33 delays are more than the 32 allowed");
    }

    #[test]
    fn reconnecting_grows_to_two_seconds_and_starts_again() {
        let mut reconnect = Reconnect::default();
        let longest = (0..50).map(|_| reconnect.next_delay()).max().expect("50 of them");
        assert!(longest > Duration::from_secs(1) && longest <= Duration::from_secs(3));
        reconnect.reset();
        assert!(reconnect.next_delay() <= Duration::from_millis(75));
    }
}
