//! The audit queue, stores whose calls are joined, and readers of the feed.
#![allow(missing_docs, clippy::unwrap_used, reason = "helpers of tests are tests")]

mod audit_model;
mod audit_queue;
mod audit_tampering;
mod batched;
mod batched_model;
mod batched_suites;
mod coalesced;
mod follower;
