//! What the system itself takes for telling many at once: a thread that writes ready bytes to as many connections, and does
//! nothing else. It must never know what a proxy is.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::followers::HEAD_EVERY;
use super::heat::Plan;
use crate::cell::Bed;
use crate::machine::{self, ProcessorTime};

const TOLD_WITHIN: Duration = Duration::from_secs(20);

enum Order {
    /// One write to each.
    Tell,
    Used(oneshot::Sender<anyhow::Result<ProcessorTime>>),
}

/// Bytes that all readers together have had.
#[derive(Default)]
struct Had {
    bytes: AtomicU64,
    more: Notify,
}

/// Microseconds of the writer's processor time for a write of so many bytes to one of so many clients, by turns.
pub(super) async fn us_per_write(
    bed: &Bed,
    clients: usize,
    bytes: usize,
    plan: &Plan,
) -> anyhow::Result<Vec<f64>> {
    let (had, mut readers) = (Arc::new(Had::default()), JoinSet::new());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut writers = Vec::new();
    for _ in 0..clients {
        let reader = TcpStream::connect(listener.local_addr()?)?;
        let (writer, _) = listener.accept()?;
        writer.set_nodelay(true)?;
        writers.push(writer);
        readers.spawn(read(reader, bytes, Arc::clone(&had)));
    }
    // One order is given when the last was carried out.
    let (orders, taken) = mpsc::sync_channel(1);
    let core = bed.cores.map(|(servers, _)| servers);
    let thread = std::thread::spawn(move || write(core, &mut writers, &vec![b'x'; bytes], &taken));
    let (mut us, mut due) = (Vec::new(), 0);
    for turn in 0..=plan.turns {
        let before = used(&orders).await?;
        let (end, mut writes) = (Instant::now() + Duration::from_secs_f64(plan.turn_s), 0);
        while Instant::now() < end {
            let next = tokio::time::Instant::now() + HEAD_EVERY;
            orders.send(Order::Tell).ok().context("the writer ended")?;
            (due, writes) = (due + (clients * bytes) as u64, writes + clients as u64);
            let all = async {
                while had.bytes.load(Ordering::Relaxed) < due {
                    had.more.notified().await;
                }
            };
            timeout(TOLD_WITHIN, all).await.context("not everybody had what was written")?;
            tokio::time::sleep_until(next).await;
        }
        // The first is a warm-up.
        if turn > 0 {
            us.push(used(&orders).await?.since(before).total_s() * 1e6 / writes as f64);
        }
    }
    drop(orders);
    thread.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    Ok(us)
}

async fn used(orders: &mpsc::SyncSender<Order>) -> anyhow::Result<ProcessorTime> {
    let (reply, used) = oneshot::channel();
    orders.send(Order::Used(reply)).ok().context("the writer ended")?;
    used.await?
}

fn write(
    core: Option<usize>,
    writers: &mut [TcpStream],
    bytes: &[u8],
    orders: &mpsc::Receiver<Order>,
) -> anyhow::Result<()> {
    if let Some(core) = core {
        machine::pin(core)?;
    }
    while let Ok(order) = orders.recv() {
        match order {
            Order::Tell => writers.iter_mut().try_for_each(|writer| writer.write_all(bytes))?,
            // Who asked is there.
            Order::Used(reply) => drop(reply.send(ProcessorTime::of_this_thread())),
        }
    }
    Ok(())
}

async fn read(stream: TcpStream, bytes: usize, had: Arc<Had>) -> anyhow::Result<()> {
    stream.set_nonblocking(true)?;
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    let mut room = vec![0; bytes];
    loop {
        let read = stream.read(&mut room).await?;
        if read == 0 {
            return Ok(());
        }
        had.bytes.fetch_add(read as u64, Ordering::Relaxed);
        had.more.notify_one();
    }
}
