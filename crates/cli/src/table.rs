//! Tables for people: aligned by what is seen, and no wider than the terminal. Every cell is escaped here.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::escape;

/// No column is made narrower than this to fit the terminal.
const COLUMN_WIDTH_MIN: usize = 8;
const GAP: &str = "  ";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Shown whole: ids, times, numbers.
    Whole(&'static str),
    /// The same, aligned at the right.
    Number(&'static str),
    /// Text that may be cut where the terminal is too narrow.
    Text(&'static str),
}

#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Whole(title) | Self::Number(title) | Self::Text(title) => title,
        }
    }
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: vec![columns.iter().map(|column| column.title().to_owned()).collect()],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has a cell for each column");
        self.rows.push(cells.iter().map(|cell| escape::line(cell).into_owned()).collect());
    }

    /// The lines of the table, cut to `width` columns of the terminal where one is given.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((column, cell), width) in self.columns.iter().zip(row).zip(&widths) {
                let cell = cut(cell, *width);
                let blank = " ".repeat(width.saturating_sub(cell.width()));
                match column {
                    Column::Number(_) => line.extend([&blank, &cell, GAP]),
                    Column::Whole(_) | Column::Text(_) => line.extend([&cell, &blank, GAP]),
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// As wide as the widest cell; then the widest texts give way until the table fits.
    fn widths(&self, fit: Option<usize>) -> Vec<usize> {
        let mut widths = vec![0; self.columns.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let Some(fit) = fit else { return widths };
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(fit);
        while excess > 0 {
            let texts =
                self.columns.iter().zip(&mut widths).filter(|(column, _)| matches!(column, Column::Text(_)));
            match texts.map(|(_, width)| width).max_by_key(|width| **width) {
                Some(width) if *width > COLUMN_WIDTH_MIN => *width -= 1,
                _ => break,
            }
            excess -= 1;
        }
        widths
    }
}

/// Names and values under each other.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    fields: Vec<(&'static str, String)>,
}

impl Fields {
    pub(crate) fn field(&mut self, name: &'static str, value: &str) {
        self.fields.push((name, escape::line(value).into_owned()));
    }

    pub(crate) fn render(&self) -> String {
        let width = self.fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        self.fields.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
    }
}

/// The text, or as much of it as leaves room for the sign that something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= width
    });
    kept.chain(['…']).collect()
}

/// The width of the terminal that standard output goes to; none for a file or a pipe, where nothing is cut.
pub(crate) fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[
            Column::Whole("ID"),
            Column::Number("COUNT"),
            Column::Text("SERVICE"),
            Column::Text("TEXT"),
        ]);
        table.row(["a", "7", "payment", "漢字 and a long text that will not fit"]);
        table.row(["abc", "1234567", "a-service-of-some-length", "\u{1b}[31m\n"]);
        table
    }

    #[test]
    fn columns_stand_under_their_titles() {
        insta::assert_snapshot!(table().render(None), @r"
        ID     COUNT  SERVICE                   TEXT
        a          7  payment                   漢字 and a long text that will not fit
        abc  1234567  a-service-of-some-length  \u{1b}[31m\n
        ");
    }

    #[test]
    fn texts_give_way_to_the_width_and_numbers_do_not() {
        insta::assert_snapshot!(table().render(Some(50)), @r"
        ID     COUNT  SERVICE            TEXT
        a          7  payment            漢字 and a long …
        abc  1234567  a-service-of-som…  \u{1b}[31m\n
        ");
        for width in 0..90 {
            let widest = table().render(Some(width)).lines().map(UnicodeWidthStr::width).max();
            assert!(widest <= Some(width.max(34)), "{width}: {widest:?}");
        }
    }
}
