//! A devnet on real sockets, seen by plain clients.

// Said once more for the lints: what follows is tests and nothing else.
#[cfg(test)]
mod admin;
#[cfg(test)]
mod beacon;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod running;
#[cfg(test)]
mod subscriptions;
