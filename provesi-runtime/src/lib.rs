#![doc = include_str!("../README.md")]

mod audit;
mod batched;

pub use audit::{AuditAck, AuditQueue, QueueOptions};
pub use batched::{BatchOptions, Batched};
