//! A local test network of made-up Ethereum nodes: one chain with real hashes, nodes that see it each in their own way, and
//! switches for everything that can go wrong with a node. Tests, the simulator, benchmarks and demos are served by it. It
//! must never know the edge, or any other client.

pub mod chain;
pub mod client;
pub mod network;
pub mod node;
pub mod served;
