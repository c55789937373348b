//! A shell's text to words and operators, each with its place in the text around it. It expands nothing.

use crate::limits::WORDS_MAX;

/// A word without its quotes, and for each of its bytes where that stood in the text around.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Vec<usize>,
    /// Nothing of it was quoted, so that it may be a word of the language.
    pub(crate) is_bare: bool,
}

impl Word {
    pub(crate) fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.at.extend(std::iter::repeat_n(at, c.len_utf8()));
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> usize {
        self.at.first().copied().unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// `;` and the end of a line, also `&`.
    Next,
    And,
    Or,
    Pipe,
    Open,
    Close,
}

/// The tokens of a script. Over the limit it ends early: what stands there waits for nothing.
pub(super) fn tokens(script: &Word) -> Vec<Token> {
    let mut lexer =
        Lexer { script, chars: script.text.char_indices().collect(), next: 0, tokens: Vec::new() };
    while lexer.next < lexer.chars.len() && lexer.tokens.len() < WORDS_MAX {
        lexer.token();
    }
    lexer.tokens
}

struct Lexer<'s> {
    script: &'s Word,
    chars: Vec<(usize, char)>,
    next: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.next + ahead).map(|(_, c)| *c)
    }

    fn take(&mut self) -> Option<(usize, char)> {
        let (byte, c) = self.chars.get(self.next).copied()?;
        self.next += 1;
        Some((self.script.at.get(byte).copied().unwrap_or_default(), c))
    }

    fn operator(&mut self, token: Token, chars: usize) {
        self.next += chars;
        self.tokens.push(token);
    }

    fn token(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some(c), _) if c.is_whitespace() && c != '\n' => self.next += 1,
            (Some('#'), _) => while self.take().is_some_and(|(_, c)| c != '\n') {},
            (Some('&'), Some('&')) => self.operator(Token::And, 2),
            (Some('|'), Some('|')) => self.operator(Token::Or, 2),
            (Some('|'), _) => self.operator(Token::Pipe, 1),
            (Some('&'), Some('>')) => self.next += 1,
            (Some(';' | '\n' | '&'), _) => self.operator(Token::Next, 1),
            (Some('('), _) => self.operator(Token::Open, 1),
            (Some(')'), _) => self.operator(Token::Close, 1),
            (Some('<' | '>'), _) => self.redirection(),
            _ => self.word(),
        }
    }

    /// Where to is no argument. What opens a connection is kept, as a word of its own.
    fn redirection(&mut self) {
        while self.peek(0).is_some_and(|c| matches!(c, '<' | '>' | '&' | '|' | ' ')) {
            self.next += 1;
        }
        let target = self.read_word();
        if target.text.starts_with("/dev/tcp/") {
            self.tokens.push(Token::Word(target));
        }
    }

    fn word(&mut self) {
        let word = self.read_word();
        let is_descriptor = matches!(self.peek(0), Some('<' | '>'))
            && !word.text.is_empty()
            && word.text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_descriptor {
            self.tokens.push(Token::Word(word));
        }
    }

    fn read_word(&mut self) -> Word {
        let mut word = Word { is_bare: true, ..Word::default() };
        while let Some(c) = self.peek(0) {
            match c {
                c if c.is_whitespace() => break,
                ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' | '"' => self.quoted(c, &mut word),
                '$' if self.peek(1) == Some('(') => self.substitution(&mut word),
                '\\' => {
                    self.next += 1;
                    word.is_bare = false;
                    self.take().filter(|(_, c)| *c != '\n').into_iter().for_each(|(at, c)| word.push(c, at));
                }
                _ => self.take().into_iter().for_each(|(at, c)| word.push(c, at)),
            }
        }
        word
    }

    fn quoted(&mut self, quote: char, word: &mut Word) {
        self.next += 1;
        word.is_bare = false;
        while let Some((mut at, mut c)) = self.take() {
            let is_escape = quote == '"' && c == '\\';
            if c == quote {
                return;
            }
            if let (true, Some('"' | '\\' | '$' | '`')) = (is_escape, self.peek(0)) {
                (at, c) = self.take().unwrap_or((at, c));
            }
            word.push(c, at);
        }
    }

    /// `$( ... )` is one word, whatever stands in it.
    fn substitution(&mut self, word: &mut Word) {
        let mut depth = 0_usize;
        while let Some((at, c)) = self.take() {
            word.push(c, at);
            match c {
                '(' => depth += 1,
                ')' if depth <= 1 => return,
                ')' => depth -= 1,
                _ => {}
            }
        }
    }
}
