//! The wire reader on well-formed, odd and damaged bytes.

use super::*;

fn error_of(bytes: &[u8]) -> String {
    let mut reader = Reader::new(bytes);
    loop {
        match reader.next().and_then(|field| field.map(|field| reader.skip(field)).transpose()) {
            Ok(Some(())) => {}
            Ok(None) => panic!("{bytes:?} was read"),
            Err(error) => return error.to_string(),
        }
    }
}

#[test]
fn varints() {
    for (bytes, expected) in [
        (&[0x00][..], 0),
        (&[0x7f], 127),
        (&[0x80, 0x01], 128),
        (&[0x80, 0x00], 0),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], u64::MAX),
    ] {
        let mut reader = Reader::new(bytes);
        assert_eq!(reader.read_varint().unwrap(), expected);
        assert_eq!((reader.rest, reader.at()), (&[][..], bytes.len()));
    }
}

#[test]
fn what_is_wrong_where_and_what_would_be_right() {
    let over_long = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
    let deep = [0x0b; 65];
    for (bytes, found, at) in [
        (&over_long[..], "a varint of more than 64 bits", 1),
        (&[0x08, 0x80], "the end of the message inside a varint", 2),
        (&[0x00], "tag 0", 0),
        (&[0x08, 0x01, 0x0f], "wire type 7 of field 1", 2),
        (&[0x12, 0x05, 0x00], "5 bytes announced for field 2, 1 left", 0),
        (&[0x0d, 0x00], "4 bytes announced for field 1, 1 left", 0),
        (&[0x0c], "the end of group 1", 0),
        (&[0x0b, 0x08, 0x01], "the end of the message", 3),
        (&[0x0b, 0x14], "the end of group 2", 1),
        (&deep, "a group too deep", 64),
    ] {
        let error = error_of(bytes);
        assert!(error.contains(found), "{error}");
        assert!(error.contains(&format!("at byte {at}:")), "{error}");
        assert!(error.contains("; expected "), "{error}");
    }
}

#[test]
fn unknown_groups_are_stepped_over() {
    let mut reader = Reader::new(&[0x0b, 0x13, 0x08, 0x01, 0x14, 0x12, 0x01, 0xff, 0x0c, 0x18, 0x07]);
    let group = reader.next().unwrap().unwrap();
    reader.skip(group).unwrap();
    let field = reader.next().unwrap().unwrap();
    assert_eq!((field.number, reader.varint(field).unwrap()), (3, 7));
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn a_field_of_another_type_is_named() {
    let mut reader = Reader::new(&[0x3a, 0x00]);
    let field = reader.next().unwrap().unwrap();
    let error = reader.fixed64(field).unwrap_err().to_string();
    assert_eq!(error, "malformed protobuf at byte 0: field 7 as Length; expected eight fixed bytes there");
}

/// Field by field, if the message is fields 1 and 2 of bytes and nothing else.
fn pair(bytes: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let mut reader = Reader::new(bytes);
    let first = reader.next().ok()?.filter(|field| field.number == 1)?;
    let first = reader.bytes(first).ok()?;
    let second = reader.next().ok()?.filter(|field| field.number == 2)?;
    let second = reader.bytes(second).ok()?;
    reader.rest.is_empty().then(|| (first, second.to_vec()))
}

#[test]
fn a_short_pair_is_what_it_is_field_by_field() {
    let written = [&[0x0a, 3][..], b"key", &[0x12, 2, 0x0a, 0]].concat();
    let (key, value) = Reader::new(&written).short_pair().unwrap();
    assert_eq!((key, value.rest, value.at()), (&b"key"[..], &[0x0a, 0][..], 7));
    for odd in
        [&written[..8], &[&written[..], &[0x12, 0]].concat(), &[0x12, 0, 0x0a, 0], &[0x0a, 0x80, 0x00], &[]]
    {
        assert!(Reader::new(odd).short_pair().is_none(), "{odd:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_short_pair_that_they_are_not(
        mut bytes in proptest::collection::vec(proptest::sample::select(vec![0_u8, 1, 2, 3, 5, 0x0a, 0x12, 0x7f, 0x80]), 0..24),
    ) {
        // Half of them begin as a pair does.
        if bytes.len() % 2 == 0 { bytes.splice(0..0, [0x0a, 1, 7, 0x12]); }
        if let Some((first, second)) = Reader::new(&bytes).short_pair() {
            proptest::prop_assert_eq!(pair(&bytes), Some((first, second.rest.to_vec())));
            proptest::prop_assert_eq!(second.at() + second.rest.len(), bytes.len());
        }
    }
}
