//! The cases, by port and topic. The lists of them stand once, at the top of [`clients`] and [`orders`].

pub mod clients;
pub mod orders;
