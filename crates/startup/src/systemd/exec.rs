//! Command lines of `ExecStart=` and its like: prefixes, quotes, escapes, specifiers, `;` between commands. It runs nothing
//! and does not know what a command means.

use super::lines::Value;
use super::names::specified;
use crate::commands::Word;
use crate::facts::Name;
use crate::limits::WORDS_MAX;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// `-`: its failure counts as success.
    pub(super) ignores_failure: bool,
}

/// The commands of one value.
pub(super) fn commands(value: &Value, name: &Name) -> Vec<Command> {
    let mut commands = Vec::new();
    for words in words(value, name).split(|word| word.is_bare && word.text == ";") {
        let mut words = words.to_vec();
        let Some(first) = words.first_mut() else { continue };
        let prefix = first.text.len() - first.text.trim_start_matches(['-', '@', ':', '+', '!', '|']).len();
        let ignores_failure = first.text.get(..prefix).is_some_and(|prefix| prefix.contains('-'));
        first.text.drain(..prefix);
        first.at.drain(..prefix);
        commands.push(Command { words, ignores_failure });
    }
    commands
}

fn words(value: &Value, name: &Name) -> Vec<Word> {
    let mut splitter = Splitter { chars: value.text.char_indices().collect(), next: 0, name };
    let mut words = Vec::new();
    while words.len() < WORDS_MAX {
        let Some(word) = splitter.word() else { break };
        words.push(word);
    }
    words
}

struct Splitter<'v> {
    chars: Vec<(usize, char)>,
    next: usize,
    name: &'v Name,
}

impl Splitter<'_> {
    fn take(&mut self) -> Option<(usize, char)> {
        let found = self.chars.get(self.next).copied();
        self.next += usize::from(found.is_some());
        found
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.next).map(|(_, c)| *c)
    }

    fn word(&mut self) -> Option<Word> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next += 1;
        }
        self.peek()?;
        let mut word = Word { is_bare: true, ..Word::default() };
        let mut quote = None;
        while let Some((at, c)) = self.take() {
            match (c, quote) {
                (c, None) if c.is_whitespace() => break,
                ('\'' | '"', None) => (quote, word.is_bare) = (Some(c), false),
                (c, Some(open)) if c == open => quote = None,
                ('\\', _) => self.escaped(at, &mut word),
                ('%', _) => self.specifier(at, &mut word),
                // Two stand for one; a single one is a variable, which only systemd knows.
                ('$', _) if self.peek() == Some('$') => {
                    self.next += 1;
                    word.push('$', at);
                }
                (c, _) => word.push(c, at),
            }
        }
        Some(word)
    }

    fn escaped(&mut self, at: usize, word: &mut Word) {
        let Some((_, c)) = self.take() else { return word.push('\\', at) };
        match c {
            'n' => word.push('\n', at),
            't' => word.push('\t', at),
            's' => word.push(' ', at),
            '"' | '\'' | '\\' | ';' => {
                word.is_bare = false;
                word.push(c, at);
            }
            c => {
                word.push('\\', at);
                word.push(c, at);
            }
        }
    }

    fn specifier(&mut self, at: usize, word: &mut Word) {
        let value = self.peek().and_then(|specifier| specified(specifier, self.name.as_str()));
        match value {
            Some(value) => {
                self.next += 1;
                value.chars().for_each(|c| word.push(c, at));
            }
            None => word.push('%', at),
        }
    }
}
