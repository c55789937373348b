//! The Markdown behind the front matter, cut into its sections. It knows their names and order, and nothing of what has to
//! stand in them.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::document::At;
use crate::finding::{Findings, shown};
use crate::rule::Rule;

pub(super) const SUMMARY: &str = "Summary";
pub(super) const SYMPTOMS: &str = "Symptoms";
pub(super) const ROOT_CAUSE: &str = "Root Cause";
pub(super) const FOLLOW_UPS: &str = "Follow-ups";
const TIMELINE: &str = "Timeline";
const NAMES: [&str; 8] =
    [SUMMARY, "Impact", SYMPTOMS, ROOT_CAUSE, "Why Detection Was Weak", "Recovery", FOLLOW_UPS, TIMELINE];
/// As a code block of follow-ups says what it is.
const BLOCK_MARK: &str = "toml";
const FOLLOW_UP_TABLE: &str = "[[follow_up]]";

#[derive(Debug)]
pub(super) struct Section<'t> {
    pub(super) name: &'static str,
    /// Where its heading begins.
    pub(super) at: usize,
    /// Where `source` begins.
    pub(super) start: usize,
    pub(super) source: &'t str,
    /// `source` with blanks for code, byte by byte.
    pub(super) prose: String,
    /// Whether a reader sees anything in it.
    pub(super) has_text: bool,
    /// Whether something stands in it word for word: a quote or code.
    pub(super) has_literal: bool,
}

/// What stands behind the front matter.
#[derive(Debug)]
pub(super) struct Sections<'t> {
    /// Those that have a known name, in the order of the text.
    pub(super) sections: Vec<Section<'t>>,
    /// Where the follow-ups stand.
    pub(super) block: Option<Range<usize>>,
    /// A follow-up stands outside of the block.
    pub(super) has_stray: bool,
    pub(super) links: Vec<At<String>>,
}

/// What the parser of Markdown saw, by bytes of the document.
#[derive(Debug, Default)]
struct Seen {
    headings: Vec<Heading>,
    code: Vec<Range<usize>>,
    literal: Vec<usize>,
    text: Vec<usize>,
    blocks: Vec<Range<usize>>,
    links: Vec<At<String>>,
    depth: usize,
    is_in_heading: bool,
    /// Contents of a block of TOML, while it is read.
    block: Option<Option<Range<usize>>>,
}

#[derive(Debug)]
struct Heading {
    title: String,
    whole: Range<usize>,
    is_section: bool,
}

pub(super) fn read<'t>(text: &'t str, body: usize, findings: &mut Findings) -> Sections<'t> {
    let mut seen = Seen::default();
    let source = text.get(body..).unwrap_or_default();
    for (event, range) in Parser::new_ext(source, Options::ENABLE_TABLES).into_offset_iter() {
        seen.event(event, body + range.start..body + range.end);
    }
    let prose = without(text, &seen.code);
    let mut sections: Vec<Section<'t>> = Vec::new();
    for (index, heading) in seen.headings.iter().enumerate() {
        let name = NAMES.into_iter().find(|name| heading.is_section && *name == heading.title);
        let Some(name) = name else {
            let message = format!("{} is none of the sections", shown(&heading.title));
            findings.add(Rule::SectionUnknown, heading.whole.start, message);
            continue;
        };
        let end = seen.headings.get(index + 1).map_or(text.len(), |next| next.whole.start);
        let within = heading.whole.end..end;
        sections.push(Section {
            name,
            at: heading.whole.start,
            start: within.start,
            source: text.get(within.clone()).unwrap_or_default(),
            prose: prose.get(within.clone()).unwrap_or_default().to_owned(),
            has_text: seen.text.iter().any(|at| within.contains(at)),
            has_literal: seen.literal.iter().any(|at| within.contains(at)),
        });
    }
    let first = seen.headings.first().map_or(text.len(), |heading| heading.whole.start);
    if let Some(at) = seen.text.iter().find(|at| **at < first) {
        findings.add(Rule::TextOutside, *at, "text before the first section");
    }
    order(text, &sections, findings);
    let (block, has_stray) = block(text, &sections, &seen.blocks, findings);
    Sections { sections, block, has_stray, links: seen.links }
}

impl Seen {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => {
                self.begins(&tag, range);
                self.depth += 1;
            }
            Event::End(end) => {
                self.depth = self.depth.saturating_sub(1);
                self.ends(end, range);
            }
            Event::Text(words) if self.is_in_heading => self.title(&words),
            Event::Code(words) if self.is_in_heading => {
                self.title(&words);
                self.code.push(range);
            }
            Event::Text(words) => {
                if !words.trim().is_empty() {
                    self.text.push(range.start);
                }
                if let Some(block) = &mut self.block {
                    let start = block.as_ref().map_or(range.start, |block| block.start);
                    *block = Some(start..range.end);
                }
            }
            Event::Code(_) => {
                self.text.push(range.start);
                self.literal.push(range.start);
                self.code.push(range);
            }
            _ => {}
        }
    }

    fn begins(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Heading { level: level @ (HeadingLevel::H1 | HeadingLevel::H2), .. } if self.depth == 0 => {
                let is_section = *level == HeadingLevel::H2;
                self.headings.push(Heading { title: String::new(), whole: range, is_section });
                self.is_in_heading = true;
            }
            Tag::CodeBlock(kind) => {
                self.literal.push(range.start);
                self.code.push(range);
                let is_toml = matches!(kind, CodeBlockKind::Fenced(mark) if mark.trim() == BLOCK_MARK);
                self.block = (is_toml && self.depth == 0).then_some(None);
            }
            Tag::Link { dest_url, .. } => {
                if let Some(value) = neighbour(dest_url) {
                    self.links.push(At { value: value.to_owned(), at: range.start });
                }
            }
            Tag::BlockQuote(_) => self.literal.push(range.start),
            _ => {}
        }
    }

    fn ends(&mut self, end: TagEnd, range: Range<usize>) {
        match end {
            TagEnd::Heading(_) => self.is_in_heading = false,
            TagEnd::CodeBlock => {
                if let Some(block) = self.block.take() {
                    self.blocks.push(block.unwrap_or(range.end..range.end));
                }
            }
            _ => {}
        }
    }

    fn title(&mut self, words: &str) {
        if let Some(heading) = self.headings.last_mut() {
            heading.title.push_str(words);
        }
    }
}

/// The file of the same folder that a link leads to, if it is one of Markdown.
fn neighbour(target: &str) -> Option<&str> {
    let file = target.split_once('#').map_or(target, |(file, _)| file);
    let file = file.strip_prefix("./").unwrap_or(file);
    (file.ends_with(".md") && !file.contains(['/', ':', '?'])).then_some(file)
}

/// The text with blanks where these ranges are; every other byte stays where it is.
fn without(text: &str, ranges: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        let covered = bytes.get_mut(range.clone()).unwrap_or_default();
        covered.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn order(text: &str, sections: &[Section<'_>], findings: &mut Findings) {
    let rank = |section: &Section<'_>| NAMES.iter().position(|name| *name == section.name);
    let mut last: Option<&Section<'_>> = None;
    for (index, section) in sections.iter().enumerate() {
        if sections.iter().take(index).any(|before| before.name == section.name) {
            findings.add(Rule::SectionTwice, section.at, format!("{} is there twice", section.name));
        } else if let Some(before) = last.filter(|before| rank(before) > rank(section)) {
            let message = format!("{} stands after {}", section.name, before.name);
            findings.add(Rule::SectionOrder, section.at, message);
        } else {
            last = Some(section);
        }
    }
    for (index, name) in NAMES.iter().enumerate().filter(|(_, name)| **name != TIMELINE) {
        if sections.iter().all(|section| section.name != *name) {
            let next = sections.iter().find(|section| rank(section) > Some(index));
            let at = next.map_or(text.trim_end().len(), |next| next.at);
            findings.add(Rule::SectionMissing, at, format!("there is no section {name}"));
        }
    }
}

/// Where the follow-ups stand, and whether one stands elsewhere.
fn block(
    text: &str,
    sections: &[Section<'_>],
    blocks: &[Range<usize>],
    findings: &mut Findings,
) -> (Option<Range<usize>>, bool) {
    let Some(section) = sections.iter().find(|section| section.name == FOLLOW_UPS) else {
        return (None, false);
    };
    let within = section.start..section.start + section.source.len();
    let mut of_section = blocks.iter().filter(|block| within.contains(&block.start));
    let first = of_section.next();
    if let Some(second) = of_section.next() {
        findings.add(Rule::FollowUpsBlock, second.start, "a second block of follow-ups");
    }
    let stray = outside(text, within, blocks, first.is_some());
    if let Some(at) = stray {
        let message = "a follow-up that stands in no code block marked toml";
        findings.add(Rule::FollowUpsBlock, at, message);
    }
    (first.cloned(), stray.is_some())
}

/// Where the section has a follow-up that nothing reads. Beside a block only what begins a line is one: the words may speak
/// of them.
fn outside(text: &str, within: Range<usize>, blocks: &[Range<usize>], has_block: bool) -> Option<usize> {
    let source = text.get(within.clone())?;
    let mut tables = source.match_indices(FOLLOW_UP_TABLE).map(|(at, _)| at);
    let begins_a_line = |at: usize| {
        let before = source.get(..at).unwrap_or_default();
        before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
    };
    let is_read = |at: usize| {
        let at = within.start + at;
        // Blocks stand one after the other.
        let next = blocks.partition_point(|block| block.end <= at);
        blocks.get(next).is_some_and(|block| block.contains(&at))
    };
    tables.find(|at| !is_read(*at) && (!has_block || begins_a_line(*at))).map(|at| within.start + at)
}
