//! A form that comes twice (a double click, a page that is sent again) is done once, and lands where it landed before: its
//! number is an idempotency key, whose answer the store of orders keeps for 24 hours.

use provesi_core::{Actor, IdempotencyKey};
use sha2::{Digest, Sha256};

use super::flash::Message;
use super::token::FormId;

/// Where a form that was done leads to, and what is told there.
#[derive(Clone, Debug)]
pub(crate) struct Landing {
    pub(crate) to: String,
    pub(crate) message: Message,
}

/// The key of one submit: the form, its path and what was filled in. A form that was filled in anew after it was done (by
/// the browser's way back) is another one.
pub(crate) fn key(actor: &Actor, form: FormId, path: &str, fields: &[(String, String)]) -> Option<IdempotencyKey> {
    let mut digest = Sha256::new();
    digest.update(form.as_bytes());
    for part in std::iter::once(path).chain(fields.iter().flat_map(|(name, value)| [&**name, &**value])) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let key: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    IdempotencyKey::new(actor, &key, &[]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::secret::SecretKey;
    use crate::pages::session::Session;
    use crate::pages::token;

    #[test]
    fn the_same_form_has_the_same_key_and_any_other_has_another() {
        let (secret, session) = (SecretKey::random(), Session::random());
        let form = || token::accept(&secret, &session, &token::issue(&secret, &session)).unwrap();
        let (one, other) = (form(), form());
        let key = |form, path: &str, number: &str| {
            key(&Actor::Anonymous, form, path, &[("order_number".into(), number.into())]).unwrap()
        };
        assert_eq!(key(one, "/", "1"), key(one, "/", "1"));
        for different in [key(other, "/", "1"), key(one, "/x", "1"), key(one, "/", "2")] {
            assert_ne!(key(one, "/", "1"), different);
        }
    }
}
