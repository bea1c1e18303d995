//! The token of a form: proof that the form is ours, and the form's own number.
//!
//! Each form that is written gets a new one, signed and bound to the session. So a form of another site has none, one of
//! another browser does not hold here, no two answers hold the same secret (which is what BREACH needs), and a form that
//! comes twice can be told from two forms.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::secret::{SIGNATURE, SecretKey};
use super::session::Session;

/// The name of the field; what Django calls its own.
pub(crate) const FIELD: &str = "csrfmiddlewaretoken";

const PURPOSE: &str = "form";
const ID: usize = 16;

/// The number of one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FormId([u8; ID]);

impl fmt::Display for FormId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// The token of a new form.
pub(crate) fn issue(key: &SecretKey, session: &Session) -> String {
    let id: [u8; ID] = rand::random();
    let signature = key.sign(PURPOSE, &[session.as_bytes(), &id]);
    URL_SAFE_NO_PAD.encode([&id[..], &signature].concat())
}

/// The number of the form that this token is of, if we gave it to this session.
pub(crate) fn accept(key: &SecretKey, session: &Session, token: &str) -> Option<FormId> {
    let bytes: [u8; ID + SIGNATURE] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (id, signature) = bytes.split_first_chunk::<ID>()?;
    key.verify(PURPOSE, &[session.as_bytes(), id], signature).then_some(FormId(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_for_its_session_and_key_alone() {
        let (key, session) = (SecretKey::random(), Session::random());
        let token = issue(&key, &session);
        assert!(accept(&key, &session, &token).is_some());
        assert_eq!(accept(&key, &Session::random(), &token), None);
        assert_eq!(accept(&SecretKey::random(), &session, &token), None);
        for wrong in ["", "x", &token[1..], &format!("{token}A"), &token.replace(&token[..1], "-")] {
            assert!(wrong == token || accept(&key, &session, wrong).is_none(), "{wrong}");
        }
        assert_ne!(accept(&key, &session, &issue(&key, &session)), accept(&key, &session, &token));
    }
}
