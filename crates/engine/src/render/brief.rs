//! What every rendering says, before any of them decides how to write it: sections of sentences with the numbers of
//! the evidence that they cite. Words from outside stand apart from ours, so that each surface can escape its own way.
//! A new part of the report is put here (`content.rs`) once and appears on every surface.

mod content;

use crate::report::Report;

/// One run of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Words {
    /// Written in this crate; holds no markup of any surface.
    Ours(String),
    /// From outside, or made with words from outside.
    Outside(String),
    /// A message from outside, shown as a quotation so that nobody takes it for a statement of the report.
    Quote(String),
}

/// A statement and the numbers of the evidence that it rests on, rising.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub words: Vec<Words>,
    pub cites: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub said: Said,
    pub parts: Vec<Said>,
}

#[derive(Debug)]
pub(super) enum Block {
    Text(Said),
    List { numbered: bool, items: Vec<Item> },
    Table { head: Vec<&'static str>, rows: Vec<Vec<Said>> },
}

#[derive(Debug)]
pub(super) struct Section {
    pub title: &'static str,
    /// How many texts, items and rows a short surface shows; 0 leaves the section out there.
    pub short: usize,
    pub blocks: Vec<Block>,
}

/// What is cited under a number: its place in the list, from 1.
#[derive(Debug)]
pub(super) struct Evidence {
    pub id: String,
    pub digest: String,
    pub at: String,
}

#[derive(Debug)]
pub(super) struct Brief {
    pub title: Said,
    pub summary: Said,
    /// Root cause, critical failure and impact: first on every surface.
    pub lead: Vec<(&'static str, Said)>,
    /// Severity, environment, times.
    pub facts: Vec<(&'static str, Said)>,
    pub sections: Vec<Section>,
    pub completeness: Said,
    pub evidence: Vec<Evidence>,
    pub foot: Said,
}

impl Brief {
    pub(super) fn of(report: &Report) -> Self {
        content::brief(report)
    }

    /// The numbers that a short surface cites, in the order in which it comes to them.
    pub(super) fn cited_when_short(&self) -> Vec<usize> {
        let lead = self.lead.iter().map(|(_, said)| said);
        let mut cited: Vec<usize> = lead.chain([&self.summary]).flat_map(|said| said.cites.clone()).collect();
        for section in self.sections.iter().filter(|section| section.short > 0) {
            let lines = section.blocks.iter().flat_map(Block::lines).take(section.short);
            cited.extend(lines.flat_map(|said| said.cites));
        }
        let mut known = std::collections::BTreeSet::new();
        cited.retain(|number| known.insert(*number));
        cited
    }
}

impl Said {
    pub(super) fn ours(text: impl Into<String>) -> Self {
        Self::default().and(text)
    }

    pub(super) fn outside(text: impl Into<String>) -> Self {
        Self::default().and_outside(text)
    }

    pub(super) fn and(mut self, text: impl Into<String>) -> Self {
        self.words.push(Words::Ours(text.into()));
        self
    }

    pub(super) fn and_outside(mut self, text: impl Into<String>) -> Self {
        self.words.push(Words::Outside(text.into()));
        self
    }

    pub(super) fn and_quote(mut self, text: impl Into<String>) -> Self {
        self.words.push(Words::Quote(text.into()));
        self
    }

    /// Behind a text of a surface, the numbers that this cites.
    pub(super) fn cited(&self, text: String) -> String {
        if self.cites.is_empty() { text } else { format!("{text} [{}]", runs(&self.cites)) }
    }

    /// The words as one text, each run written by the surface, quotations between their marks.
    pub(super) fn write(&self, outside: impl Fn(&str) -> String) -> String {
        let run = |words: &Words| match words {
            Words::Ours(text) => text.clone(),
            Words::Outside(text) => outside(text),
            // Marks inside could end the quotation before its end.
            Words::Quote(text) => format!("“{}”", outside(&text.replace(['“', '”'], "\""))),
        };
        self.words.iter().map(run).collect()
    }
}

impl Item {
    pub(super) fn new(said: Said) -> Self {
        Self { said, parts: Vec::new() }
    }
}

impl Block {
    pub(super) fn list(items: impl IntoIterator<Item = Said>) -> Self {
        Self::List { numbered: false, items: items.into_iter().map(Item::new).collect() }
    }

    /// As sentences of their own, for surfaces without tables and nested lists.
    pub(super) fn lines(&self) -> Vec<Said> {
        match self {
            Self::Text(said) => vec![said.clone()],
            Self::List { items, .. } => items.iter().map(|item| item.said.clone()).collect(),
            Self::Table { head, rows } => rows.iter().map(|row| line(head, row)).collect(),
        }
    }
}

/// A row in one line: the cells, each behind its head.
fn line(head: &[&'static str], row: &[Said]) -> Said {
    let mut all = Said::default();
    for (at, (title, cell)) in head.iter().zip(row).enumerate() {
        if at > 0 {
            all = all.and(", ");
        }
        all = all.and(format!("{title} "));
        all.words.extend(cell.words.iter().cloned());
        all.cites.extend(&cell.cites);
    }
    all.cites.sort_unstable();
    all.cites.dedup();
    all
}

/// `3, 7-9` for the numbers 3, 7, 8 and 9; empty for none.
pub(super) fn runs(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        _ => run.iter().map(ToString::to_string).collect(),
    });
    runs.collect::<Vec<_>>().join(", ")
}
