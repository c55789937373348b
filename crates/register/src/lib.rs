//! The register of what incidents taught: judges documents that it is handed. It opens no file, runs no Git, knows no
//! clock, and finds the same in the same bytes everywhere.

mod finding;
pub mod guard;
mod held_to;
pub mod rca;
pub mod review;
mod rule;

pub use finding::Finding;
pub use rule::{Level, Rule, Severity};
