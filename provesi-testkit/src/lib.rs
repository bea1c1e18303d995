#![doc = include_str!("../README.md")]

mod builders;
mod clock;
mod fixture;
mod memory;
#[macro_use]
mod macros;
#[expect(missing_docs, reason = "the name of a case says what it checks")]
pub mod suite;

pub use builders::{EditClient, EditOrder, client, client_id, email, instant, number, order, returned, stamp, state};
pub use clock::{CountingIds, FixedClock};
pub use fixture::{Fixture, Guard, Share, run};
pub use memory::MemoryStore;
