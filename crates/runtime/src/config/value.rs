//! How values are written: durations, sizes, addresses, counts. Each reader says what would be right.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// `250ms`, `1s`, `5m`, `2h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration such as 250ms, 1s, 5m, 2h or 7d");
    let (digits, unit) = split_unit(text);
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    count.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// `4096`, `512KiB`, `16MiB`, `2GiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size such as 65536, 512KiB, 16MiB or 2GiB");
    let (digits, unit) = split_unit(text);
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err(wrong()),
    };
    count.checked_mul(1 << shift).ok_or_else(wrong)
}

/// A size as people read it: in the largest unit that gives a whole number, as in `16 MiB`.
pub fn size_text(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes != 0 && bytes.trailing_zeros() >= *shift) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// A whole number in a range.
pub fn count(min: u64, max: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| match text.parse() {
        Ok(count) if (min..=max).contains(&count) => Ok(count),
        _ => Err(format!("{text:?} is not a whole number from {min} to {max}")),
    }
}

/// Another reader's value, if it lies in a range.
pub fn within<T: PartialOrd + Copy>(
    read: impl Fn(&str) -> Result<T, String>,
    min: T,
    max: T,
    range: &'static str,
) -> impl Fn(&str) -> Result<T, String> {
    move |text| match read(text)? {
        value if value >= min && value <= max => Ok(value),
        _ => Err(format!("{text:?} is out of range: {range}")),
    }
}

/// `host:port`; the port may be 0, which means any free one.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("{text:?} is not an address such as 127.0.0.1:7420");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // Only this one name is looked up: a start must not hang on a name server.
    let port = text.strip_prefix("localhost:").ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    ("localhost", port).to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or_else(wrong)
}

pub fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("a path must not be empty".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// One of a few words.
pub fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            Err(format!("{text:?} is none of {}", known.join(", ")))
        }
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}
