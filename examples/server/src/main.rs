#![doc = include_str!("../README.md")]
#![expect(dead_code, reason = "until the stores are there")]

mod check;
mod cli;
mod import;
mod logging;
mod seed;
mod settings;

fn main() {}
