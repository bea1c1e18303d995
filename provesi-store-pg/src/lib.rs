#![doc = include_str!("../README.md")]

mod audit;
mod clients;
mod commit;
mod contents;
mod entries;
mod error;
mod events;
mod executor;
mod grams;
mod health;
mod instant;
mod lease;
mod migrations;
mod nearby;
mod options;
mod orders;
#[cfg(test)]
mod plans;
mod pooler;
mod rows;
mod sql;
mod store;
mod transaction;

pub use options::{connect_options, pool_options};
pub use store::PgStore;
pub use transaction::{Locked, SharedTransaction};
