//! The chaos harness: concurrent clients against a running server whose processes are killed and frozen, and a check of
//! everything that the clients were told. `docs/chaos.md` says what it does and how to run it.
//!
//! It knows the server by HTTP and by signals only.

pub mod check;
mod elsewhere;
pub mod history;
mod nemesis;
mod process;
pub mod report;
mod round;
mod survey;
mod workload;

pub use nemesis::{Databases, NemesisOptions};
pub use report::Figures;
pub use round::{Round, RoundOptions, Stores};
