//! Transactions: what a block holds and what a client sends. Hashes are real; signatures are not looked at, and the sender
//! follows from the first half of one. It must never know in which block a transaction stands.

use super::hex::{Address, Fixed, Hash};
use super::keccak::{keccak256, keccak256_of};
use super::rlp::{RlpItem, RlpList, read_list, without_zeros};

const LEGACY: u8 = 0;
const ACCESS_LIST: u8 = 1;
const FEE_MARKET: u8 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub hash: Hash,
    /// 0 (legacy), 1 (access list) or 2 (fee market).
    pub kind: u8,
    pub from: Address,
    /// `None` where it makes a contract.
    pub to: Option<Address>,
    pub nonce: u64,
    pub value: u128,
    pub gas: u64,
    pub fee_max: u128,
    pub tip_max: u128,
    pub input: Vec<u8>,
    /// The recovery value as it stands in the transaction: the parity, or for legacy ones 27 and more.
    pub v: u64,
    pub r: Hash,
    pub s: Hash,
    /// A client sent it; otherwise the chain made it up.
    pub sent: bool,
}

/// What a transaction made here says. Signatures are made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub chain_id: u64,
    pub nonce: u64,
    pub to: Address,
    pub value: u128,
    pub gas: u64,
    pub input: Vec<u8>,
    pub r: Hash,
    pub s: Hash,
}

/// Why bytes are no transaction, in the words of geth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTransaction {
    #[error("typed transaction too short")]
    TooShort,
    #[error("transaction type not supported")]
    Kind,
    #[error("rlp: expected input list for types.TxData")]
    Encoding,
}

/// The bytes for `eth_sendRawTransaction`. Transactions with the same `sender` come from one account.
pub fn signed(sender: u64, nonce: u64, chain_id: u64) -> Vec<u8> {
    let r = half(keccak256_of(&[b"sender", &sender.to_be_bytes()]));
    let s = half(keccak256_of(&[b"signature", &sender.to_be_bytes(), &nonce.to_be_bytes()]));
    let draft =
        Draft { chain_id, nonce, to: Fixed([0x11; 20]), value: 1, gas: 21_000, input: Vec::new(), r, s };
    draft.raw()
}

/// Below the order of the curve, so that readers who check signatures for their range take it.
pub(super) fn half(hash: Hash) -> Hash {
    let mut bytes = hash.0;
    bytes[0] = bytes[0] & 0x3f | 0x01;
    Fixed(bytes)
}

/// The account that signatures beginning with `r` stand for.
fn sender(r: &Hash) -> Address {
    let hash = keccak256(&r.0).0;
    let (_, tail) = hash.split_last_chunk::<20>().expect("a hash has 32 bytes");
    Fixed(*tail)
}

impl Draft {
    const TIP: u64 = 1_000_000_000;
    const FEE: u64 = 30_000_000_000;

    /// As a fee market transaction.
    pub fn raw(&self) -> Vec<u8> {
        let fields = RlpList::new()
            .number(self.chain_id)
            .number(self.nonce)
            .number(Self::TIP)
            .number(Self::FEE)
            .number(self.gas)
            .bytes(&self.to.0)
            .number(self.value)
            .bytes(&self.input)
            .list(&RlpList::new())
            .number(0_u64)
            .bytes(without_zeros(&self.r.0))
            .bytes(without_zeros(&self.s.0));
        [&[FEE_MARKET], &fields.encoded()[..]].concat()
    }

    pub fn into_transaction(self) -> Transaction {
        Transaction {
            hash: keccak256(&self.raw()),
            kind: FEE_MARKET,
            from: sender(&self.r),
            to: Some(self.to),
            nonce: self.nonce,
            value: self.value,
            gas: self.gas,
            fee_max: Self::FEE.into(),
            tip_max: Self::TIP.into(),
            input: self.input,
            v: 0,
            r: self.r,
            s: self.s,
            sent: false,
        }
    }
}

impl Transaction {
    /// Reads what a client sent.
    pub fn read(raw: &[u8]) -> Result<Self, NotTransaction> {
        let (kind, fields) = match raw.first().ok_or(NotTransaction::TooShort)? {
            0xc0.. => (LEGACY, raw),
            kind @ (&ACCESS_LIST | &FEE_MARKET) => (*kind, raw.get(1..).unwrap_or(&[])),
            _ => return Err(NotTransaction::Kind),
        };
        if fields.is_empty() {
            return Err(NotTransaction::TooShort);
        }
        let fields = read_list(fields).ok_or(NotTransaction::Encoding)?;
        Self::from_fields(kind, &fields, keccak256(raw)).ok_or(NotTransaction::Encoding)
    }

    fn from_fields(kind: u8, fields: &[RlpItem<'_>], hash: Hash) -> Option<Self> {
        // Where the fields that all kinds have begin, and where the signature stands.
        let (nonce_at, fees, signature_at, count) = match kind {
            LEGACY => (0, 1, 6, 9),
            ACCESS_LIST => (1, 1, 8, 11),
            _ => (1, 2, 9, 12),
        };
        if fields.len() != count {
            return None;
        }
        let number = |at: usize| fields.get(at)?.as_number();
        let small = |at: usize| u64::try_from(number(at)?).ok();
        let word = |at: usize| right_aligned(fields.get(at)?.as_bytes()?);
        let first_fee = number(nonce_at + 1)?;
        let gas_at = nonce_at + 1 + fees;
        let to = fields.get(gas_at + 1)?.as_bytes()?;
        let r = word(signature_at + 1)?;
        Some(Self {
            hash,
            kind,
            from: sender(&r),
            to: if to.is_empty() { None } else { Some(Fixed(to.try_into().ok()?)) },
            nonce: small(nonce_at)?,
            value: number(gas_at + 2)?,
            gas: small(gas_at)?,
            fee_max: number(gas_at - 1)?,
            tip_max: first_fee,
            input: fields.get(gas_at + 3)?.as_bytes()?.to_vec(),
            v: small(signature_at)?,
            r,
            s: word(signature_at + 2)?,
            sent: true,
        })
    }
}

fn right_aligned(bytes: &[u8]) -> Option<Hash> {
    let mut out = [0; 32];
    let start = out.len().checked_sub(bytes.len())?;
    out.get_mut(start..)?.copy_from_slice(bytes);
    Some(Fixed(out))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chain::hex::parse_data;

    #[test]
    fn what_was_drafted_reads_back() {
        let raw = signed(7, 3, 1_337);
        let read = Transaction::read(&raw).unwrap();
        assert_eq!((read.kind, read.nonce, read.value, read.gas), (2, 3, 1, 21_000));
        assert_eq!(read.hash, keccak256(&raw));
        assert_eq!((read.fee_max, read.tip_max), (30_000_000_000, 1_000_000_000));
        assert_eq!(read.to, Some(Fixed([0x11; 20])));
        assert_eq!(read.from, Transaction::read(&signed(7, 4, 1_337)).unwrap().from);
        assert_ne!(read.from, Transaction::read(&signed(8, 3, 1_337)).unwrap().from);
    }

    /// The example of EIP-155, which is a legacy transaction with a real signature.
    #[test]
    fn a_legacy_transaction_from_elsewhere_is_read() {
        let raw = parse_data(concat!(
            "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025",
            "a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276",
            "a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
        ))
        .unwrap();
        let read = Transaction::read(&raw).unwrap();
        assert_eq!((read.kind, read.nonce, read.gas, read.v), (0, 9, 21_000, 37));
        assert_eq!((read.fee_max, read.tip_max), (20_000_000_000, 20_000_000_000));
        assert_eq!(read.value, 1_000_000_000_000_000_000);
        assert_eq!(
            read.hash.to_string(),
            "0x33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788"
        );
    }

    #[test]
    fn what_is_no_transaction_is_refused_in_the_words_of_geth() {
        let refused = |raw: &[u8]| Transaction::read(raw).unwrap_err().to_string();
        assert_eq!(refused(&[]), "typed transaction too short");
        assert_eq!(refused(&[2]), "typed transaction too short");
        assert_eq!(refused(&[9, 0xc0]), "transaction type not supported");
        assert_eq!(refused(&[0xc0]), "rlp: expected input list for types.TxData");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(kind in 0_u8..4, bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Transaction::read(&[&[kind], &bytes[..]].concat());
            let _ = Transaction::read(&bytes);
        }
    }
}
