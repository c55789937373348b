//! The `casebook` binary.
fn main() {}
