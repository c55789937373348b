//! Writing to standard output. Whoever closes it has seen enough, which is no failure.

use std::io::{ErrorKind, IsTerminal, Write};

use super::exit::{Exit, Failure};

pub(super) fn text(text: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Ok),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(error) => Err(Failure::new(Exit::Usage, format!("standard output cannot be written: {error}"))),
    }
}

/// Whether somebody looks on, so that a picture can be drawn over the one before.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
