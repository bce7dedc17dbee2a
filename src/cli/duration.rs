//! Durations as options have them.

use std::time::Duration;

/// The longest duration that anybody means; clocks cannot tell of arbitrarily distant times.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Reads `300`, `90s`, `5m`, `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let length = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let span: jiff::SignedDuration =
                text.parse().map_err(|_| "write a number of seconds, or 90s, 5m, 1h".to_owned())?;
            Duration::try_from(span).map_err(|_| "a duration cannot be negative".to_owned())?
        }
    };
    match length <= LONGEST {
        true => Ok(length),
        false => Err("the longest is 10 years".to_owned()),
    }
}

/// One that is not 0.
pub(super) fn positive(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_nanos(1), text)
}

/// A pass costs calls, and none is worth making before the last one can have changed anything.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_secs(1), text)
}

/// Files are looked at as often as nobody notices.
pub(super) fn poll_interval(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_millis(100), text)
}

fn at_least(least: Duration, text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("0 would mean: as often as possible".to_owned()),
        length if length < least => Err(format!("the shortest is {least:?}")),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_bounded_where_nothing_and_eternity_would_do_harm() {
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(interval("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(poll_interval("100ms"), Ok(Duration::from_millis(100)));
        for text in ["0", "0s", "0ms", "-1s", "10ms", "999ms"] {
            assert!(interval(text).is_err(), "{text}");
        }
        assert!(poll_interval("99ms").is_err() && poll_interval("0").is_err());
        assert!(positive("0s").is_err());
        for text in ["18446744073709551615", "11y", "100000h", "soon", "", "1 s s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
