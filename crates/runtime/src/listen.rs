//! Sockets that others connect to. It must never accept anybody: when, and how many at once, is the listener's.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait in the system's queue until they are accepted, or as many as `net.core.somaxconn` allows where that is less;
/// the system counts those beyond (`ListenOverflows`). Sockets are bound with 128 unless told otherwise: where a burst finds more than
/// that, the system makes do with SYN cookies, which remember nothing, and resets clients whose request comes before their
/// connection counts.
const UNACCEPTED_MAX: u32 = 4096;

/// A socket at this address, with room for a burst. To be called inside a runtime.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A process that is started again takes the port over from connections that have not quite ended.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(UNACCEPTED_MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    /// More than sockets hold unless they are told to.
    const BURST: usize = 300;

    #[tokio::test]
    async fn a_burst_waits_until_it_is_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut burst = Vec::new();
        for number in 0..BURST {
            let connecting = timeout(Duration::from_secs(5), TcpStream::connect(address)).await;
            burst.push(connecting.unwrap_or_else(|_| panic!("no room for connection {number}")).unwrap());
        }
        for _ in 0..BURST {
            timeout(Duration::from_secs(5), listener.accept()).await.unwrap().unwrap();
        }
    }
}
