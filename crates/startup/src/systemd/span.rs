//! Lengths of time as systemd.time(7) writes them: `90`, `5min 20s`, `infinity`.

use std::time::Duration;

/// None for what is no length of time. `infinity` is `Some(None)`.
pub(super) fn span(text: &str) -> Option<Option<Duration>> {
    if text == "infinity" {
        return Some(None);
    }
    let mut rest = text.trim();
    let mut micros = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, after) = rest.split_at_checked(digits)?;
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (name, after) = after.split_at_checked(letters)?;
        micros = micros.checked_add(part(number, unit_micros(name)?)?)?;
        rest = after.trim_start();
    }
    Some(Some(Duration::from_micros(micros)))
}

/// `1.5` of a unit.
fn part(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let millionths = format!("{fraction:0<6}").get(..6)?.parse::<u64>().ok()?;
    whole.checked_add(unit.checked_mul(millionths)? / 1_000_000)
}

fn unit_micros(name: &str) -> Option<u64> {
    Some(match name {
        "us" | "usec" | "µs" | "μs" => 1,
        "ms" | "msec" => 1_000,
        "" | "s" | "sec" | "second" | "seconds" => 1_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000,
        "h" | "hr" | "hour" | "hours" => 3_600_000_000,
        "d" | "day" | "days" => 86_400_000_000,
        "w" | "week" | "weeks" => 604_800_000_000,
        "M" | "month" | "months" => 2_629_800_000_000,
        "y" | "year" | "years" => 31_557_600_000_000,
        _ => return None,
    })
}
