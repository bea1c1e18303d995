//! The crate as others use it: against what must be refused, and against Python.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod fuzzed;
mod hostile;
mod python;

use provesi_crypto::{KeyRing, Keys};

const AES: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const HMAC: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn ring() -> KeyRing {
    Keys::from_base64(AES, HMAC).unwrap().into()
}
