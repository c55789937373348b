//! Texts cut into statements and parsed, one by one: what is no statement is passed over and takes nothing else with it.
//! Bodies of functions are looked into. It knows no guard.

use std::cell::Cell;

use sqlparser::ast::{Expr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::CLOCK_WORDS;

/// Functions that write functions go no deeper.
const BODIES_DEEP_MAX: usize = 3;
/// Expressions within each other: what is deeper is told, and not read.
const EXPRESSIONS_DEEP_MAX: usize = 40;
/// Operators and words of the grammar in an expression and in those around it. `a OR b OR c` is a tree that is as deep as
/// it is long, and trees are walked and freed by recursion: the parser bounds its own and not that. What has more is told,
/// and not read.
const OPERATORS_MAX: usize = 400;
/// In the body of a function a statement may begin after other words: so many beginnings are tried.
const BEGINNINGS_MAX: usize = 12;

const BEGINNINGS: [Keyword; 9] = [
    Keyword::SELECT,
    Keyword::INSERT,
    Keyword::UPDATE,
    Keyword::DELETE,
    Keyword::WITH,
    Keyword::MERGE,
    Keyword::CREATE,
    Keyword::ALTER,
    Keyword::VALUES,
];

/// Words after which a line of a function's body begins.
const BEFORE_LINES: [&str; 4] = ["begin", "then", "else", "loop"];

/// What a text is made of.
pub(super) enum Part<'p> {
    Statement(&'p Statement),
    /// A field of a record that is set in the body of a function, as in `NEW.finished_at := now()`.
    Set(&'p str, &'p Expr),
    /// A statement that begins here and cannot be read without risk.
    TooDeep(Location),
}

/// Takes a part, with what turns its places into bytes of the text.
pub(super) type Take<'t> = dyn FnMut(&Part<'_>, &dyn Fn(Location) -> usize) + 't;

/// What came of reading a statement.
enum Read {
    Statement(Box<Statement>),
    TooDeep(Location),
    Nothing,
}

/// Hands each statement on.
pub(super) fn each(text: &str, found: &mut Take<'_>) {
    within(text, 0, 0, found);
}

fn within(text: &str, base: usize, depth: usize, found: &mut Take<'_>) {
    let mut tokens = Vec::new();
    let dialect = PostgreSqlDialect {};
    // What came before a token that is none is read all the same.
    let _ = Tokenizer::new(&dialect, text).tokenize_with_location_into_buf(&mut tokens);
    let places = Places::new(text);
    let to_byte = |place: Location| base + places.byte(place);
    for part in tokens.split(|token| token.token == Token::SemiColon) {
        match parsed(part) {
            Read::Statement(statement) => found(&Part::Statement(&statement), &to_byte),
            Read::TooDeep(at) => found(&Part::TooDeep(at), &to_byte),
            Read::Nothing => {}
        }
        match set(part) {
            Some(Ok((field, value))) => found(&Part::Set(&field, &value), &to_byte),
            Some(Err(at)) => found(&Part::TooDeep(at), &to_byte),
            None => {}
        }
        for token in part {
            let Token::DollarQuotedString(body) = &token.token else { continue };
            // Behind the two $ and the tag between them.
            let tag = body.tag.as_ref().map_or(0, String::len);
            let from = places.byte(token.span.start) + tag + 2;
            if depth < BODIES_DEEP_MAX {
                within(&body.value, base + from, depth + 1, found);
            }
        }
    }
}

fn parsed(tokens: &[TokenWithSpan]) -> Read {
    let begins = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => BEGINNINGS.contains(&word.keyword),
        _ => false,
    };
    let mut beginnings = tokens.iter().enumerate().filter(|(_, token)| begins(token)).take(BEGINNINGS_MAX);
    let mut too_deep = None;
    if is_long(tokens) {
        too_deep = beginnings.next().map(|(_, token)| token.span.start);
    } else {
        for (from, token) in beginnings {
            let tokens = tokens.get(from..).unwrap_or_default();
            let read = one(tokens.to_vec());
            let read = read.or_else(|error| with_placeholders(tokens).map_or(Err(error), one));
            match read {
                Ok(statement) => return Read::Statement(Box::new(statement)),
                Err(ParserError::RecursionLimitExceeded) => too_deep = too_deep.or(Some(token.span.start)),
                Err(_) => {}
            }
        }
    }
    match too_deep.filter(|_| tokens.iter().any(may_be_clock)) {
        Some(at) => Read::TooDeep(at),
        None => Read::Nothing,
    }
}

fn one(tokens: Vec<TokenWithSpan>) -> Result<Statement, ParserError> {
    parser(tokens).parse_statement()
}

fn parser(tokens: Vec<TokenWithSpan>) -> Parser<'static> {
    let parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(EXPRESSIONS_DEEP_MAX);
    parser.with_tokens_with_locations(tokens)
}

/// Whether a tree of these would be too deep. A comma ends an expression, and does not end what UNION joins.
fn is_long(tokens: &[TokenWithSpan]) -> bool {
    // Of each bracket that is open, and of the text outside of them all: operators since the last comma, and unions.
    let mut open = vec![(0usize, 0usize)];
    let mut count = 0usize;
    for TokenWithSpan { token, .. } in tokens {
        let Some((operators, unions)) = open.last_mut() else { break };
        match token {
            Token::Comma => count = count.saturating_sub(std::mem::take(operators)),
            Token::RParen | Token::RBracket | Token::RBrace => {
                count = count.saturating_sub(*operators + *unions);
                (*operators, *unions) = (0, 0);
                if open.len() > 1 {
                    open.pop();
                }
            }
            Token::Word(word) => match word.keyword {
                Keyword::NoKeyword => {}
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS => {
                    (*unions, count) = (*unions + 1, count + 1);
                }
                _ => (*operators, count) = (*operators + 1, count + 1),
            },
            Token::Whitespace(_) | Token::Period | Token::Number(..) | Token::SingleQuotedString(_) => {}
            other => {
                (*operators, count) = (*operators + 1, count + 1);
                if matches!(other, Token::LParen | Token::LBracket | Token::LBrace) {
                    open.push((0, 0));
                }
            }
        }
        if count > OPERATORS_MAX {
            return true;
        }
    }
    false
}

fn may_be_clock(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Word(word) => CLOCK_WORDS.is_match(&word.value),
        Token::SingleQuotedString(text) => CLOCK_WORDS.is_match(text),
        _ => false,
    }
}

/// The field that a line of a function's body sets, and what it is set to; or where that begins which is too deep.
fn set(tokens: &[TokenWithSpan]) -> Option<Result<(String, Expr), Location>> {
    let code: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let sets = |token: &TokenWithSpan| matches!(token.token, Token::Assignment | Token::Eq);
    let mut signs = code.iter().enumerate().filter(|(_, token)| sets(token));
    let (at, begin, field) = signs.find_map(|(at, sign)| Some((at, sign, field(code.get(..at)?)?)))?;
    let value: Vec<TokenWithSpan> = code.get(at + 1..)?.iter().map(|token| (*token).clone()).collect();
    let too_deep = || value.iter().any(may_be_clock).then_some(Err(begin.span.start));
    if is_long(tokens) {
        return too_deep();
    }
    match parser(value.clone()).parse_expr() {
        Ok(value) => Some(Ok((field, value))),
        Err(ParserError::RecursionLimitExceeded) => too_deep(),
        Err(_) => None,
    }
}

/// `record.field` at the beginning of a line, and nothing else: a comparison has other words before it.
fn field(before: &[&TokenWithSpan]) -> Option<String> {
    let begins = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => BEFORE_LINES.iter().any(|known| word.value.eq_ignore_ascii_case(known)),
        _ => false,
    };
    let (begin, [record, dot, field]) = before.split_last_chunk::<3>()?;
    match (&record.token, &dot.token, &field.token) {
        (Token::Word(_), Token::Period, Token::Word(field))
            if begin.last().is_none_or(|last| begins(last)) =>
        {
            Some(field.value.clone())
        }
        _ => None,
    }
}

/// `?` and `?1` for a value, as SQLite has them: in PostgreSQL they are operators. None where there is none.
fn with_placeholders(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let mut changed: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut is_changed = false;
    for token in tokens {
        let follows = changed.last().is_some_and(|last| {
            matches!(last.token, Token::Placeholder(_)) && last.span.end == token.span.start
        });
        match &token.token {
            Token::Question => {
                is_changed = true;
                changed.push(TokenWithSpan::new(Token::Placeholder("?".to_owned()), token.span));
            }
            Token::Number(..) if follows => {}
            _ => changed.push(token.clone()),
        }
    }
    is_changed.then_some(changed)
}

/// Where lines begin, to find the byte of a line and a column that are told in characters.
struct Places<'t> {
    text: &'t str,
    starts: Vec<usize>,
    /// The last that was asked for, as line, column and byte: a text may be one long line with very many places.
    last: Cell<(usize, usize, usize)>,
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts, last: Cell::new((0, 0, 0)) }
    }

    fn byte(&self, place: Location) -> usize {
        let line = usize::try_from(place.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(place.column).unwrap_or(usize::MAX).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let (from, passed) = match self.last.get() {
            (last_line, last_column, byte) if last_line == line && last_column <= column => {
                (byte, last_column)
            }
            _ => (start, 0),
        };
        let from = from.max(start);
        let rest = self.text.get(from..).unwrap_or_default();
        let byte = from + rest.char_indices().nth(column - passed).map_or(rest.len(), |(at, _)| at);
        self.last.set((line, column, byte));
        byte
    }
}
