//! A block as the edge needs it: how it is linked, what may be in it, and the header in the bytes a client is shown. It
//! must never know where it came from.

use std::fmt;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// Which addresses and topics the logs of a block may have. `None` in a block means that nobody knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Bloom(pub Box<[u8; 256]>);

/// A head or an ancestor. For Beacon nodes the number is the slot, and numbers may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub hash: Hash,
    pub parent: Hash,
    pub number: u64,
    pub bloom: Option<Bloom>,
    /// The header as JSON, as `newHeads` shows it.
    pub header: Arc<[u8]>,
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bloom")
    }
}
