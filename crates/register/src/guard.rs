//! Guards: what enforces permanent rules. `guards.toml` is read, files that are handed in are looked through, and what
//! is found is held against the baseline and the waivers. It walks no tree, starts no command and knows no date.

mod ast;
pub mod baseline;
mod beside;
mod boot;
pub mod command;
mod file;
pub mod graduation;
mod guarding;
mod guards;
mod hit;
mod link;
mod mutate;
mod outcome;
mod paths;
mod pattern;
pub mod proof;
mod sql;
mod test_tag;
mod text;
mod yaml;

pub use beside::Fault;
pub use file::{GUARDS_BYTES_MAX, read};
pub use guarding::{Guarding, guarding};
pub use guards::{Demotion, Expected, Fixture, Guard, Guards, Mode, Source, Unenforced, Waiver};
pub use hit::Hit;
pub use mutate::{Mutant, mutants};
pub use outcome::{Crash, Finding, Looked, Outcome, Standing, judge};
pub use paths::is_inside;
pub use text::{FILE_BYTES_MAX, readable};

#[cfg(test)]
pub(crate) mod tests;
