//! Times and durations for people.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Nanos;
use register::rca::Day;

/// In UTC. A clock that stands before 1970 is taken to stand there.
pub(crate) fn today() -> Day {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Day::of(Nanos::from_secs(since.as_secs()))
}

/// To the second. What is no time is shown as it came; whoever prints it escapes it.
pub(crate) fn to_the_second(text: &str) -> String {
    match Nanos::parse_rfc3339(text) {
        Ok(at) => Nanos::from_secs(at.as_secs()).to_rfc3339(),
        Err(_) => text.to_owned(),
    }
}

/// For an option that is a time.
pub(crate) fn instant(text: &str) -> Result<Nanos, String> {
    Nanos::parse_rfc3339(text).map_err(|_| "expected a time such as 2026-11-21T18:00:00Z".to_owned())
}

/// Three digits or so, and the unit that suits them.
pub(crate) fn duration(nanos: u64) -> String {
    let shown = |unit: f64, name: &str| {
        let value = nanos as f64 / unit;
        let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        format!("{value:.digits$} {name}")
    };
    match nanos {
        0 => "0 s".to_owned(),
        1..1_000_000 => shown(1e3, "us"),
        1_000_000..1_000_000_000 => shown(1e6, "ms"),
        _ => shown(1e9, "s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_fitting_unit() {
        for (nanos, expected) in [
            (0, "0 s"),
            (1, "0.00 us"),
            (1_500, "1.50 us"),
            (12_340_000, "12.3 ms"),
            (999_000_000, "999 ms"),
            (2_000_000_000, "2.00 s"),
            (7_200_000_000_000, "7200 s"),
        ] {
            assert_eq!(duration(nanos), expected);
        }
    }

    #[test]
    fn fractions_are_left_out_and_the_rest_stays() {
        assert_eq!(to_the_second("2026-11-21T02:37:21.125Z"), "2026-11-21T02:37:21Z");
        assert_eq!(to_the_second("yesterday"), "yesterday");
    }
}
