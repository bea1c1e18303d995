//! The store over real files.
// clippy.toml allows unwrap within test functions only, not in what they share.
#![allow(missing_docs, clippy::unwrap_used)]

mod audit;
mod common;
mod conformance;
mod corrupt;
mod crash;
mod degraded;
#[cfg(unix)]
mod file;
mod in_transaction;
mod locking;
mod migrations;
mod search;
mod writing;
