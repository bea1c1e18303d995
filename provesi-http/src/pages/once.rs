//! A form that is sent twice (a double click, a reload) is done once and leads to the same place: its number is an idempotency
//! key.

use provesi_core::{Actor, IdempotencyKey};

use super::flash::Message;
use super::token::FormId;

/// Where a form that was done leads to, and what is told there.
#[derive(Clone, Debug)]
pub(crate) struct Landing {
    pub(crate) to: String,
    pub(crate) message: Message,
}

/// The key of a form with its path and fields. A form that is sent with other fields, after the browser went back, has another
/// key.
pub(crate) fn key(actor: &Actor, form: FormId, path: &str, fields: &[(String, String)]) -> Option<IdempotencyKey> {
    let key = IdempotencyKey::new(actor, &form.to_string(), &[]).ok()?.part(path);
    Some(fields.iter().fold(key, |key, (name, value)| key.part(name).part(value)))
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
