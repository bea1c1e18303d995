#![doc = include_str!("../README.md")]

mod faulty;
mod fixed;
mod memory;

pub use faulty::{Fault, Faults, FaultyStore};
pub use fixed::{CountingIds, FixedClock};
pub use memory::MemoryStore;
