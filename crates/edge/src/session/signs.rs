//! What reaches a session from beside its connection: that it is to end, and what is thought of its signs of life. All of it is
//! rare, so each is looked at only once it called, and not whenever something is to be written. It must never know what a
//! client says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use runtime::DrainHandle;

use super::Leaving;
use crate::outbound::{CLOSED, DRAINING, Ending, REVOKED};
use crate::pulse::{Pulse, Verdict};

pub(super) enum Sign {
    /// It ends once what was asked is answered.
    Over(Ending),
    /// What is not answered by now is not.
    Late,
    Judged(Verdict),
}

pub(super) struct Signs {
    all: FuturesUnordered<Pin<Box<dyn Future<Output = Sign> + Send>>>,
    pulse: Arc<Pulse>,
}

impl Signs {
    pub(super) fn new(
        Leaving { mut drain, mut late }: Leaving,
        mut closing: DrainHandle,
        revoked: Option<DrainHandle>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let signs = Self { all: FuturesUnordered::new(), pulse };
        signs.all.push(Box::pin(async move {
            tokio::select! {
                () = drain.started() => Sign::Over(DRAINING),
                () = closing.started() => Sign::Over(CLOSED),
                () = started(revoked) => Sign::Over(REVOKED),
            }
        }));
        signs.all.push(Box::pin(async move {
            late.started().await;
            Sign::Late
        }));
        signs.is_to_be_judged();
        signs
    }

    /// May be dropped at any time and begun again.
    pub(super) async fn next(&mut self) -> Sign {
        let Some(sign) = self.all.next().await else { return std::future::pending().await };
        if let Sign::Judged(_) = sign {
            self.is_to_be_judged();
        }
        sign
    }

    fn is_to_be_judged(&self) {
        let pulse = Arc::clone(&self.pulse);
        self.all.push(Box::pin(async move { Sign::Judged(pulse.verdict().await) }));
    }
}

/// Never where there is nothing that could start.
async fn started(signal: Option<DrainHandle>) {
    match signal {
        Some(mut signal) => signal.started().await,
        None => std::future::pending().await,
    }
}
