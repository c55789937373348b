//! Bombs stop at the limit, and an encoding that is not what it says is refused.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

fn read(encoding: Encoding, bytes: &[u8], max: usize) -> Result<Vec<u8>, DecompressError> {
    decompress(encoding, Cow::Borrowed(bytes), max)
}

#[test]
fn what_was_compressed_comes_back_up_to_the_bound() {
    let body = b"one body, one body, one body".repeat(10);
    for (encoding, sent) in
        [(Encoding::Identity, body.clone()), (Encoding::Gzip, gzip(&body)), (Encoding::Zstd, zstd_of(&body))]
    {
        assert_eq!(read(encoding, &sent, body.len()), Ok(body.clone()), "{encoding:?}");
        let too_large = Err(DecompressError::TooLarge { max: body.len() - 1 });
        assert_eq!(read(encoding, &sent, body.len() - 1), too_large, "{encoding:?}");
    }
}

#[test]
fn members_and_frames_one_behind_the_other_are_one_body() {
    assert_eq!(read(Encoding::Gzip, &[gzip(b"one "), gzip(b"two")].concat(), 100), Ok(b"one two".to_vec()));
    assert_eq!(
        read(Encoding::Zstd, &[zstd_of(b"one "), zstd_of(b"two")].concat(), 100),
        Ok(b"one two".to_vec())
    );
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let zeros = vec![0; 64 << 20];
    for (encoding, bomb) in [(Encoding::Gzip, gzip(&zeros)), (Encoding::Zstd, zstd_of(&zeros))] {
        assert!(bomb.len() < 100_000);
        let max = 1 << 20;
        assert_eq!(read(encoding, &bomb, max), Err(DecompressError::TooLarge { max }), "{encoding:?}");
    }
}

/// Counts what is asked of it: the bound holds for what is read, not only for what is given back.
struct Endless(usize);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(0);
        self.0 += buffer.len();
        Ok(buffer.len())
    }
}

#[test]
fn no_more_is_read_than_the_bound_and_one_byte() {
    let mut endless = Endless(0);
    assert_eq!(read_bounded(&mut endless, 10, 4_096).unwrap(), Err(DecompressError::TooLarge { max: 4_096 }));
    assert_eq!(endless.0, 4_097);
}

#[test]
fn a_window_larger_than_the_bound_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(ZSTD_WINDOW_LOG_MAX + 1).unwrap();
    encoder.write_all(b"x").unwrap();
    let sent = encoder.finish().unwrap();
    assert!(matches!(
        read(Encoding::Zstd, &sent, 100),
        Err(DecompressError::Corrupt { encoding: "zstd", .. })
    ));
}

#[test]
fn damaged_bodies_say_what_they_should_be() {
    for (encoding, sent) in [(Encoding::Gzip, gzip(b"a body")), (Encoding::Zstd, zstd_of(b"a body"))] {
        for end in 1..sent.len() {
            let found = read(encoding, &sent[..end], 100);
            assert!(matches!(found, Err(DecompressError::Corrupt { .. })), "{encoding:?} {end} {found:?}");
        }
        let error = read(encoding, b"plain text", 100).unwrap_err();
        assert!(error.to_string().contains(&format!("not valid {}", encoding.as_str())), "{error}");
        assert_eq!(error.code(), "corrupt_encoding");
    }
    let mut flipped = gzip(b"a body");
    let crc = flipped.len() - 6;
    flipped[crc] ^= 1;
    assert!(read(Encoding::Gzip, &flipped, 100).is_err());
}

#[test]
fn encodings_by_name() {
    for (name, expected) in [
        ("gzip", Some(Encoding::Gzip)),
        (" GZIP ", Some(Encoding::Gzip)),
        ("zstd", Some(Encoding::Zstd)),
        ("identity", Some(Encoding::Identity)),
        ("", Some(Encoding::Identity)),
        ("br", None),
        ("gzip, gzip", None),
    ] {
        assert_eq!(Encoding::parse(name), expected, "{name}");
    }
}
