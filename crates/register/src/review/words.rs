//! The values of a record, each of which has one form and is bounded. What has another form cannot be made.

use std::fmt;

use model::Nanos;
use serde::{Deserialize, Serialize};

const TEXT_BYTES_MAX: usize = 4096;
const PROSE_BYTES_MAX: usize = 32 * 1024;
const NAME_BYTES_MAX: usize = 40;
const PATH_BYTES_MAX: usize = 500;
const NUMBER_MAX: u32 = 99_999;
/// Of two machines, by as much.
const CLOCKS_DIFFER_S: u64 = 5 * 60;

macro_rules! word {
    ($(#[$about:meta])* $name:ident, $right:literal, $holds:expr) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let holds: fn(&str) -> bool = $holds;
                if holds(&text) { Ok(Self(text)) } else { Err($right.to_owned()) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! number {
    ($(#[$about:meta])* $name:ident, $letter:literal, $right:literal) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u32);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let number = text.strip_prefix($letter).and_then(|digits| digits.parse().ok());
                let number = number.filter(|number| (1..=NUMBER_MAX).contains(number)).map(Self);
                // `F01` and `F+1` are numbers too.
                number.filter(|number| number.to_string() == text).ok_or_else(|| $right.to_owned())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(number: $name) -> Self {
                number.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $letter, self.0)
            }
        }
    };
}

word!(
    /// A commit's whole hash.
    Commit,
    "a commit is its whole hash: 40 or 64 hex digits in small letters",
    |text| matches!(text.len(), 40 | 64) && is_hex(text)
);
word!(
    /// SHA-256.
    Digest,
    "a digest is 64 hex digits in small letters",
    |text| text.len() == 64 && is_hex(text)
);
word!(
    /// Of a signer or a gate.
    Name,
    "a name has 1 to 40 small letters, digits and hyphens, and begins with a letter",
    |text| text.len() <= NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);
word!(
    /// What people say in a few lines.
    Text,
    "a text is not empty, does not begin or end with a blank, and has at most 4096 bytes",
    |text| is_text(text, TEXT_BYTES_MAX)
);
word!(
    /// What people say at length.
    Prose,
    "it is not empty, does not begin or end with a blank, and has at most 32768 bytes",
    |text| is_text(text, PROSE_BYTES_MAX)
);
word!(
    /// A file, or a folder with all that is in it, from the root of the repository; `.` is all.
    ScopePath,
    "a path goes down from the root of the repository, such as crates/api or README.md; . is all",
    |text| text == "."
        || text.len() <= PATH_BYTES_MAX
            && !text.chars().any(char::is_control)
            && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
);
number!(
    /// Findings are numbered from 1.
    FindingId,
    'F',
    "a finding is called F1, F2 and so on"
);
number!(
    /// Vetoes are numbered from 1.
    VetoId,
    'V',
    "a veto is called V1, V2 and so on"
);

/// A time, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct At(u64);

impl At {
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    pub const fn secs(self) -> u64 {
        self.0
    }

    pub const fn plus(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Beyond what clocks differ by.
    pub const fn is_ahead_of(self, now: Self) -> bool {
        self.0 > now.0.saturating_add(CLOCKS_DIFFER_S)
    }

    /// Seconds from `earlier` to here; none where it is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl TryFrom<String> for At {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let at = Nanos::parse_rfc3339(&text).ok().map(|at| Self(at.as_secs()));
        at.filter(|at| at.to_string() == text)
            .ok_or_else(|| "a time is in UTC and to the second, such as 2026-11-21T18:00:00Z".to_owned())
    }
}

impl std::str::FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl From<At> for String {
    fn from(at: At) -> Self {
        at.to_string()
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Nanos::from_secs(self.0).fmt(f)
    }
}

impl Commit {
    /// As people write it.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl ScopePath {
    pub(super) fn holds(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.as_str());
        self.as_str() == "." || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_text(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && text.trim() == text
}
