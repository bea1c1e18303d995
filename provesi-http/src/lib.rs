#![doc = include_str!("../README.md")]

mod answer;
mod api;
mod audit;
mod body;
pub mod boundary;
mod caller;
#[cfg(feature = "client")]
pub mod client;
mod clients;
mod docs;
mod encoding;
mod error;
mod etag;
mod faults;
mod fields;
mod health;
mod json;
mod json_scan;
mod layers;
mod options;
mod orders;
mod pages;
mod path;
mod query;
mod routes;
mod services;
mod stream;
mod wire;

pub use options::{CorsOptions, HttpOptions, Origins, PageOptions, SecureCookies, SecurityReport};
pub use pages::{SecretKey, WeakKey};
pub use routes::{openapi_json, router, router_with};
