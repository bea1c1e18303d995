//! The store over real files.
#![allow(missing_docs)]

mod audit;
mod common;
mod corrupt;
mod crash;
mod locking;
mod migrations;
mod writing;
