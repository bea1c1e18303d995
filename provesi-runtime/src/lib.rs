#![doc = include_str!("../README.md")]

mod audit;
mod batched;
mod follower;
mod sweep;

pub use audit::{AuditAck, AuditQueue, QueueOptions};
pub use batched::{BatchOptions, Batched};
pub use follower::Follower;
pub use sweep::sweep;
