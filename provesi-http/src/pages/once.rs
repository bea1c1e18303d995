//! A form that comes twice (a double click, a page that is sent again) is done once, and lands where it landed before.
//!
//! The unique number of an order and the unique e-mail address of a client already see to it that there are no two; this
//! is for the second answer, which would call the clerk's own work a mistake. What it came to is remembered by this process,
//! for the last [`MOST`] forms: a second submit that meets another process, or one that started anew, is told that the
//! number is taken.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::flash::Message;
use super::token::FormId;

/// How many forms are remembered; each takes some hundred bytes.
const MOST: usize = 2_048;

/// Where a form that was done leads to, and what is told there.
#[derive(Clone, Debug)]
pub(crate) struct Landing {
    pub(crate) to: String,
    pub(crate) message: Message,
}

/// What one form came to: a [`Landing`], or what its page says otherwise; empty until it was done. Held while it is being
/// done.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<Box<dyn Any + Send + Sync>>>>;

/// One submit: the form, its path and what was filled in. A form that was filled in anew after it was done (by the
/// browser's way back) is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Submit([u8; 32]);

impl Submit {
    pub(crate) fn new(form: FormId, path: &str, fields: &[(String, String)]) -> Self {
        let mut digest = Sha256::new();
        digest.update(form.as_bytes());
        for part in std::iter::once(path).chain(fields.iter().flat_map(|(name, value)| [&**name, &**value])) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

/// The forms of late.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forms(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    slots: HashMap<Submit, Slot>,
    /// Oldest first.
    order: VecDeque<Submit>,
}

impl Forms {
    /// The slot of a submit: the same for each that is the same.
    pub(crate) fn slot(&self, submit: Submit) -> Slot {
        // Nothing in here panics halfway.
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = remembered.slots.get(&submit) {
            return Arc::clone(slot);
        }
        while remembered.order.len() >= MOST {
            if let Some(oldest) = remembered.order.pop_front() {
                remembered.slots.remove(&oldest);
            }
        }
        let slot = Slot::default();
        remembered.order.push_back(submit);
        remembered.slots.insert(submit, Arc::clone(&slot));
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::secret::SecretKey;
    use crate::pages::session::Session;
    use crate::pages::token;

    #[test]
    fn the_same_form_has_the_same_slot_and_memory_is_bounded() {
        let (key, session) = (SecretKey::random(), Session::random());
        let form = token::accept(&key, &session, &token::issue(&key, &session)).unwrap();
        let submit = |number: usize| Submit::new(form, "/", &[("order_number".into(), number.to_string())]);
        let forms = Forms::default();
        let first = forms.slot(submit(0));
        assert!(Arc::ptr_eq(&first, &forms.slot(submit(0))));
        assert!(!Arc::ptr_eq(&first, &forms.slot(submit(1))));
        for number in 2..=MOST {
            forms.slot(submit(number));
        }
        assert!(!Arc::ptr_eq(&first, &forms.slot(submit(0))));
        assert_eq!(forms.0.lock().unwrap().slots.len(), MOST);
    }
}
