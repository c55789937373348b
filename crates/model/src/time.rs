//! Time as data: nanoseconds since the Unix epoch, written as RFC 3339 in UTC. Knows no clock and no zone.

use std::fmt;

use serde::{Deserialize, Serialize};

pub const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: i64 = 86_400;

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseTimeError {
    pub text: String,
}

impl fmt::Display for ParseTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an RFC 3339 time such as 2026-01-31T12:00:00Z", self.text)
    }
}

impl std::error::Error for ParseTimeError {}

impl Nanos {
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(SECOND_NS))
    }

    pub const fn as_secs(self) -> u64 {
        self.0 / SECOND_NS
    }

    pub const fn saturating_add(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    pub const fn saturating_sub(self, nanos: u64) -> Self {
        Self(self.0.saturating_sub(nanos))
    }

    /// Nanoseconds from `earlier` to `self`, zero where `earlier` is later.
    pub const fn since(self, earlier: Nanos) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC; the fraction is left out when it is zero and else has 3, 6 or 9 digits.
    pub fn to_rfc3339(self) -> String {
        let (secs, nanos) = ((self.0 / SECOND_NS) as i64, self.0 % SECOND_NS);
        let (days, in_day) = (secs.div_euclid(DAY_S), secs.rem_euclid(DAY_S));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
        let fraction = match nanos {
            0 => String::new(),
            n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
            n if n % 1_000 == 0 => format!(".{:06}", n / 1_000),
            n => format!(".{n:09}"),
        };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }

    /// Reads RFC 3339 with `Z` or a numeric offset. Years 1970 to 2553 fit.
    pub fn parse_rfc3339(text: &str) -> Result<Self, ParseTimeError> {
        parse(text).ok_or_else(|| ParseTimeError { text: text.chars().take(64).collect() })
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

fn parse(text: &str) -> Option<Nanos> {
    let b = text.as_bytes();
    let separators_hold = b.len() >= 20
        && b[4] == b'-'
        && b[7] == b'-'
        && matches!(b[10], b'T' | b't' | b' ')
        && b[13] == b':'
        && b[16] == b':';
    if !separators_hold {
        return None;
    }
    let (year, month, day) = (digits(&b[0..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
    let in_range = (1..=12).contains(&month) && day >= 1 && hour <= 23 && minute <= 59 && second <= 60;
    if !in_range || day > days_in_month(year, month) {
        return None;
    }
    let (nanos, rest) = fraction(&b[19..])?;
    let offset_s = offset(rest)?;
    let secs = days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset_s;
    let secs = u64::try_from(secs).ok()?;
    secs.checked_mul(SECOND_NS)?.checked_add(nanos).map(Nanos)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// A fraction of a second, if one stands first: its nanoseconds (further digits are cut) and what follows.
fn fraction(bytes: &[u8]) -> Option<(u64, &[u8])> {
    if bytes.first() != Some(&b'.') {
        return Some((0, bytes));
    }
    let count = bytes[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let nanos = (0..9).fold(0u64, |n, i| n * 10 + if i < count { u64::from(bytes[1 + i] - b'0') } else { 0 });
    Some((nanos, &bytes[1 + count..]))
}

fn offset(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let size = hours * 3600 + minutes * 60;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'+' { size } else { -size })
        }
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days before the first of January of `year`, counted from 1970.
fn days_before_year(year: i64) -> i64 {
    let y = year - 1;
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) - 719_162
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    days_before_year(year) + (1..month).map(|m| days_in_month(year, m)).sum::<i64>() + day - 1
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days / 366;
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - days_before_year(year);
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str, secs: u64) {
        let time = Nanos::parse_rfc3339(text).unwrap();
        assert_eq!(time.as_secs(), secs, "{text}");
        assert_eq!(time.to_rfc3339(), text);
    }

    #[test]
    fn known_instants_round_trip() {
        round_trip("1970-01-01T00:00:00Z", 0);
        round_trip("2000-02-29T23:59:59Z", 951_868_799);
        round_trip("2023-01-29T08:43:04Z", 1_674_981_784);
        round_trip("2026-11-21T02:37:21.125Z", 1_795_228_641);
        round_trip("2100-03-01T00:00:00Z", 4_107_542_400);
        round_trip("2400-12-31T00:00:00.000000001Z", 13_601_001_600);
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for day in 0..200_000u64 {
            let time = Nanos::from_secs(day * 86_400 + 3_661);
            assert_eq!(Nanos::parse_rfc3339(&time.to_rfc3339()), Ok(time));
        }
    }

    #[test]
    fn offsets_are_taken_off() {
        let utc = Nanos::parse_rfc3339("2026-06-01T12:00:00Z").unwrap();
        assert_eq!(Nanos::parse_rfc3339("2026-06-01T14:30:00+02:30"), Ok(utc));
        assert_eq!(Nanos::parse_rfc3339("2026-06-01t07:00:00-05:00"), Ok(utc));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+2:00",
            "1969-12-31T23:59:59Z",
            "9999-01-01T00:00:00Z",
            "2026-01-01T00:00:00Zé",
            "é026-01-01T00:00:00Z",
        ] {
            assert!(Nanos::parse_rfc3339(text).is_err(), "{text:?}");
        }
    }
}
