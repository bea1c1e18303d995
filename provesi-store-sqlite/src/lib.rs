#![doc = include_str!("../README.md")]

mod audit;
mod clients;
mod contents;
mod entries;
mod error;
mod events;
mod file;
mod health;
mod lines;
mod look_up;
mod migrations;
mod options;
mod orders;
mod page;
#[cfg(test)]
mod plans;
mod readers;
mod rows;
mod sql;
mod store;
mod transaction;
mod writer;

pub use contents::foreign_tables;
pub use options::{reader_options, reader_pool_options, writer_options, writer_pool_options};
pub use store::SqliteStore;
pub use transaction::{Locked, SharedTransaction};
