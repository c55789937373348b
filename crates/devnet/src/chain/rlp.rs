//! RLP, the encoding over which Ethereum hashes headers and transactions. It must never know what a field means.

/// A list that is being written.
#[derive(Debug, Clone, Default)]
pub struct RlpList {
    payload: Vec<u8>,
}

/// What stands in a list that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RlpItem<'a> {
    Bytes(&'a [u8]),
    List(&'a [u8]),
}

impl RlpList {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        match bytes {
            [byte] if *byte < 0x80 => self.payload.push(*byte),
            _ => {
                prefix(&mut self.payload, 0x80, bytes.len());
                self.payload.extend_from_slice(bytes);
            }
        }
        self
    }

    /// Big-endian, without leading zeros.
    #[must_use]
    pub fn number(self, number: impl Into<u128>) -> Self {
        let bytes = number.into().to_be_bytes();
        self.bytes(without_zeros(&bytes))
    }

    #[must_use]
    pub fn list(mut self, list: &RlpList) -> Self {
        self.payload.extend_from_slice(&list.encoded());
        self
    }

    pub fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload.len() + 4);
        prefix(&mut out, 0xc0, self.payload.len());
        out.extend_from_slice(&self.payload);
        out
    }
}

pub(super) fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or(&[])
}

/// The items of a list that is all there is. `None`: it is no such list.
pub fn read_list(encoded: &[u8]) -> Option<Vec<RlpItem<'_>>> {
    let (RlpItem::List(mut rest), &[]) = read_item(encoded)? else { return None };
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (item, after) = read_item(rest)?;
        items.push(item);
        rest = after;
    }
    Some(items)
}

impl<'a> RlpItem<'a> {
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::List(_) => None,
        }
    }

    pub fn as_number(&self) -> Option<u128> {
        let bytes = self.as_bytes().filter(|bytes| bytes.len() <= 16)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }
}

fn prefix(out: &mut Vec<u8>, base: u8, length: usize) {
    // At most 55, so it fits a byte; the length of a length is at most 8.
    if length <= 55 {
        out.push(base + length as u8);
        return;
    }
    let bytes = (length as u64).to_be_bytes();
    let bytes = without_zeros(&bytes);
    out.push(base + 55 + bytes.len() as u8);
    out.extend_from_slice(bytes);
}

fn read_item(encoded: &[u8]) -> Option<(RlpItem<'_>, &[u8])> {
    let (first, rest) = encoded.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => return Some((RlpItem::Bytes(encoded.get(..1)?), rest)),
        0x80..=0xb7 => (usize::from(first - 0x80), rest),
        0xb8..=0xbf => read_length(usize::from(first - 0xb7), rest)?,
        0xc0..=0xf7 => (usize::from(first - 0xc0), rest),
        0xf8..=0xff => read_length(usize::from(first - 0xf7), rest)?,
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    let item = if *first < 0xc0 { RlpItem::Bytes(payload) } else { RlpItem::List(payload) };
    Some((item, rest))
}

fn read_length(bytes: usize, rest: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = rest.split_at_checked(bytes)?;
    let length = length.iter().try_fold(0_usize, |length, byte| {
        length.checked_mul(256).map(|length| length + usize::from(*byte))
    })?;
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_yellow_paper() {
        let dog = RlpList::new().bytes(b"cat").bytes(b"dog").encoded();
        assert_eq!(dog, b"\xc8\x83cat\x83dog");
        assert_eq!(RlpList::new().encoded(), [0xc0]);
        assert_eq!(
            RlpList::new().number(0_u64).number(15_u64).number(1_024_u64).encoded(),
            b"\xc5\x80\x0f\x82\x04\x00"
        );
        let long = RlpList::new().bytes(&[b'x'; 56]).encoded();
        assert_eq!(long.get(..4), Some(&[0xf8, 58, 0xb8, 56][..]));
    }

    #[test]
    fn what_is_cut_or_goes_on_is_no_list() {
        let whole = RlpList::new().bytes(&[9; 60]).list(&RlpList::new().number(5_u64)).encoded();
        assert!(read_list(&whole).is_some());
        assert_eq!(read_list(&[&whole[..], &[0]].concat()), None);
        for cut in 0..whole.len() {
            assert_eq!(read_list(&whole[..cut]), None, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(fields in vec(vec(any::<u8>(), 0..300), 0..8)) {
            let list = fields.iter().fold(RlpList::new(), |list, field| list.bytes(field)).encoded();
            let read = read_list(&list).unwrap();
            let read: Vec<Vec<u8>> = read.iter().map(|item| item.as_bytes().unwrap().to_vec()).collect();
            prop_assert_eq!(read, fields);
        }

        #[test]
        fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..64)) {
            let _ = read_list(&bytes);
        }
    }
}
