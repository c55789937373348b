//! Answers of HTTP/1.1 in bytes: the head, how the body is bounded, and bodies in chunks. It must never know a socket, nor what
//! a body says.

use bytes::{Buf as _, BytesMut};
use httparse::{EMPTY_HEADER, Header, Response, Status, parse_chunk_size};

const HEADERS_MAX: usize = 100;
/// What may stand behind the last chunk, or before the end of a line that says how long one is.
const LINE_BYTES_MAX: usize = 8 << 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) bytes: usize,
    pub(super) body: Body,
    /// Whether the connection may be used again.
    pub(super) is_kept: bool,
    /// In seconds. The other form, a date, is taken for none.
    pub(super) retry_after_s: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Length(u64),
    Chunks,
    UntilTheEnd,
}

/// It is no HTTP, or says two things at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// Where in a body of chunks it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Chunks {
    #[default]
    Size,
    Data(u64),
    EndOfData,
    Trailers,
}

/// What one look at the bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Over,
    TooLarge,
}

/// `None` while it is not whole. Every head is read whole: it is short, and there is one.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Head>, Broken> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut response = Response::new(&mut headers);
    let Status::Complete(length) = response.parse(bytes).map_err(|_| Broken)? else { return Ok(None) };
    let (status, version) = (response.code.ok_or(Broken)?, response.version.ok_or(Broken)?);
    let said = Said::read(response.headers)?;
    let body = match (status, said.is_chunked, said.length) {
        (..200 | 204 | 304, ..) => Body::Length(0),
        (_, true, _) => Body::Chunks,
        (_, false, Some(length)) => Body::Length(length),
        (_, false, None) => Body::UntilTheEnd,
    };
    // Two lengths at once: the chunks count, and nothing behind them is trusted.
    let is_clear = !(said.is_chunked && said.length.is_some()) && body != Body::UntilTheEnd;
    let is_kept = is_clear && if version == 1 { !said.closes } else { said.keeps };
    Ok(Some(Head { status, bytes: length, body, is_kept, retry_after_s: said.retry_after_s }))
}

#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
    keeps: bool,
    retry_after_s: Option<u64>,
}

impl Said {
    fn read(headers: &[Header<'_>]) -> Result<Self, Broken> {
        let mut said = Self::default();
        for Header { name, value } in headers {
            let text = || std::str::from_utf8(value).map_or("", str::trim);
            let has = |word: &str| text().split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
            if name.eq_ignore_ascii_case("content-length") {
                let length = digits(text()).ok_or(Broken)?;
                if said.length.replace(length).is_some_and(|other| other != length) {
                    return Err(Broken);
                }
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                // Anything else was not asked for.
                if !text().eq_ignore_ascii_case("chunked") || said.is_chunked {
                    return Err(Broken);
                }
                said.is_chunked = true;
            } else if name.eq_ignore_ascii_case("connection") {
                said.closes |= has("close");
                said.keeps |= has("keep-alive");
            } else if name.eq_ignore_ascii_case("retry-after") {
                said.retry_after_s = digits(text());
            }
        }
        Ok(said)
    }
}

/// Neither a sign nor anything else that numbers may have elsewhere.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl Chunks {
    /// Moves what there is of the body, at most `most` bytes in all, and goes on where it stopped when there is more.
    pub(super) fn take(
        &mut self,
        from: &mut BytesMut,
        body: &mut Vec<u8>,
        most: usize,
    ) -> Result<Progress, Broken> {
        loop {
            match *self {
                Self::Size => match parse_chunk_size(from).map_err(|_| Broken)? {
                    Status::Partial if from.len() > LINE_BYTES_MAX => return Err(Broken),
                    Status::Partial => return Ok(Progress::More),
                    Status::Complete((line, size)) => {
                        if size > most.saturating_sub(body.len()) as u64 {
                            return Ok(Progress::TooLarge);
                        }
                        from.advance(line);
                        *self = if size == 0 { Self::Trailers } else { Self::Data(size) };
                    }
                },
                Self::Data(left) => {
                    let length = from.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    body.extend_from_slice(&from[..length]);
                    from.advance(length);
                    *self = match left - length as u64 {
                        0 => Self::EndOfData,
                        left => Self::Data(left),
                    };
                    if *self != Self::EndOfData {
                        return Ok(Progress::More);
                    }
                }
                Self::EndOfData => match from.get(..2) {
                    Some(b"\r\n") => {
                        from.advance(2);
                        *self = Self::Size;
                    }
                    Some(_) => return Err(Broken),
                    None => return Ok(Progress::More),
                },
                Self::Trailers => {
                    let Some(end) = memchr::memchr(b'\n', from) else {
                        return if from.len() > LINE_BYTES_MAX { Err(Broken) } else { Ok(Progress::More) };
                    };
                    let is_last = matches!(&from[..end], b"" | b"\r");
                    from.advance(end + 1);
                    if is_last {
                        return Ok(Progress::Over);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
