//! WebSockets in bytes, as a server speaks them (RFC 6455): frames that clients send become messages, and what is told them
//! becomes frames. Many messages that came together are read one after the other without copying. It must never know a
//! socket, nor what a message says.

use bytes::{Buf as _, Bytes, BytesMut};

const CONTINUED: u8 = 0;
pub const TEXT: u8 = 1;
const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Frames that are no messages are no longer than this.
const CONTROL_BYTES_MAX: usize = 125;
/// A frame that is told a client has no more bytes than this before what it says.
pub const HEAD_BYTES_MAX: usize = 10;

/// What a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Text is UTF-8.
    Message(Bytes),
    Ping(Bytes),
    Pong,
    /// With its code, where it has one.
    Goodbye(Option<u16>),
}

/// Nothing behind this can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    Protocol,
    NoText,
    TooLong,
}

/// From bytes to messages.
#[derive(Debug)]
pub struct Decoder {
    message_bytes_max: usize,
    /// Of a message that comes in pieces, those that came.
    pieces: Option<Pieces>,
}

#[derive(Debug)]
struct Pieces {
    is_text: bool,
    bytes: BytesMut,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    is_final: bool,
    kind: u8,
    mask: [u8; 4],
    /// Of the head itself.
    bytes: usize,
    length: usize,
}

impl Decoder {
    pub fn new(message_bytes_max: usize) -> Self {
        Self { message_bytes_max, pieces: None }
    }

    /// The next that is whole, taken off the bytes.
    pub fn next(&mut self, bytes: &mut BytesMut) -> Result<Option<Heard>, Broken> {
        loop {
            let Some(head) = self.head(bytes)? else { return Ok(None) };
            if bytes.len() < head.bytes + head.length {
                return Ok(None);
            }
            bytes.advance(head.bytes);
            let mut said = bytes.split_to(head.length);
            unmask(&mut said, head.mask);
            if let Some(heard) = self.take(head, said)? {
                return Ok(Some(heard));
            }
        }
    }

    /// What speaks against a frame is known before it is whole.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, Broken> {
        let &[first, second, ..] = bytes else { return Ok(None) };
        let (is_final, kind, short) = (first & FINAL != 0, first & 0x0f, usize::from(second & !MASKED));
        let is_control = kind >= CLOSE;
        let is_known = matches!(kind, CONTINUED | TEXT | BINARY | CLOSE | PING | PONG);
        let is_in_turn = is_control || (kind == CONTINUED) == self.pieces.is_some();
        let is_control_right = !is_control || is_final;
        if first & 0x70 != 0 || second & MASKED == 0 || !is_known || !is_in_turn || !is_control_right {
            return Err(Broken::Protocol);
        }
        let number = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit));
        let (length, before_mask) = match short {
            126 => (bytes.get(2..4).map(number), 4),
            127 => (bytes.get(2..10).map(number), 10),
            short => (Some(short as u64), 2),
        };
        let Some(length) = length else { return Ok(None) };
        if is_control && length > CONTROL_BYTES_MAX as u64 {
            return Err(Broken::Protocol);
        }
        let before = self.pieces.as_ref().map_or(0, |pieces| pieces.bytes.len());
        let most = if is_control { CONTROL_BYTES_MAX } else { self.message_bytes_max.saturating_sub(before) };
        let length = usize::try_from(length).ok().filter(|length| *length <= most).ok_or(Broken::TooLong)?;
        let Some(&mask) = bytes.get(before_mask..).and_then(|rest| rest.first_chunk()) else {
            return Ok(None);
        };
        Ok(Some(Head { is_final, kind, mask, bytes: before_mask + 4, length }))
    }

    fn take(&mut self, head: Head, said: BytesMut) -> Result<Option<Heard>, Broken> {
        match head.kind {
            PING => return Ok(Some(Heard::Ping(said.freeze()))),
            PONG => return Ok(Some(Heard::Pong)),
            CLOSE => return goodbye(&said).map(Some),
            _ => {}
        }
        let is_text = head.kind == TEXT;
        let pieces = match self.pieces.take() {
            None if head.is_final => Pieces { is_text, bytes: said },
            // A view of what was read would keep all of it.
            None => Pieces { is_text, bytes: BytesMut::from(&*said) },
            Some(mut pieces) => {
                pieces.bytes.extend_from_slice(&said);
                pieces
            }
        };
        if !head.is_final {
            self.pieces = Some(pieces);
            return Ok(None);
        }
        if pieces.is_text && std::str::from_utf8(&pieces.bytes).is_err() {
            return Err(Broken::NoText);
        }
        Ok(Some(Heard::Message(pieces.bytes.freeze())))
    }
}

fn goodbye(said: &[u8]) -> Result<Heard, Broken> {
    let code = match said {
        [] => return Ok(Heard::Goodbye(None)),
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        [_] => return Err(Broken::Protocol),
    };
    // Others are for no frame, or nobody's.
    let may_be_said = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    match std::str::from_utf8(said.get(2..).unwrap_or_default()) {
        Ok(_) if may_be_said => Ok(Heard::Goodbye(Some(code))),
        Ok(_) => Err(Broken::Protocol),
        Err(_) => Err(Broken::NoText),
    }
}

/// Eight bytes at a time, as far as there are.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (eights, rest) = bytes.as_chunks_mut::<8>();
    for eight in eights {
        *eight = (u64::from_ne_bytes(*eight) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

/// What stands before so many bytes of a frame.
pub fn put_head(out: &mut Vec<u8>, kind: u8, length: usize) {
    out.reserve(HEAD_BYTES_MAX + length.min(CONTROL_BYTES_MAX));
    out.push(FINAL | kind);
    match length {
        0..=125 => out.push(length as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// A whole frame.
pub fn put(out: &mut Vec<u8>, kind: u8, said: &[u8]) {
    put_head(out, kind, said.len());
    out.extend_from_slice(said);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [0x12, 0x34, 0xab, 0xcd];
    const MESSAGE_BYTES_MAX: usize = 70_000;

    /// As a client writes it.
    fn frame(first: u8, said: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_head(&mut out, first & 0x0f, said.len());
        (out[0], out[1]) = (first, out[1] | MASKED);
        out.extend_from_slice(&MASK);
        out.extend(said.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    fn all(bytes: &[u8]) -> (Vec<Heard>, Option<Broken>) {
        let (mut decoder, mut bytes) = (Decoder::new(MESSAGE_BYTES_MAX), BytesMut::from(bytes));
        let mut heard = Vec::new();
        loop {
            match decoder.next(&mut bytes) {
                Ok(Some(next)) => heard.push(next),
                Ok(None) => return (heard, None),
                Err(broken) => return (heard, Some(broken)),
            }
        }
    }

    fn message(text: &[u8]) -> Heard {
        Heard::Message(Bytes::copy_from_slice(text))
    }

    #[test]
    fn messages_are_read_one_after_the_other_and_in_pieces_around_a_ping() {
        let stream = [
            frame(FINAL | TEXT, b"one"),
            frame(FINAL | BINARY, &[0xff]),
            frame(TEXT, "\u{e9}".as_bytes().get(..1).unwrap()),
            frame(FINAL | PING, b"?"),
            frame(CONTINUED, "\u{e9}".as_bytes().get(1..).unwrap()),
            frame(FINAL | CONTINUED, b"!"),
            frame(FINAL | PONG, b""),
            frame(FINAL | CLOSE, &[0x03, 0xe8, b'x']),
        ];
        let expected = vec![
            message(b"one"),
            message(&[0xff]),
            Heard::Ping(Bytes::from_static(b"?")),
            message("\u{e9}!".as_bytes()),
            Heard::Pong,
            Heard::Goodbye(Some(1000)),
        ];
        assert_eq!(all(&stream.concat()), (expected, None));
    }

    #[test]
    fn what_is_no_frame_is_known_before_it_is_whole() {
        let long =
            |kind: u8, length: u64| [&[FINAL | kind, MASKED | 127][..], &length.to_be_bytes()].concat();
        let cases = [
            (vec![FINAL | TEXT, 3], Broken::Protocol),
            (frame(FINAL | 0x40 | TEXT, b"x"), Broken::Protocol),
            (frame(FINAL | 3, b""), Broken::Protocol),
            (frame(FINAL | CONTINUED, b""), Broken::Protocol),
            ([frame(TEXT, b"a"), frame(FINAL | TEXT, b"b")].concat(), Broken::Protocol),
            (frame(PING, b""), Broken::Protocol),
            (frame(FINAL | PING, &[0; 126]), Broken::Protocol),
            (frame(FINAL | CLOSE, &[3]), Broken::Protocol),
            (frame(FINAL | CLOSE, &1005_u16.to_be_bytes()), Broken::Protocol),
            (frame(FINAL | CLOSE, &[0x03, 0xe8, 0xff]), Broken::NoText),
            (frame(FINAL | TEXT, &[0xff]), Broken::NoText),
            (long(TEXT, MESSAGE_BYTES_MAX as u64 + 1), Broken::TooLong),
            (long(TEXT, u64::MAX), Broken::TooLong),
            ([frame(TEXT, &[b'a'; 40_000]), frame(CONTINUED, &[b'a'; 40_000])].concat(), Broken::TooLong),
        ];
        for (bytes, broken) in cases {
            assert_eq!(all(&bytes), (vec![], Some(broken)), "{:?}", &bytes[..bytes.len().min(12)]);
        }
    }

    #[test]
    fn a_frame_says_how_long_it_is() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let mut out = Vec::new();
            put(&mut out, TEXT, &vec![b'x'; length]);
            assert_eq!(out[0], FINAL | TEXT);
            assert_eq!(out[1] & MASKED, 0);
            assert!(out.ends_with(&vec![b'x'; length]) && out.len() <= length + HEAD_BYTES_MAX);
            assert_eq!(all(&frame(FINAL | TEXT, &vec![b'x'; length])).0, [message(&vec![b'x'; length])]);
        }
    }

    proptest! {
        #[test]
        fn messages_are_the_same_wherever_they_are_cut(
            said in proptest::collection::vec("[a-z\u{e9}]{0,200}", 1..6),
            cuts in proptest::collection::vec(1_usize..40, 1..40),
        ) {
            let stream: Vec<u8> = said.iter().flat_map(|text| frame(FINAL | TEXT, text.as_bytes())).collect();
            let (mut decoder, mut bytes) = (Decoder::new(MESSAGE_BYTES_MAX), BytesMut::new());
            let (mut heard, mut rest, mut cuts) = (Vec::new(), &stream[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                bytes.extend_from_slice(now);
                rest = later;
                while let Some(next) = decoder.next(&mut bytes).unwrap() {
                    heard.push(next);
                }
            }
            let expected: Vec<Heard> = said.iter().map(|text| message(text.as_bytes())).collect();
            prop_assert_eq!(heard, expected);
        }

        /// Any bytes behind beginnings that may be one of a frame: others are seen to at once.
        #[test]
        fn no_bytes_make_it_panic(
            first in proptest::sample::select(&[FINAL | TEXT, TEXT, FINAL, FINAL | CLOSE, FINAL | PING]),
            length in proptest::sample::select(&[0_u8, 1, 9, 125, 126, 127]),
            rest in proptest::collection::vec(any::<u8>(), 0..24),
        ) {
            all(&[&[first, MASKED | length][..], &rest].concat());
            all(&rest);
        }
    }
}
