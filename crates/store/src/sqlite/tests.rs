//! What only the store in a file can show.
