//! Tests against a real PostgreSQL, each in a database of its own.

#![allow(clippy::unwrap_used)]

mod audit;
mod careless;
mod common;
mod conformance;
mod database;
mod feed;
mod in_transaction;
mod locking;
mod migrations;
mod outages;
mod searches;
mod statements;
