//! Large things are kept compressed, and come back whole or not at all.

/// The largest thing that is kept. Reports and traces are bounded far below this where they are made; the bound
/// here keeps a damaged length from asking for all memory.
pub(super) const LENGTH_MAX: usize = 64 * 1024 * 1024;
const LEVEL: i32 = 3;

/// The length before compression, and the compressed bytes.
pub(super) fn pack(bytes: &[u8]) -> Result<(i64, Vec<u8>), String> {
    if bytes.len() > LENGTH_MAX {
        return Err(format!("it has {} bytes; at most {LENGTH_MAX} are kept", bytes.len()));
    }
    let packed = zstd::bulk::compress(bytes, LEVEL).map_err(|error| error.to_string())?;
    Ok((bytes.len() as i64, packed))
}

pub(super) fn unpack(length: i64, packed: &[u8]) -> Result<Vec<u8>, String> {
    let length = usize::try_from(length).ok().filter(|length| *length <= LENGTH_MAX);
    let length = length.ok_or("its length is out of range")?;
    let bytes = zstd::bulk::decompress(packed, length).map_err(|error| error.to_string())?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(format!("it has {} bytes instead of {length}", bytes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for bytes in [&b""[..], b"x", &[0; 100_000], &[255, 0, 254, 128]] {
            let (length, packed) = pack(bytes).unwrap();
            assert_eq!(unpack(length, &packed).unwrap(), bytes);
        }
    }

    #[test]
    fn a_wrong_length_is_refused() {
        let (_, packed) = pack(&[7; 1000]).unwrap();
        for length in [-1, 0, 999, 1001, i64::MAX] {
            assert!(unpack(length, &packed).is_err(), "{length}");
        }
    }
}
