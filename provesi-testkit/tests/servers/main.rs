//! Servers for tests: every way to have one, what is on them, and that nothing of them stays.
//!
//! A way that is not possible on this machine is named in one line on stderr, with the reason.

#![allow(clippy::unwrap_used, reason = "tests")]

mod databases;
mod ending;
mod own;
mod probe;
mod refusals;
mod rows;
mod ways;
