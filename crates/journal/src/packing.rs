//! Payloads made smaller: one LZ4 block each, so that a lookup reads and restores what it asked for and nothing else.
//!
//! Telemetry says the same names again and again: it shrinks to between a third and a seventh. What that costs and saves
//! stands in `doc/decisions/0010-lz4-per-entry.md`.

use std::cell::Cell;

use lz4::block::{CompressionMode, compress_bound, compress_to_buffer};
use lz4_flex::block::decompress_into;

/// Looks at every second place that a repetition could begin at, once it has found none for a while: a fifth faster than
/// at every one, and two hundredths longer.
const MODE: CompressionMode = CompressionMode::FAST(2);
/// Shorter payloads are stored as they are.
const PAYLOAD_BYTES_MIN: usize = 256;
/// Bytes before the block: how long the payload is.
const LENGTH_BYTES: usize = 4;
/// What a thread keeps for the next payload; a larger one gets a buffer of its own.
const ROOM_KEPT_MAX: usize = 1 << 20;

thread_local! {
    /// Room for the worst case, which is longer than the payload. Kept, so that it is not made and cleared for each.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The payload as it is stored if that is shorter by an eighth at least.
pub(crate) fn pack(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() < PAYLOAD_BYTES_MIN {
        return None;
    }
    let mut room = ROOM.take();
    let packed = pack_in(payload, &mut room);
    if room.len() <= ROOM_KEPT_MAX {
        ROOM.set(room);
    }
    packed
}

fn pack_in(payload: &[u8], room: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok()?;
    let bytes_max = LENGTH_BYTES + compress_bound(payload.len()).ok()?;
    if room.len() < bytes_max {
        room.resize(bytes_max, 0);
    }
    room[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    let bytes =
        compress_to_buffer(payload, Some(MODE), false, &mut room[LENGTH_BYTES..]).ok()? + LENGTH_BYTES;
    (bytes <= payload.len() - payload.len() / 8).then(|| room[..bytes].to_vec())
}

/// Replaces `out` by the payload that was stored as `packed`; false if it is none, or longer than `payload_bytes_max`.
pub(crate) fn unpack(packed: &[u8], payload_bytes_max: usize, out: &mut Vec<u8>) -> bool {
    let Some((length, packed)) = packed.split_first_chunk::<LENGTH_BYTES>() else { return false };
    let length = u32::from_le_bytes(*length) as usize;
    if length > payload_bytes_max {
        return false;
    }
    out.clear();
    out.resize(length, 0);
    decompress_into(packed, out).is_ok_and(|bytes| bytes == length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn restored(packed: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
        let mut out = vec![1, 2, 3];
        unpack(packed, bytes_max, &mut out).then_some(out)
    }

    #[test]
    fn what_repeats_is_made_smaller_and_comes_back() {
        let payload = b"http.request.method POST ".repeat(100);
        let packed = pack(&payload).unwrap();
        assert!(packed.len() < payload.len() / 5, "{}", packed.len());
        assert_eq!(restored(&packed, payload.len()), Some(payload.clone()));
        assert_eq!(restored(&packed, payload.len() - 1), None, "longer than is allowed");
    }

    #[test]
    fn what_is_short_or_does_not_repeat_stays_as_it_is() {
        assert_eq!(pack(&[7; PAYLOAD_BYTES_MIN - 1]), None);
        let mut word = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            word = word.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (word >> 56) as u8
        })
        .take(4096)
        .collect();
        assert_eq!(pack(&noise), None);
    }

    #[test]
    fn room_is_kept_for_what_is_usual_and_leaves_nothing_behind() {
        let (long, longer) = (b"long payload ".repeat(1000), b"a very long one ".repeat(ROOM_KEPT_MAX / 8));
        let first = pack(&long);
        assert_eq!(restored(&pack(&longer).unwrap(), longer.len()), Some(longer));
        let short = [b'x'; PAYLOAD_BYTES_MIN];
        assert_eq!(restored(&pack(&short).unwrap(), short.len()), Some(short.to_vec()));
        assert_eq!(pack(&long), first);
        let kept = ROOM.take().len();
        assert!((long.len()..=ROOM_KEPT_MAX).contains(&kept), "{kept}");
    }

    #[test]
    fn bytes_that_were_never_stored_are_refused() {
        let packed = pack(&[7; 1000]).unwrap();
        assert_eq!(restored(&packed[..3], 1000), None);
        assert_eq!(restored(&packed[..packed.len() - 1], 1000), None);
        let mut longer = packed.clone();
        longer[..4].copy_from_slice(&1001_u32.to_le_bytes());
        assert_eq!(restored(&longer, 2000), None);
    }

    proptest! {
        #[test]
        fn any_payload_that_is_packed_comes_back(
            word in prop::collection::vec(any::<u8>(), 1..40), times in 1_usize..200,
        ) {
            let payload = word.repeat(times);
            if let Some(packed) = pack(&payload) {
                prop_assert_eq!(restored(&packed, payload.len()), Some(payload));
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = restored(&bytes, 1 << 16);
        }
    }
}
