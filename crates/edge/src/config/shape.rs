//! The shapes that values have: what each is called, what it is expected to be, and its bounds. It must never hold a
//! value that was said: what is wrong with one is told by what would be right.

use std::time::Duration;

use runtime::config::value;

/// What a value looks like. Bounds belong to it, so that help, errors and the reader cannot disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `host:port`.
    Address,
    File,
    /// Of log lines.
    Filter,
    Flag,
    /// The digests of one key, so that it can be changed for another.
    Hashes,
    /// A table of names and values, which may be put together from variables and files.
    Headers,
    /// Stands in metrics, logs and paths.
    Name,
    /// Of pages in browsers.
    Origins,
    /// Of a request, from its slash on.
    Path,
    /// A text that nobody may read; may be put together from variables and files.
    Secret,
    /// May be put together from variables and files.
    Url(Schemes),
    Word(&'static [&'static str]),
    Count {
        min: u64,
        max: u64,
    },
    /// In milliseconds.
    Duration {
        min: u64,
        max: u64,
    },
    /// In bytes.
    Size {
        min: u64,
        max: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schemes {
    Http,
    WebSocket,
}

impl Schemes {
    pub fn known(self) -> [&'static str; 2] {
        match self {
            Self::Http => ["http", "https"],
            Self::WebSocket => ["ws", "wss"],
        }
    }

    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Http => "http://127.0.0.1:8545",
            Self::WebSocket => "ws://127.0.0.1:8546",
        }
    }
}

impl Shape {
    /// As help and the reference page call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "ADDRESS",
            Self::File => "FILE",
            Self::Filter => "FILTER",
            Self::Flag => "FLAG",
            Self::Hashes => "HASHES",
            Self::Headers => "HEADERS",
            Self::Name => "NAME",
            Self::Origins => "ORIGINS",
            Self::Path => "PATH",
            Self::Secret => "SECRET",
            Self::Url(_) => "URL",
            Self::Word(_) => "WORD",
            Self::Count { .. } => "COUNT",
            Self::Duration { .. } => "DURATION",
            Self::Size { .. } => "SIZE",
        }
    }

    /// What would be right: it follows the word "expected".
    pub fn expected(self) -> String {
        match self {
            Self::Address => "an address such as 127.0.0.1:8545".to_owned(),
            Self::File => "the path of a file".to_owned(),
            Self::Filter => "a log filter such as info or edge=debug,warn".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Hashes => {
                "the SHA-256 of a key as 64 hexadecimal digits, or a list of up to 8 such".to_owned()
            }
            Self::Headers => r#"a table such as { "x-api-key" = "${API_KEY}" }"#.to_owned(),
            Self::Name => "a name of 1 to 64 of a-z A-Z 0-9 - _ .".to_owned(),
            Self::Origins => {
                r#"sites as browsers name them, such as ["https://app.example"], or "*" for all"#.to_owned()
            }
            Self::Path => "a path such as /health".to_owned(),
            Self::Secret => "a text such as \"${NAME}\"".to_owned(),
            Self::Url(schemes) => format!("a URL such as {}", schemes.example()),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Count { .. } | Self::Duration { .. } | Self::Size { .. } => {
                format!("{}, from {}", self.looks(), self.range())
            }
        }
    }

    /// The same without the bounds of one setting.
    pub(super) fn looks(self) -> String {
        match self {
            Self::Word(_) => "one of a few words".to_owned(),
            Self::Url(_) => "a URL such as http://127.0.0.1:8545 or ws://127.0.0.1:8546".to_owned(),
            Self::Count { .. } => "a whole number".to_owned(),
            Self::Duration { .. } => "a duration such as 250ms, 10s or 5m".to_owned(),
            Self::Size { .. } => "a size such as 65536, 512KiB or 16MiB".to_owned(),
            shape => shape.expected(),
        }
    }

    /// Its bounds as people write them; empty where it has none.
    pub fn range(self) -> String {
        match self {
            Self::Count { min, max } => format!("{min} to {max}"),
            Self::Duration { min, max } => format!("{} to {}", duration_text(min), duration_text(max)),
            Self::Size { min, max } => format!("{} to {}", size_text(min), size_text(max)),
            Self::Word(words) => words.join(", "),
            _ => String::new(),
        }
    }

    /// Whether variables and files may be put into it.
    pub fn expands(self) -> bool {
        matches!(self, Self::Headers | Self::Secret | Self::Url(_))
    }

    pub(super) fn count(self, text: &str) -> Option<u64> {
        let Self::Count { min, max } = self else { return None };
        value::count(min, max)(text).ok()
    }

    pub(super) fn duration(self, text: &str) -> Option<Duration> {
        let Self::Duration { min, max } = self else { return None };
        let read = value::duration(text).ok()?;
        (Duration::from_millis(min)..=Duration::from_millis(max)).contains(&read).then_some(read)
    }

    pub(super) fn size(self, text: &str) -> Option<u64> {
        let Self::Size { min, max } = self else { return None };
        value::bytes(text).ok().filter(|bytes| (min..=max).contains(bytes))
    }

    pub(super) fn word(self, text: &str) -> Option<&'static str> {
        let Self::Word(words) = self else { return None };
        words.iter().copied().find(|word| *word == text)
    }

    pub(super) fn flag(self, text: &str) -> Option<bool> {
        match (self, text) {
            (Self::Flag, "true") => Some(true),
            (Self::Flag, "false") => Some(false),
            _ => None,
        }
    }
}

/// In the largest unit that gives a whole number, as it is written in the file.
pub fn duration_text(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.into_iter().find(|(unit_ms, _)| ms != 0 && ms.is_multiple_of(*unit_ms)) {
        Some((unit_ms, unit)) => format!("{}{unit}", ms / unit_ms),
        None if ms == 0 => "0s".to_owned(),
        None => format!("{ms}ms"),
    }
}

/// The same for sizes.
pub fn size_text(bytes: u64) -> String {
    match value::size_text(bytes).split_once(' ') {
        Some((count, "bytes")) => count.to_owned(),
        Some((count, unit)) => format!("{count}{unit}"),
        None => bytes.to_string(),
    }
}
