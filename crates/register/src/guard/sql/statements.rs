//! Texts cut into statements and parsed, one by one: what is no statement is passed over and takes nothing else with it.
//! Bodies of functions are looked into. It knows no guard.

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// Functions that write functions go no deeper.
const BODIES_DEEP_MAX: usize = 3;
/// Expressions within each other: what is deeper is passed over.
const EXPRESSIONS_DEEP_MAX: usize = 40;
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

/// Takes a statement, with what turns its places into bytes of the text.
pub(super) type Take<'t> = dyn FnMut(&Statement, &dyn Fn(Location) -> usize) + 't;

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
        if let Some(statement) = parsed(part) {
            found(&statement, &to_byte);
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

fn parsed(tokens: &[TokenWithSpan]) -> Option<Statement> {
    let begins = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => BEGINNINGS.contains(&word.keyword),
        _ => false,
    };
    let beginnings = tokens.iter().enumerate().filter(|(_, token)| begins(token));
    beginnings.take(BEGINNINGS_MAX).find_map(|(from, _)| {
        let tokens = tokens.get(from..)?;
        one(tokens.to_vec()).or_else(|| one(with_placeholders(tokens)?))
    })
}

fn one(tokens: Vec<TokenWithSpan>) -> Option<Statement> {
    let parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(EXPRESSIONS_DEEP_MAX);
    parser.with_tokens_with_locations(tokens).parse_statement().ok()
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
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn byte(&self, place: Location) -> usize {
        let line = usize::try_from(place.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(place.column).unwrap_or(usize::MAX).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }
}
