//! The audit queue, and stores whose calls are joined.
#![allow(missing_docs, clippy::unwrap_used, reason = "helpers of tests are tests")]

mod audit_model;
mod audit_queue;
mod audit_tampering;
mod batched;
mod batched_model;
mod batched_suites;
