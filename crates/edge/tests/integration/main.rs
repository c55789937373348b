//! The proxy over real sockets, between nodes of a devnet and recording clients: each behaviour that is promised, by name.

mod stage;

mod calls;
mod failover;
mod subscriptions;
