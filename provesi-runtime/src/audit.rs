//! The queue between the use cases and the store of audit records.

mod batch;
mod head;
mod queue;
mod trouble;
mod worker;

pub use queue::{AuditAck, AuditQueue, QueueOptions};
