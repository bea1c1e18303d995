//! The pages over a store in memory, one module per file of pages.

#![allow(clippy::unwrap_used, reason = "clippy sees only the functions marked as tests as tests")]

mod assets;
mod bulk;
mod clients;
mod degraded;
mod forgery;
mod hosts;
mod irregular;
mod json;
mod lists;
mod messages;
mod orders;
mod print;
mod returns;
mod scan;
mod services;
mod support;
mod twice;
