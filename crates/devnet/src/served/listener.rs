//! The listening socket of a door: there, gone, or hanging, as the gate says; and the connections that came over it. The
//! port stays ours all the time. It must never know what is said on a connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::door::{Door, Standing};
use super::shared::drained;
use crate::node::Gate;

/// TCP connections of one server. One more is closed at once.
const OPEN_MAX: usize = 8_192;
const BACKLOG: u32 = 1_024;
/// Our own connections that fill the queue of a socket that hangs: the system takes few, and each is tried for a while.
const FILLERS_MAX: usize = 8;
const FILLER_PATIENCE: Duration = Duration::from_millis(50);
/// How long connections may take to say goodbye when the devnet stops.
const GOODBYE: Duration = Duration::from_secs(2);
/// A pause after the process could not accept, usually for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Holds a port without listening on it: whoever connects is refused.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

enum Bound {
    Nothing,
    Listening(TcpListener),
    /// The queue of the socket is full of the connections beside it.
    Hanging {
        _listener: TcpListener,
        _fillers: Vec<TcpStream>,
    },
}

impl Port {
    /// Port 0: any that is free.
    pub(super) fn hold(address: SocketAddr) -> io::Result<Self> {
        if address.port() != 0 {
            // Without sharing: where somebody else listens, this says so.
            std::net::TcpListener::bind(address)?;
        }
        let held = socket(address)?;
        Ok(Self { address: held.local_addr()?, _held: held })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn listen(&self, backlog: u32) -> io::Result<TcpListener> {
        socket(self.address)?.listen(backlog)
    }

    /// The system drops the first packet of whoever comes while the queue of the socket is full.
    async fn hang(&self) -> io::Result<Bound> {
        let listener = self.listen(0)?;
        let mut fillers = Vec::new();
        for _ in 0..FILLERS_MAX {
            match tokio::time::timeout(FILLER_PATIENCE, TcpStream::connect(self.address)).await {
                Ok(filler) => fillers.push(filler?),
                Err(_) => break,
            }
        }
        Ok(Bound::Hanging { _listener: listener, _fillers: fillers })
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Runs until the drain starts, then lets connections end. `serve` is given a connection and how often the node had ended
/// when it came.
pub(super) async fn run<F, S>(port: Port, door: Arc<Door>, mut drain: watch::Receiver<bool>, serve: S)
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(TcpStream, u64) -> F,
{
    let mut standing = door.watch();
    let mut connections = JoinSet::new();
    let mut bound = Bound::Nothing;
    let mut gate = None;
    loop {
        let Standing { gate: now, change, endings, .. } = *standing.borrow_and_update();
        if gate != Some(now) {
            bound = change_over(&port, bound, now).await;
            gate = Some(now);
        }
        door.took_effect(change);
        tokio::select! {
            () = drained(&mut drain) => break,
            _ = standing.changed() => {}
            stream = accept(&bound), if now == Gate::Open => {
                // With the endings that were known here: if there was one meanwhile, it is theirs as well.
                if door.open() < OPEN_MAX {
                    connections.spawn(serve(stream, endings));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(bound);
    let ended = async { while connections.join_next().await.is_some() {} };
    // Whoever has not gone by then is let go of.
    let _ = tokio::time::timeout(GOODBYE, ended).await;
}

/// A port that is ours can be listened on; where it cannot, nobody gets in, which tests will say.
async fn change_over(port: &Port, bound: Bound, gate: Gate) -> Bound {
    match (gate, bound) {
        (Gate::Open | Gate::Frozen, Bound::Listening(listener)) => Bound::Listening(listener),
        (Gate::Open | Gate::Frozen, other) => {
            drop(other);
            port.listen(BACKLOG).map_or(Bound::Nothing, Bound::Listening)
        }
        (Gate::Closed, _) => Bound::Nothing,
        (Gate::Hanging, other) => {
            drop(other);
            port.hang().await.unwrap_or(Bound::Nothing)
        }
    }
}

async fn accept(bound: &Bound) -> TcpStream {
    let Bound::Listening(listener) = bound else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers are not held back; a socket that is gone already is found out soon.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
        }
    }
}
