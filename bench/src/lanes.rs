//! Connections that send at the same time, each in a task of its own. It must never know what, to whom, or how fast.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// One of the connections.
pub(crate) trait Lane: Send + 'static {
    /// What came of it.
    type Sent: Default + AddAssign + Send + 'static;

    /// Comes back when what was begun before the end has been answered.
    fn send_until(&mut self, end: Instant) -> impl Future<Output = anyhow::Result<Self::Sent>> + Send;
}

/// Comes back when everything that was begun has been answered.
pub(crate) async fn send_for<L: Lane>(lanes: &mut Vec<L>, seconds: f64) -> anyhow::Result<L::Sent> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut tasks = JoinSet::new();
    for mut lane in lanes.drain(..) {
        tasks.spawn(async move {
            let sent = lane.send_until(end).await;
            (lane, sent)
        });
    }
    let mut all = L::Sent::default();
    while let Some(done) = tasks.join_next().await {
        let (lane, sent) = done?;
        all += sent?;
        lanes.push(lane);
    }
    Ok(all)
}
