//! The story behind a rule: the sentence, the document that made it, and documents that belong to that one.

use super::entry::{Entry, PermanentRule};

/// As many names are offered to whoever asks for one that is not there.
const OFFERED_MAX: usize = 10;

#[derive(Debug)]
pub struct Story<'e> {
    pub rule: &'e PermanentRule,
    /// The document that made it.
    pub document: &'e Entry,
    /// It no longer holds: another document took the place of this one, and has no such rule.
    pub is_lapsed: bool,
    /// Documents of the same failure, and those that supersession connects it with; the newest first.
    pub related: Vec<&'e Entry>,
}

/// Or names of rules that are there: those that are like it, else the first ones.
pub fn why<'e>(register: &'e [Entry], id: &str) -> Result<Story<'e>, Vec<&'e str>> {
    let of = |entry: &'e Entry| entry.rules.iter().find(|rule| rule.id == id).map(|rule| (entry, rule));
    let standing = register.iter().filter(|entry| !entry.is_superseded()).find_map(of);
    let Some((document, rule)) = standing.or_else(|| register.iter().find_map(of)) else {
        return Err(offered(register, id));
    };
    let is_related = |other: &&Entry| {
        let is_named = |name: &Option<String>, of: &Entry| name.as_deref() == Some(of.id.as_str());
        let connected = is_named(&document.supersedes, other) || is_named(&document.superseded_by, other);
        let same =
            !document.failure_signature.is_empty() && document.failure_signature == other.failure_signature;
        other.id != document.id && (connected || same)
    };
    let related = register.iter().filter(is_related).collect();
    Ok(Story { rule, document, is_lapsed: document.is_superseded(), related })
}

fn offered<'e>(register: &'e [Entry], id: &str) -> Vec<&'e str> {
    let all = || register.iter().flat_map(|entry| &entry.rules).map(|rule| rule.id.as_str());
    let words: Vec<&str> = id.split('-').filter(|word| word.len() > 2).collect();
    let mut like: Vec<&str> = all().filter(|known| words.iter().any(|word| known.contains(word))).collect();
    if like.is_empty() {
        like = all().collect();
    }
    like.sort_unstable();
    like.dedup();
    like.truncate(OFFERED_MAX);
    like
}

#[cfg(test)]
mod tests;
