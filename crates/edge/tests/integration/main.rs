//! The proxy over real sockets, between nodes of a devnet and recording clients: each behaviour that is promised, by name.

// Said once more for the lints: what follows is tests and nothing else.
#[cfg(test)]
mod announced;
#[cfg(test)]
mod beacon;
#[cfg(test)]
mod behaviours;
#[cfg(test)]
mod blame;
#[cfg(test)]
mod branches;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod events;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod http;
#[cfg(test)]
mod large;
#[cfg(test)]
mod liars;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod process;
#[cfg(test)]
mod program;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod reloads;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod service;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod transactions;
