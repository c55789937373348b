//! The load: connections that send traffic for a while, as fast as the answers come or at a given pace.
//! It must never know what the server pays for it.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use model::Nanos;
use serde::Serialize;
use tokio::time::{sleep, sleep_until};

use crate::connection::{Answer, Connection, Transport};
use crate::lanes;
use crate::stamp::{Body, Stamper};

const COME_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// How long and how hard.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plan {
    pub(crate) connections: u16,
    pub(crate) warm_up_s: f64,
    pub(crate) repeat_s: f64,
    pub(crate) repeats: usize,
    /// Over all connections; as fast as the answers come where it is not given.
    pub(crate) spans_per_s: Option<f64>,
}

#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) spans: u64,
    /// Answers that asked to come again later.
    pub(crate) busy: u64,
    /// From sending a request until it was durable.
    pub(crate) answers_ms: Vec<f64>,
}

/// One connection with its own ids and its own place in the traffic.
#[derive(Debug)]
struct Lane {
    connection: Connection,
    stamper: Stamper,
    bodies: Arc<Vec<Body>>,
    next: usize,
    /// Between two requests.
    pace: Option<Duration>,
}

/// Every connection of a measurement.
#[derive(Debug)]
pub(crate) struct Load {
    lanes: Vec<Lane>,
}

impl Load {
    pub(crate) async fn connect(
        transport: Transport,
        address: SocketAddr,
        bodies: Vec<Body>,
        plan: &Plan,
    ) -> anyhow::Result<Self> {
        let bodies = Arc::new(bodies);
        let batch = bodies.first().map_or(0, |body| body.spans) as f64;
        let connections = f64::from(plan.connections);
        let pace = plan.spans_per_s.map(|rate| Duration::from_secs_f64(batch * connections / rate));
        let mut lanes = Vec::new();
        for number in 0..plan.connections {
            let connection = Connection::open(transport, address).await?;
            let next = usize::from(number) * bodies.len() / usize::from(plan.connections);
            let stamper = Stamper::new(number);
            lanes.push(Lane { connection, stamper, bodies: Arc::clone(&bodies), next, pace });
        }
        Ok(Self { lanes })
    }

    /// Comes back when every request that was begun has been answered.
    pub(crate) async fn send_for(&mut self, seconds: f64) -> anyhow::Result<Sent> {
        lanes::send_for(&mut self.lanes, seconds).await
    }
}

impl lanes::Lane for Lane {
    type Sent = Sent;

    async fn send_until(&mut self, end: Instant) -> anyhow::Result<Sent> {
        let mut sent = Sent::default();
        let mut due = Instant::now();
        while due.max(Instant::now()) < end {
            if let Some(pace) = self.pace {
                sleep_until(due.into()).await;
                due += pace;
            }
            self.send_one(&mut sent).await?;
        }
        Ok(sent)
    }
}

impl Lane {
    async fn send_one(&mut self, sent: &mut Sent) -> anyhow::Result<()> {
        let body = &self.bodies[self.next % self.bodies.len()];
        self.next += 1;
        loop {
            let bytes = body.stamped(&mut self.stamper, now());
            let begun = Instant::now();
            match self.connection.send(bytes).await? {
                Answer::Taken => {
                    sent.spans += body.spans as u64;
                    sent.answers_ms.push(begun.elapsed().as_secs_f64() * 1e3);
                    return Ok(());
                }
                Answer::Busy => {
                    sent.busy += 1;
                    sleep(COME_AGAIN_AFTER).await;
                }
            }
        }
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.spans += other.spans;
        self.busy += other.busy;
        self.answers_ms.extend(other.answers_ms);
    }
}

fn now() -> Nanos {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}
