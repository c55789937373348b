//! Logs of the process itself: structured, on standard error, standard output being for results.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

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
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| LogFilterError::Filter { text: filter.to_owned(), reason: error.to_string() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let outcome = if std::io::stderr().is_terminal() {
        builder.compact().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    outcome.map_err(|_| LogFilterError::AlreadySet)
}
