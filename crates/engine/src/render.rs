//! Renderings of a report. They show what the document says and decide nothing.

mod markdown;

pub use markdown::markdown;
