//! Tests against a real PostgreSQL, each in a database of its own.

#![allow(clippy::unwrap_used)]

mod abandoned;
mod audit;
mod batches;
mod careless;
mod common;
mod conformance;
mod database;
mod feed;
mod in_transaction;
mod locking;
mod migrations;
mod outages;
mod poolers;
mod searches;
mod stalls;
mod statements;
mod trouble;
