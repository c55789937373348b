//! Tests of the whole journal.

mod faults;

pub(crate) use faults::Faults;
