//! What a command waits for. Nothing of it is executed: words are read, bodies of `sh -c` among them, and what is not
//! understood waits for nothing. It knows no unit: whose command this is, and what the wait holds up, is the caller's.

mod lexer;
mod look;
mod numbers;
mod probe;
mod syntax;
mod waiting;

pub(crate) use lexer::Word;
pub(crate) use look::{Found, look};
pub(crate) use numbers::seconds;

#[cfg(test)]
mod tests;
