#![doc = include_str!("../README.md")]

pub mod audit;
pub mod conformance;
pub mod data;
mod faulty;
mod fixed;
mod memory;
#[cfg(feature = "servers")]
pub mod servers;

pub use faulty::{Call, Fault, Faults, FaultyStore};
pub use fixed::{CountingIds, FixedClock};
pub use memory::MemoryStore;
