//! What became of changes that were handed to a store.

/// Changes count once for each journal position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// They are in, and the applied position rose.
    Now,
    /// The store had reached that position before; nothing changed.
    Before,
}
