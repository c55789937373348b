//! Time for the network: mines at the interval, and takes the steps that are due. It must never know a connection.

use std::sync::Arc;

use tokio::sync::watch;

use super::shared::{Shared, drained};

/// Runs until the drain starts.
pub(super) async fn run(shared: Arc<Shared>, mut drain: watch::Receiver<bool>) {
    let mut mined_ms = shared.now_ms();
    loop {
        let block_ms = shared.block_ms();
        let mine_at = shared.instant(mined_ms.saturating_add(block_ms));
        tokio::select! {
            () = drained(&mut drain) => return,
            () = tokio::time::sleep_until(mine_at), if block_ms > 0 => {
                // From when it was due, so that blocks do not drift; from now, where that is long ago.
                mined_ms = (mined_ms + block_ms).max(shared.now_ms().saturating_sub(block_ms));
                shared.step(|network, now_ms| network.mine(now_ms));
            }
            () = shared.due() => {
                if block_ms == 0 {
                    mined_ms = shared.now_ms();
                }
                shared.step(|network, now_ms| ((), network.advance(now_ms)));
            }
        }
    }
}
