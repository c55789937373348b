//! What a client is told whose connection is not served, in the protocol of the listener, where that needs no handshake.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a client may take to read it.
const PATIENCE: Duration = Duration::from_secs(1);
const READ_BYTES_MAX: usize = 64 * 1024;

/// HTTP/1.1, which says when to come again.
const OVER_HTTP: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 80\r\n\r\n\
    this address has as many connections as it may (--connections-per-address-max)\r\n";
/// HTTP/2: empty SETTINGS, then GOAWAY with ENHANCE_YOUR_CALM and a word about it.
const OVER_GRPC: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x1c\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0btoo many connections";

/// How a listener takes its leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    Http,
    Grpc,
}

impl Farewell {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Http => OVER_HTTP,
            Self::Grpc => OVER_GRPC,
        }
    }

    /// Reads on for a moment: to close at once would take the words back from a client that is still sending.
    pub(super) async fn say(self, mut stream: TcpStream) {
        let saying = async {
            stream.write_all(self.text()).await?;
            stream.shutdown().await?;
            let (mut buffer, mut read) = ([0; 4096], 0);
            while read < READ_BYTES_MAX {
                match stream.read(&mut buffer).await? {
                    0 => break,
                    more => read += more,
                }
            }
            Ok::<_, std::io::Error>(())
        };
        let _ = tokio::time::timeout(PATIENCE, saying).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_what_follows() {
        let text = std::str::from_utf8(OVER_HTTP).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{}", body.len());
        let goaway = &OVER_GRPC[9..];
        assert_eq!(usize::from(goaway[2]), goaway.len() - 9);
        assert_eq!((goaway[3], &goaway[9..17]), (7, &[0, 0, 0, 0, 0, 0, 0, 0xb][..]));
    }
}
