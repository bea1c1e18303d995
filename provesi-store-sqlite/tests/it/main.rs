//! The store over real files.
#![allow(missing_docs)]

mod basics;
