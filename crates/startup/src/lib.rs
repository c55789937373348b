//! Start-up: what units wait for, and whether they can ever all start. It judges text that it is handed: it opens no
//! file, starts nothing of what it reads, knows no clock, and finds the same in the same texts whatever their order.
//!
//! Text becomes facts (`facts`, by `systemd`, `caddy` and `commands`), facts become a graph of milestones (`graph`), and
//! what is wrong with the graph is told as findings (`check`).

mod caddy;
pub mod check;
mod commands;
pub mod facts;
mod graph;
pub mod limits;
mod place;
mod providers;
mod read;
mod systemd;

pub use check::{Level, check};
pub use place::{Fault, Place};
pub use read::{Text, read};

#[cfg(test)]
mod tests;
