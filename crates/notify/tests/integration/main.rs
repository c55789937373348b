//! The crate as the server uses it: a store, workers, and receivers on real sockets.

// Said once more for the lints: what follows is tests and nothing else.
#[cfg(test)]
mod delivery;
