//! Bodies as sent to bodies as meant. Stops at the bound, whatever the compressed bytes promise.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Larger zstd windows are refused: the window is memory that a sender asks us to hold.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    #[error("the body is larger than {max} bytes after decompression; send it in parts")]
    TooLarge { max: usize },
    #[error("the body is not valid {encoding}: {detail}")]
    Corrupt { encoding: &'static str, detail: String },
}

impl Encoding {
    /// From a `Content-Encoding` or `grpc-encoding` value; `None` for one that is not supported.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

impl DecompressError {
    /// A stable name for metrics and replies.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body_too_large",
            Self::Corrupt { .. } => "corrupt_encoding",
        }
    }
}

/// Holds at most about twice `max` bytes while it works, and gives at most `max`.
pub fn decompress(encoding: Encoding, bytes: Cow<'_, [u8]>, max: usize) -> Result<Vec<u8>, DecompressError> {
    let corrupt = |error: std::io::Error| DecompressError::Corrupt {
        encoding: encoding.as_str(),
        detail: error.to_string(),
    };
    match encoding {
        Encoding::Identity if bytes.len() > max => Err(DecompressError::TooLarge { max }),
        Encoding::Identity => Ok(bytes.into_owned()),
        Encoding::Gzip => read_bounded(MultiGzDecoder::new(&*bytes), bytes.len(), max).map_err(corrupt)?,
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&*bytes).map_err(corrupt)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(corrupt)?;
            read_bounded(decoder, bytes.len(), max).map_err(corrupt)?
        }
    }
}

type Bounded = Result<Vec<u8>, DecompressError>;

fn read_bounded(reader: impl Read, compressed: usize, max: usize) -> std::io::Result<Bounded> {
    let mut body = Vec::with_capacity(compressed.saturating_mul(4).min(max));
    reader.take(max as u64 + 1).read_to_end(&mut body)?;
    Ok(if body.len() > max { Err(DecompressError::TooLarge { max }) } else { Ok(body) })
}

#[cfg(test)]
mod tests;
