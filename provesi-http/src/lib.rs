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
mod connection;
mod docs;
mod encoding;
mod error;
mod etag;
mod failure;
mod faults;
mod fields;
mod health;
mod hosts;
mod idempotency;
mod json;
mod json_scan;
mod layers;
mod lifecycle;
mod options;
mod orders;
mod pages;
mod path;
mod query;
mod routes;
mod sealed;
mod security_headers;
mod services;
mod starting;
mod stream;
mod wire;

pub use health::is_health_path;
pub use hosts::{AllowedHosts, InvalidHosts, InvalidProxies, TrustedProxies};
pub use lifecycle::Lifecycle;
pub use options::{CorsOptions, HttpOptions, PageOptions, SecureCookies};
pub use pages::{SecretKey, WeakKey};
pub use routes::{openapi_json, router, router_with};
pub use starting::starting_router;
