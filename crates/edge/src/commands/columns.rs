//! Columns for people, aligned by what is seen. Every cell is made safe to show here: words of others may act on a terminal.

const GAP: &str = "  ";

/// Rows under their titles, each line behind an indent.
#[derive(Debug)]
pub(super) struct Columns {
    indent: &'static str,
    rows: Vec<Vec<String>>,
}

impl Columns {
    pub(super) fn new(indent: &'static str, titles: &[&str]) -> Self {
        Self { indent, rows: vec![titles.iter().map(|title| (*title).to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| inert(&cell)).collect());
    }

    pub(super) fn render(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut line = self.indent.to_owned();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}{GAP}"));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// The text with everything but plain letters, digits and signs shown by its number: so a character is one column, and
/// none acts.
pub(super) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == ' ' || c.is_ascii_graphic() || c == '…' {
            out.push(c)
        } else {
            out.extend(c.escape_unicode())
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_titles_and_nothing_acts() {
        let mut columns = Columns::new("  ", &["NODE", "SAID", "AT"]);
        columns.row(["geth-a", "head 1", "now"].map(str::to_owned));
        columns.row(["b", "\u{1b}[31m\n漢", ""].map(str::to_owned));
        let expected = "  NODE    SAID                     AT\n  geth-a  head 1                   now\n  b       \\u{1b}[31m\\u{a}\\u{6f22}\n";
        assert_eq!(columns.render(), expected);
    }
}
