//! Keeps the frame mark out of payloads, so that a payload can never pass for a frame.
//!
//! A frame begins with four bytes, [`MARK`]. Where a payload contains the first three of them, a zero byte is
//! stored after those three; since the fourth byte of the mark is not zero, the mark never occurs in what is
//! stored. Ordinary payloads contain the three bytes about once in 16 MiB; the worst grow by a third.

use memchr::memmem;

/// The four bytes every frame begins with. All differ, so that no end of a payload and beginning of a frame can
/// be read as a mark other than the frame's own.
pub(crate) const MARK: [u8; 4] = [0xC5, 0x1A, 0x9E, 0x37];
const PREFIX: &[u8] = MARK.split_at(3).0;
const FILLER: u8 = 0;

/// The most bytes that a payload of `payload_bytes` can take when stored.
pub(crate) const fn stored_bytes_max(payload_bytes: usize) -> usize {
    payload_bytes + payload_bytes / PREFIX.len()
}

/// Appends `payload` to `out` without any mark in it; tells whether that changed it.
pub(crate) fn stuff(payload: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = payload;
    let mut changed = false;
    let finder = memmem::Finder::new(PREFIX);
    while let Some(at) = finder.find(rest) {
        let (head, tail) = rest.split_at(at + PREFIX.len());
        out.extend_from_slice(head);
        out.push(FILLER);
        rest = tail;
        changed = true;
    }
    out.extend_from_slice(rest);
    changed
}

/// Appends to `out` the payload that was stored as `stored`; false if nothing is ever stored like that.
pub(crate) fn restore(stored: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = stored;
    let finder = memmem::Finder::new(PREFIX);
    while let Some(at) = finder.find(rest) {
        let (head, tail) = rest.split_at(at + PREFIX.len());
        let Some((&FILLER, tail)) = tail.split_first() else { return false };
        out.extend_from_slice(head);
        rest = tail;
    }
    out.extend_from_slice(rest);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(payload: &[u8]) {
        let mut stored = Vec::new();
        let changed = stuff(payload, &mut stored);
        assert_eq!(changed, stored != payload);
        assert!(stored.len() <= stored_bytes_max(payload.len()));
        let mut framed = stored.clone();
        framed.extend_from_slice(&MARK);
        assert_eq!(
            memmem::find(&framed, &MARK),
            Some(stored.len()),
            "the mark is only where the next frame is"
        );
        let mut restored = Vec::new();
        assert!(restore(&stored, &mut restored));
        assert_eq!(restored, payload);
    }

    #[test]
    fn hostile_payloads_come_back_and_hold_no_mark() {
        check(b"");
        check(b"plain");
        check(&MARK);
        check(&MARK[..3]);
        check(&MARK.repeat(100));
        check(&PREFIX.repeat(100));
        check(&[PREFIX, &[FILLER], &MARK, PREFIX, PREFIX].concat());
    }

    #[test]
    fn bytes_that_were_never_stored_are_refused() {
        assert!(!restore(&MARK, &mut Vec::new()));
        assert!(!restore(PREFIX, &mut Vec::new()));
    }

    proptest! {
        #[test]
        fn any_payload_comes_back(pieces in prop::collection::vec(prop::sample::select(vec![0xC5u8, 0x1A, 0x9E, 0x37, 0, 1]), 0..200)) {
            check(&pieces);
        }
    }
}
