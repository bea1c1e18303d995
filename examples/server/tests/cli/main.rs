//! The program as a process: what it prints, how it ends, and that it stops without dropping anybody.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod audit;
mod commands;
mod serving;
mod settings;
mod stores;
mod support;
