//! End-to-end tests over the real server, a process of its own on a file of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

mod api_page;
mod audit;
mod browser;
mod chaos;
mod durability;
mod hosts;
mod idempotency;
mod mistakes;
mod outage;
mod pace;
mod pages;
mod place;
mod python;
mod queries;
mod races;
mod scanning;
mod server;
mod services;
mod start;
mod takeover;
mod transcript;
