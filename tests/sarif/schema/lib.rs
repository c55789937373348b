//! Nothing: what counts is what the manifest brings.
