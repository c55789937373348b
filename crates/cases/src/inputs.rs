//! `inputs.ndjson`, plain or compressed: one input a line, read as a stream. Knows where a line stands and what it is
//! called, not what is in its body.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use model::{AlertProvider, Nanos};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::CaseError;

/// Of one line, after decompression. The largest body that a server takes has 16 MiB, in protobuf, which takes less room
/// than JSON.
pub const LINE_BYTES_MAX: usize = 64 << 20;
/// Of a body: what a line has beside it is shorter than the rest.
pub(crate) const BODY_BYTES_MAX: usize = LINE_BYTES_MAX - 1024;
/// Of a whole file, after decompression.
const FILE_BYTES_MAX: u64 = 4 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    OtlpTraces,
    OtlpLogs,
    OtlpMetrics,
    /// Wide events.
    Events,
    Signal,
    Alert,
    Deployment,
    /// The engine evaluates. Where the first line is one, the clock makes none of its own.
    Tick,
    /// The engine's configuration. Where the first line is one, the file is a journal's: it has all ticks, and says when
    /// evidence was shown.
    Configure,
    /// The engine is shown the traces that it asked for.
    Evidence,
    /// What people did to an incident.
    Operator,
    AcceptBaseline,
    /// What the server had no room for.
    Shed,
}

impl InputKind {
    /// It says all with its name.
    fn is_bare(self) -> bool {
        matches!(self, Self::Tick | Self::Evidence)
    }
}

/// The shape of an alert.
pub type Provider = AlertProvider;

/// A line of the file.
#[derive(Debug)]
pub struct InputLine {
    /// Counted from 1.
    pub number: u64,
    pub at: Nanos,
    pub kind: InputKind,
    pub provider: Option<Provider>,
    /// As the endpoint takes it; empty for what says all with its name.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    at: std::borrow::Cow<'a, str>,
    kind: InputKind,
    provider: Option<Provider>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// The lines of a file, in order.
pub struct Inputs {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    number: u64,
    bytes: u64,
    last: Nanos,
    /// A journal's order is that of arrival on disk, where times may stand a little out of order.
    is_journal: bool,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Inputs {
    /// A name that ends in `.zst` is decompressed.
    pub fn open(path: &Path) -> Result<Self, CaseError> {
        let io = |error| CaseError::Io { path: path.to_owned(), error };
        let file = File::open(path).map_err(io)?;
        let reader: Box<dyn BufRead> = match path.extension().is_some_and(|end| end == "zst") {
            true => Box::new(BufReader::with_capacity(1 << 18, zstd::Decoder::new(file).map_err(io)?)),
            false => Box::new(BufReader::with_capacity(1 << 18, file)),
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            number: 0,
            bytes: 0,
            last: Nanos(0),
            is_journal: false,
            buffer: Vec::new(),
        })
    }

    pub(crate) fn wrong(&self, reason: impl Into<String>) -> CaseError {
        CaseError::Line { path: self.path.clone(), line: self.number, reason: reason.into() }
    }

    fn read(&mut self) -> Result<Option<InputLine>, CaseError> {
        self.buffer.clear();
        self.number += 1;
        self.read_line()?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let line = InputLine::read(&self.buffer).map_err(|reason| self.wrong(reason))?;
        self.is_journal |= self.number == 1 && line.kind == InputKind::Configure;
        let at = line.at;
        if at < self.last && !self.is_journal {
            return Err(self.wrong(format!("at {at} is before {} of the line before", self.last)));
        }
        self.last = at;
        Ok(Some(InputLine { number: self.number, ..line }))
    }

    /// Fills the buffer with the next line, without its end; empty at the end of the file.
    fn read_line(&mut self) -> Result<(), CaseError> {
        loop {
            let chunk =
                self.reader.fill_buf().map_err(|error| CaseError::Io { path: self.path.clone(), error })?;
            if chunk.is_empty() {
                return Ok(());
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            self.buffer.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
            self.reader.consume(taken);
            self.bytes += taken as u64;
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(self.wrong(format!("the line is longer than {LINE_BYTES_MAX} bytes")));
            }
            if self.bytes > FILE_BYTES_MAX {
                return Err(self.wrong(format!("the file is longer than {FILE_BYTES_MAX} bytes")));
            }
            if end.is_some() && self.buffer.is_empty() {
                return Err(self.wrong("the line is empty"));
            }
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

impl Iterator for Inputs {
    type Item = Result<InputLine, CaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl InputLine {
    /// One line without its end and number; else why it is none.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let envelope: Envelope<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let at = Nanos::parse_rfc3339(&envelope.at).map_err(|error| error.to_string())?;
        let Envelope { kind, provider, .. } = envelope;
        let body = match (kind, envelope.body) {
            (kind, None) if kind.is_bare() => Vec::new(),
            (InputKind::Tick, Some(_)) => return Err("a tick has no body".to_owned()),
            (InputKind::Evidence, Some(_)) => return Err("evidence has no body: it is found anew".to_owned()),
            (_, Some(body)) => body.get().as_bytes().to_vec(),
            (_, None) => return Err("body is missing".to_owned()),
        };
        if provider.is_some() && kind != InputKind::Alert {
            return Err("provider stands with kind \"alert\" only".to_owned());
        }
        Ok(Self { number: 0, at, kind, provider, body })
    }

    /// Writes the line with its end. The body is JSON without line ends.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let kind = serde_json::to_string(&self.kind)?;
        write!(out, "{{\"at\":\"{}\",\"kind\":{kind}", self.at)?;
        if let Some(provider) = self.provider {
            write!(out, ",\"provider\":\"{}\"", provider.as_str())?;
        }
        if !self.kind.is_bare() {
            out.write_all(b",\"body\":")?;
            out.write_all(&self.body)?;
        }
        out.write_all(b"}\n")
    }
}

#[cfg(test)]
mod tests;
