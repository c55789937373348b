//! The seeded simulator: traffic, faults and time for the core, and a disk that fails for the journal; without a network,
//! a disk or a clock of its own. Never a
//! dependency of what ships. A failure names its seed, and the seed replays it.

mod arrival;
mod besides;
pub mod curve;
pub mod disk;
pub mod edge;
pub mod generate;
pub mod load;
pub mod quiet;
mod replica;
pub mod retold;
mod rng;
mod shop;

pub use arrival::{Arrivals, Delivery};
pub use besides::besides;
pub use replica::Replica;
pub use rng::Rng;
pub use shop::{Fault, Shop, Traffic};
