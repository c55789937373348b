//! Tests of the whole journal.

mod committing;
mod crash_images;
mod damage;
mod failing_disk;
mod faults;
mod fixture;
mod lookups;
mod model;
mod opening;
mod retention;
mod writing;

pub(crate) use faults::failing;
