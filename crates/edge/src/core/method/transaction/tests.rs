//! Hashes of known transactions, and of the same transaction in both of its forms.

use proptest::prelude::*;

use super::*;

/// The example of EIP-155, signed.
const LEGACY: &str = "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a7640000\
    8025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc\
    64214b297fb1966a3b6d83";
const LEGACY_HASH: &str = "0x33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788";

fn hash_of(raw: &str) -> Option<String> {
    transaction_hash(Some(format!("[\"{raw}\"]").as_bytes())).map(|hash| hash.to_string())
}

fn keccak(bytes: &[u8]) -> String {
    Hash(keccak256(bytes)).to_string()
}

fn written(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

/// A list around items that are encoded already.
fn listed(items: &[u8]) -> Vec<u8> {
    let mut list = if items.len() < 56 {
        vec![0xc0 + items.len() as u8]
    } else {
        let length: Vec<u8> = items.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        [&[0xf7 + length.len() as u8][..], &length].concat()
    };
    list.extend(items);
    list
}

#[test]
fn the_hash_of_nothing_is_known() {
    assert_eq!(keccak(b""), "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
}

#[test]
fn a_legacy_transaction() {
    assert_eq!(hash_of(LEGACY).unwrap(), LEGACY_HASH);
    assert_eq!(hash_of(&format!("0x{}", LEGACY[2..].to_uppercase())).unwrap(), LEGACY_HASH);
}

#[test]
fn what_is_no_data_has_no_hash() {
    for raw in
        ["", "0x", "0x1", "0xzz", "0x00zz", "f86c", "latest", "0x03", "0x0301", "0x03c1", "0x03ff", "0x03f8"]
    {
        assert_eq!(hash_of(raw), None, "{raw}");
    }
    for params in ["[]", "[7]", "{}", "null", "[null]", "[\"0x01"] {
        assert_eq!(transaction_hash(Some(params.as_bytes())), None, "{params}");
    }
    assert_eq!(transaction_hash(None), None);
}

#[test]
fn blobs_do_not_count() {
    for inner in [10, 55, 56, 300, 70_000] {
        // The chain's id is no list, so the transaction's first item tells the two forms apart.
        let transaction = listed(&vec![1; inner]);
        let alone = [&[BLOB_TYPE][..], &transaction].concat();
        let blobs = listed(&[0x80; 70]);
        let with_blobs = [&[BLOB_TYPE][..], &listed(&[&transaction[..], &blobs, &blobs].concat())].concat();
        assert_eq!(hash_of(&written(&alone)).unwrap(), keccak(&alone), "{inner}");
        assert_eq!(hash_of(&written(&with_blobs)).unwrap(), keccak(&alone), "{inner}");
    }
}

proptest! {
    #[test]
    fn other_transactions_are_hashed_as_they_are(bytes in prop::collection::vec(any::<u8>(), 1..700)) {
        prop_assume!(bytes[0] != BLOB_TYPE);
        prop_assert_eq!(hash_of(&written(&bytes)), Some(keccak(&bytes)));
    }

    #[test]
    fn any_transaction_of_blobs_ends_in_an_answer(mut bytes in prop::collection::vec(any::<u8>(), 1..40)) {
        bytes[0] = BLOB_TYPE;
        hash_of(&written(&bytes));
    }
}
