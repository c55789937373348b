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
