//! Opaque cursors: where a page ended, so that the next begins right behind it whatever was added since.
//!
//! One text per cursor and nothing else is accepted: a form letter with its version, lower-case hex of fixed
//! length, and a check sum that catches a text that was cut, glued or edited. It is no signature: a cursor
//! holds nothing that its bearer could not ask for anyway.

use std::fmt;
use std::str::FromStr;

use model::{IncidentId, Nanos};

/// Behind which incident the next page of a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncidentCursor {
    /// When the incident took its place in the list; that place never changes.
    pub listed_at: Nanos,
    pub id: IncidentId,
}

/// Behind which report the next page of a history begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportCursor {
    pub sequence: u64,
}

/// Behind which entry the next page of the audit begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCursor {
    pub sequence: u64,
}

/// Behind which notification the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotificationCursor {
    pub sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorError;

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cursor is not one that this list gave out")
    }
}

impl std::error::Error for CursorError {}

impl fmt::Display for IncidentCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.listed_at.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.id.0);
        write(f, "i1", &bytes)
    }
}

impl FromStr for IncidentCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes: [u8; 16] = read(text, "i1")?;
        let (mut at, mut id) = ([0; 8], [0; 8]);
        at.copy_from_slice(&bytes[..8]);
        id.copy_from_slice(&bytes[8..]);
        Ok(Self { listed_at: Nanos(u64::from_be_bytes(at)), id: IncidentId(id) })
    }
}

impl fmt::Display for ReportCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, "r1", &self.sequence.to_be_bytes())
    }
}

impl FromStr for ReportCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        read(text, "r1").map(|bytes| Self { sequence: u64::from_be_bytes(bytes) })
    }
}

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, "a2", &self.sequence.to_be_bytes())
    }
}

impl FromStr for AuditCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        read(text, "a2").map(|bytes| Self { sequence: u64::from_be_bytes(bytes) })
    }
}

impl fmt::Display for NotificationCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, "n1", &self.sequence.to_be_bytes())
    }
}

impl FromStr for NotificationCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        read(text, "n1").map(|bytes| Self { sequence: u64::from_be_bytes(bytes) })
    }
}

fn write(f: &mut fmt::Formatter<'_>, form: &str, bytes: &[u8]) -> fmt::Result {
    f.write_str(form)?;
    bytes.iter().chain(&check_sum(form, bytes)).try_for_each(|b| write!(f, "{b:02x}"))
}

fn read<const N: usize>(text: &str, form: &str) -> Result<[u8; N], CursorError> {
    let digits = text.strip_prefix(form).ok_or(CursorError)?.as_bytes();
    if digits.len() != 2 * (N + 4) {
        return Err(CursorError);
    }
    let (mut bytes, mut sum) = ([0; N], [0; 4]);
    for (byte, pair) in bytes.iter_mut().chain(&mut sum).zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    if sum == check_sum(form, &bytes) { Ok(bytes) } else { Err(CursorError) }
}

fn nibble(digit: u8) -> Result<u8, CursorError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(CursorError),
    }
}

/// FNV-1a, 32 bits.
fn check_sum(form: &str, bytes: &[u8]) -> [u8; 4] {
    form.bytes()
        .chain(bytes.iter().copied())
        .fold(0x811c_9dc5u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
        .to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> IncidentCursor {
        IncidentCursor {
            listed_at: Nanos(1_795_228_641_125_000_000),
            id: IncidentId([0, 255, 1, 2, 3, 4, 5, 6]),
        }
    }

    #[test]
    fn cursors_round_trip() {
        assert_eq!(cursor().to_string().parse(), Ok(cursor()));
        for sequence in [0, 1, 77, u64::MAX] {
            let cursor = ReportCursor { sequence };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn one_edited_digit_is_refused_wherever_it_is() {
        let text = cursor().to_string();
        for at in 0..text.len() {
            for digit in "0123456789abcdefABCDEFgi".chars() {
                let mut edited: Vec<char> = text.chars().collect();
                if edited[at] == digit {
                    continue;
                }
                edited[at] = digit;
                let edited: String = edited.into_iter().collect();
                assert_eq!(edited.parse::<IncidentCursor>(), Err(CursorError), "{edited}");
            }
        }
    }

    #[test]
    fn what_is_no_cursor_of_this_list_is_refused() {
        let own = cursor().to_string();
        let (short, long) = (own[..own.len() - 2].to_owned(), format!("{own}00"));
        let report = ReportCursor { sequence: 1 }.to_string();
        for text in
            ["", "i1", "0", "é", "i1é", &own.to_uppercase(), &short, &long, &report, &format!(" {own}")]
        {
            assert_eq!(text.parse::<IncidentCursor>(), Err(CursorError), "{text:?}");
        }
        assert_eq!(own.parse::<ReportCursor>(), Err(CursorError));
    }
}
