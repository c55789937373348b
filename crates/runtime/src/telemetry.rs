//! Logs of the process itself: structured, on standard error, standard output being for results.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Debug, thiserror::Error)]
pub enum LogFilterError {
    #[error("{text:?} is not a log filter such as info or casebook=debug,warn: {reason}")]
    Filter { text: String, reason: String },
    #[error("logs are already set up")]
    AlreadySet,
}

/// The filter, if it is one: for judging a configuration before anything is started.
pub fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{text:?} is not a log filter such as info or server=debug,warn: {error}")),
    }
}

/// Starts logging with a filter such as `info` or `server=debug,warn`: lines for people on a terminal, JSON elsewhere.
pub fn init(filter: &str) -> Result<(), LogFilterError> {
    start(filter, |_| true)
}

/// The same, where what is carried may hold credentials. Of crates that are not `own` only warnings and errors are shown,
/// whatever the filter says: below that, libraries of protocols print requests with their addresses and headers.
pub fn init_reserved(filter: &str, own: &'static [&'static str]) -> Result<(), LogFilterError> {
    start(filter, move |metadata| *metadata.level() <= Level::WARN || is_of(own, metadata.target()))
}

fn start(
    filter: &str,
    is_shown: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static,
) -> Result<(), LogFilterError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| LogFilterError::Filter { text: filter.to_owned(), reason: error.to_string() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let is_shown = filter_fn(is_shown);
    let outcome = if std::io::stderr().is_terminal() {
        builder.compact().finish().with(is_shown).try_init()
    } else {
        let lines = builder.json().flatten_event(true).with_current_span(false).with_span_list(false);
        lines.finish().with(is_shown).try_init()
    };
    outcome.map_err(|_| LogFilterError::AlreadySet)
}

/// A target is the path of a module.
fn is_of(own: &[&str], target: &str) -> bool {
    own.contains(&target.split_once("::").map_or(target, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_known_by_its_whole_name() {
        for (target, expected) in [
            ("edge", true),
            ("edge::front", true),
            ("edges::front", false),
            ("hyper::edge", false),
            ("log", false),
        ] {
            assert_eq!(is_of(&["edge", "runtime"], target), expected, "{target}");
        }
    }
}
