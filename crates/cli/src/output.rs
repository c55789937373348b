//! Writing to standard output. Whoever closes it has seen enough, which is no failure.

use std::io::{ErrorKind, Write};

use crate::escape;
use crate::exit::{Exit, Failure};

/// These bytes and no others.
pub(crate) fn bytes(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Ok),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(error) => Err(Failure::new(Exit::Usage, format!("standard output cannot be written: {error}"))),
    }
}

/// Text that was made for people here, already escaped where it came from outside.
pub(crate) fn text(text: &str) -> Result<Exit, Failure> {
    bytes(text.as_bytes())
}

/// A server's JSON, on a line of its own end.
pub(crate) fn json(text: &str) -> Result<Exit, Failure> {
    bytes(format!("{}\n", escape::json(text.trim_end())).as_bytes())
}
