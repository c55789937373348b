//! Reviews that hold and reviews that do not.

mod ledger;
mod oracle;
mod pages;
mod random;
mod refusals;
mod repository;
mod standing;
mod world;
