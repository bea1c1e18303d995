//! The store over a server, see `provesi_testkit::servers`.
// clippy.toml allows unwrap within test functions only, not in what they share.
#![allow(missing_docs, clippy::unwrap_used)]

mod audit;
mod careless;
mod closest;
mod commands;
mod common;
mod conformance;
mod migrations;
mod order;
mod outage;
mod writing;
