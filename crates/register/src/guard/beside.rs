//! Files that stand beside `guards.toml` and that commands write: a line that says what the file is, notes, and a line an
//! entry. It knows no entry.

/// Why such a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    pub message: String,
}

impl Fault {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// Its entries, each with the number of its line. A file of nothing has none.
pub(super) fn entries<'b>(bytes: &'b [u8], header: &str) -> Result<Vec<(usize, &'b str)>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::new(1, "it is no UTF-8"))?;
    if text.lines().next().is_some_and(|first| first != header) {
        return Err(Fault::new(1, format!("the first line is not {header}")));
    }
    let lines = text.lines().enumerate().skip(1);
    let entries = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    Ok(entries.map(|(index, line)| (index + 1, line)).collect())
}

/// A path on one line, whatever its name holds.
pub(super) fn one_line(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
