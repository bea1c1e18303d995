//! The REST routes over a store in memory, one module per file of routes.

#![allow(clippy::unwrap_used, reason = "clippy sees only the functions marked as tests as tests")]

mod audit;
mod bodies;
mod boundary;
#[cfg(feature = "client")]
mod client;
mod clients;
mod docs;
mod health;
mod hosts;
mod idempotency;
mod irregular;
mod layers;
mod lists;
mod log;
mod orders;
mod routing;
mod support;
mod users;
mod writes;
