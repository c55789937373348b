//! Start-up: what units wait for, and whether they can ever all start. It judges text that it is handed: it opens no
//! file, starts nothing of what it reads, knows no clock, and finds the same in the same texts whatever their order.

mod commands;
pub mod facts;
pub mod limits;
mod place;

pub use place::{Fault, Place};
