#![doc = include_str!("../README.md")]

mod batch;
mod head;
mod queue;
mod trouble;
mod worker;

pub use queue::{AuditAck, AuditQueue, QueueOptions};
