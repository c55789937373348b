//! One connection to a node, TCP and TLS, within a time. It must never say more of a failure than its class.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::core::Fault;

/// What a WebSocket runs over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub(crate) async fn dial(
    url: &Url,
    tls: &Arc<rustls::ClientConfig>,
    within: Duration,
) -> Result<Box<dyn Wire>, Fault> {
    timeout(within, connect(url, tls)).await.unwrap_or(Err(Fault::DialTimeout))
}

async fn connect(url: &Url, tls: &Arc<rustls::ClientConfig>) -> Result<Box<dyn Wire>, Fault> {
    let host = url.host_str().ok_or(Fault::Refused)?;
    let port = url.port_or_known_default().ok_or(Fault::Refused)?;
    // An IPv6 address stands in brackets in a URL and without them everywhere else.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((host, port)).await.map_err(|error| fault_of(&error))?;
    // A call waits for its answer, so nothing is gained by waiting for more to send.
    let _ = tcp.set_nodelay(true);
    if !matches!(url.scheme(), "wss" | "https") {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Fault::Refused)?;
    let encrypted = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
    encrypted.map(|stream| Box::new(stream) as Box<dyn Wire>).map_err(|error| fault_of(&error))
}

pub(super) fn fault_of(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::TimedOut => Fault::DialTimeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            Fault::Reset
        }
        _ => Fault::Refused,
    }
}
