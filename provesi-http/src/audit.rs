//! `/api/audit`.

pub(crate) mod list;
