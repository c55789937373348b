//! One frame: a header with its own checksum, and a payload.
//!
//! The header's checksum covers the frame's position, so bytes that were a valid frame elsewhere are none here.

use crate::{
    packing,
    stuffing::{self, MARK},
};

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 28;
const STUFFED: u8 = 1;
const PACKED: u8 = 2;

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_crc: u32,
    /// Bytes of the payload as stored.
    pub(crate) stored_bytes: u32,
    pub(crate) received_ns: u64,
    pub(crate) kind: u8,
    /// Whether the payload is stored with filler bytes.
    pub(crate) stuffed: bool,
    /// Whether it is stored compressed.
    pub(crate) packed: bool,
}

/// What a payload is restored in.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    unstuffed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl Header {
    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored_bytes)
    }

    fn encode(&self, position: u64) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&MARK);
        bytes[8..12].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.received_ns.to_le_bytes());
        bytes[24] = self.kind;
        bytes[25] = if self.stuffed { STUFFED } else { 0 } | if self.packed { PACKED } else { 0 };
        // Bytes 26 and 27 stay zero: a payload's first bytes cannot complete a mark begun in the header.
        let crc = checksum(position, &bytes);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header in `bytes`, if they are one that was written at `position`.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES], position: u64) -> Option<Self> {
        if bytes[0..4] != MARK || word(bytes, 4) != checksum(position, bytes) {
            return None;
        }
        if bytes[25] & !(STUFFED | PACKED) != 0 || bytes[26..28] != [0, 0] {
            return None;
        }
        Some(Self {
            payload_crc: word(bytes, 8),
            stored_bytes: word(bytes, 12),
            received_ns: u64::from(word(bytes, 16)) | u64::from(word(bytes, 20)) << 32,
            kind: bytes[24],
            stuffed: bytes[25] & STUFFED != 0,
            packed: bytes[25] & PACKED != 0,
        })
    }

    /// The payload that is stored as `stored`, in it or in the scratch; `None` if nothing is ever stored like that.
    pub(crate) fn restore<'a>(
        &self,
        stored: &'a [u8],
        payload_bytes_max: usize,
        scratch: &'a mut Scratch,
    ) -> Option<&'a [u8]> {
        let mut payload = stored;
        if self.stuffed {
            scratch.unstuffed.clear();
            if !stuffing::restore(payload, &mut scratch.unstuffed) {
                return None;
            }
            payload = &scratch.unstuffed;
        }
        if self.packed {
            if !packing::unpack(payload, payload_bytes_max, &mut scratch.unpacked) {
                return None;
            }
            payload = &scratch.unpacked;
        }
        Some(payload)
    }
}

/// A payload to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'a> {
    Plain(&'a [u8]),
    Packed(&'a [u8]),
}

impl Form<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        let (Self::Plain(bytes) | Self::Packed(bytes)) = self;
        bytes
    }
}

/// Appends to `out` the frame that stands at `position`. The payload must be shorter than 3 GiB.
pub(crate) fn encode(out: &mut Vec<u8>, position: u64, kind: u8, received_ns: u64, payload: Form<'_>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    let stuffed = stuffing::stuff(payload.bytes(), out);
    let packed = matches!(payload, Form::Packed(_));
    let stored = &out[start + HEADER_BYTES..];
    let stored_bytes = u32::try_from(stored.len()).expect("payloads are refused long before 3 GiB");
    let header =
        Header { payload_crc: crc32c::crc32c(stored), stored_bytes, received_ns, kind, stuffed, packed };
    out[start..start + HEADER_BYTES].copy_from_slice(&header.encode(position));
}

fn checksum(position: u64, header: &[u8; HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&position.to_le_bytes()), &header[8..])
}

fn word(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(frame: &[u8]) -> [u8; HEADER_BYTES] {
        frame[..HEADER_BYTES].try_into().unwrap()
    }

    #[test]
    fn a_frame_has_the_documented_bytes() {
        let mut frame = Vec::new();
        encode(&mut frame, 32, 7, 0x0102_0304_0506_0708, Form::Plain(b"hello"));
        let expected = "c51a9e37 f9e6af83 4cbb719a 05000000 0807060504030201 07 00 0000 68656c6c6f";
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected.replace(' ', ""));
    }

    #[test]
    fn a_header_is_valid_only_at_its_own_position() {
        let mut frame = Vec::new();
        encode(&mut frame, 32, 7, 99, Form::Plain(b"hello"));
        let header = Header::decode(&header_of(&frame), 32).unwrap();
        assert_eq!((header.kind, header.received_ns, header.stored_bytes), (7, 99, 5));
        assert_eq!(header.frame_bytes(), frame.len() as u64);
        assert_eq!(Header::decode(&header_of(&frame), 33), None);
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let mut frame = Vec::new();
        encode(&mut frame, 4096, 1, 5, Form::Plain(b"payload"));
        for bit in 0..HEADER_BYTES * 8 {
            let mut damaged = header_of(&frame);
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&damaged, 4096), None, "bit {bit}");
        }
    }
}
