//! The calls of one batch: so many at once, and no more bytes of answers together than one answer may have. It must never
//! know who asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::{Asked, Exchange};
use crate::core::error_response;
use crate::metrics::Limit;
use crate::upstream::Arrivals;

/// Of a batch; the others wait for them.
pub(crate) const BATCH_CALLS_AT_ONCE: usize = 64;
/// Answers that come are together no longer than so many times what the batch may hold: a call may be asked of two nodes.
const ARRIVING_TIMES: usize = 2;
/// As nodes say it of their own bound.
const TOO_LARGE: i64 = -32003;

/// What is left for the answers of a batch.
pub(crate) struct BatchRoom {
    bytes_max: usize,
    left: AtomicUsize,
    arrivals: Arc<Arrivals>,
}

impl BatchRoom {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let arrivals = Arc::new(Arrivals::new(bytes_max.saturating_mul(ARRIVING_TIMES)));
        Self { bytes_max, left: AtomicUsize::new(bytes_max), arrivals }
    }

    pub(crate) fn has(&self, bytes: usize) -> bool {
        self.left.load(Ordering::Relaxed) >= bytes
    }

    /// Whether there was room for an answer. Where there was none there is none for any other.
    fn takes(&self, bytes: usize) -> bool {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(bytes)))
            .unwrap_or(0);
        taken >= bytes
    }

    fn is_used_up(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

impl Exchange {
    /// The answer of a batch's member. When the room is used up no node is asked any more.
    pub(crate) async fn member_answer(&self, asked: Asked, room: &BatchRoom) -> Bytes {
        let id = asked.id.clone();
        if !room.is_used_up() {
            let share = room.arrivals.share();
            let answer = self.answer(asked.sharing(Arc::clone(&share)), Some(room)).await;
            if !share.is_refused() && room.takes(answer.len()) {
                return answer;
            }
        }
        self.record.refused.of(Limit::FrameBytes).inc();
        let said = format!("the answers of this batch are longer than {} bytes together", room.bytes_max);
        error_response(id.as_deref().unwrap_or(b"null"), TOO_LARGE, &said).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_leaves_no_room_for_what_would() {
        let room = BatchRoom::new(10);
        assert!(room.takes(4) && room.has(6) && !room.has(7) && room.takes(6));
        assert!(room.is_used_up() && !room.takes(1));
        let room = BatchRoom::new(10);
        assert!(room.takes(9) && !room.is_used_up());
        assert!(!room.takes(2) && room.is_used_up());
        assert!(!room.takes(1));
    }
}
