#![doc = include_str!("../README.md")]

mod audit;
mod clients;
mod collations;
mod documents;
mod error;
mod migrations;
mod options;
mod store;

pub use audit::MongoAudit;
pub use options::{client_options, with_defaults};
pub use store::MongoStore;
