#![doc = include_str!("../README.md")]

mod audit;
mod clients;
mod contents;
mod error;
mod events;
mod grams;
pub mod in_transaction;
mod instant;
mod migrations;
mod nearby;
mod options;
mod orders;
mod patience;
#[cfg(test)]
mod plans;
mod rows;
mod sql;
mod store;

pub use options::{connect_options, pool_options};
pub use store::PgStore;
