//! Renderings of a report. They show what the document says and decide nothing. What is said stands in `brief`; how a
//! surface writes it stands in a file of its own.

mod brief;
mod html;
pub mod inert;
mod markdown;
mod pagerduty;
mod slack;
#[cfg(test)]
mod tests;

pub use html::{CONTENT_SECURITY_POLICY, escape, html};
pub use markdown::markdown;
pub use pagerduty::pagerduty_note;
pub use slack::{plain as slack_plain, slack};
