//! Messages: data for one service from another, with an age and a nonce, inside of a token.

mod binding;
mod envelope;

use core::fmt;
use core::time::Duration;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::clock::{Clock, Timestamp};
use crate::nonce::Nonce;
use crate::random::NoRandomness;
use crate::replay::{MessageId, ReplayGuard, ReplayRefusal};
use crate::ring::{EncryptError, KeyRing, Unreadable};
use crate::service::ServiceName;
use crate::token::MAX_PLAINTEXT_LEN;

pub use binding::Binding;

/// How old a message may be: exactly so old is accepted, a microsecond more is expired.
pub const MAX_AGE: Duration = Duration::from_secs(300);

/// How far ahead of the receiver's clock the sender's may be: exactly so far is accepted, a microsecond more is not.
pub const MAX_AHEAD: Duration = Duration::from_secs(30);

/// Seals messages and opens those of others, each once.
#[derive(Clone, Debug)]
pub struct SecureMessages {
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    guard: Arc<dyn ReplayGuard>,
}

/// What goes into a message.
#[derive(Clone, Copy, Debug)]
pub struct Seal<'a, T> {
    /// Who sends it.
    pub source: &'a ServiceName,
    /// Who may open it.
    pub destination: &'a ServiceName,
    /// What it says. Must become a JSON object.
    pub data: &'a T,
}

/// What a message must be to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    destination: &'a ServiceName,
    source: Option<&'a ServiceName>,
    binding: Option<Binding<'a>>,
    strict: bool,
}

impl<'a> Expected<'a> {
    /// A message for this service, from any that has the keys.
    #[must_use]
    pub fn at(destination: &'a ServiceName) -> Self {
        Self { destination, source: None, binding: None, strict: false }
    }

    /// And sent by this one only.
    #[must_use]
    pub fn sent_by(self, source: &'a ServiceName) -> Self {
        Self { source: Some(source), ..self }
    }

    /// And made for this request, or for the response to it. A message that names no request, as the Python system makes
    /// them, is accepted as well.
    #[must_use]
    pub fn bound_to(self, binding: Binding<'a>) -> Self {
        Self { binding: Some(binding), ..self }
    }

    /// And only where it names its request.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }
}

impl SecureMessages {
    /// Messages under these keys, judged by this clock, each opened once as far as this guard remembers.
    #[must_use]
    pub fn new(keys: Arc<KeyRing>, clock: Arc<dyn Clock>, guard: Arc<dyn ReplayGuard>) -> Self {
        Self { keys, clock, guard }
    }

    /// The token of a new message, dated now and with a nonce of its own.
    ///
    /// # Errors
    /// Where the data is no JSON object or too long, or there are no random numbers.
    pub fn seal<T: Serialize>(&self, message: &Seal<'_, T>) -> Result<String, SealError> {
        Ok(self.seal_as(message, None)?.token)
    }

    /// As [`seal`](Self::seal), for one request or the response to one. A receiver that expects another refuses it
    /// ([`Expected::bound_to`]); the Python system ignores the fields that say so.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_bound<T: Serialize>(
        &self,
        message: &Seal<'_, T>,
        binding: &Binding<'_>,
    ) -> Result<SealedMessage, SealError> {
        self.seal_as(message, Some(binding))
    }

    fn seal_as<T: Serialize>(
        &self,
        message: &Seal<'_, T>,
        binding: Option<&Binding<'_>>,
    ) -> Result<SealedMessage, SealError> {
        let nonce = Nonce::generate()?;
        let text = envelope::write(message, binding, self.clock.now(), nonce)?;
        Ok(SealedMessage { token: self.keys.encrypt(&text)?, nonce })
    }

    /// The message inside of a token, if it is as expected and was not opened before.
    ///
    /// What is wrong is looked for in the order of [`OpenError`]. The guard is asked last: what is refused for another reason
    /// takes no room in it.
    ///
    /// # Errors
    /// Where it must not be used. All but [`OpenError::Unreadable`] are reached with the keys only.
    pub fn open(&self, token: &str, expected: &Expected<'_>) -> Result<Message, OpenError> {
        let text = self.keys.decrypt(token)?;
        let (message, binding) = envelope::read(&text).ok_or(OpenError::Malformed)?;
        if message.destination != *expected.destination {
            return Err(OpenError::WrongDestination);
        }
        if expected.source.is_some_and(|source| *source != message.id.source) {
            return Err(OpenError::WrongSource);
        }
        if let Some(expected_binding) = &expected.binding {
            binding.check(expected_binding, expected.strict)?;
        }
        let now = self.clock.now();
        if message.timestamp.since(now) > MAX_AHEAD {
            return Err(OpenError::FromTheFuture);
        }
        if now.since(message.timestamp) > MAX_AGE {
            return Err(OpenError::Expired);
        }
        self.guard.enter(&message.id, message.timestamp.later(MAX_AGE), now)?;
        Ok(message)
    }
}

/// A message that was sealed for a request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedMessage {
    /// What is sent.
    pub token: String,
    /// Its nonce, which the response names ([`Binding::Response`]).
    pub nonce: Nonce,
}

/// A message that was opened: authentic, for us, fresh, and the first of its kind.
#[derive(Clone)]
pub struct Message {
    id: MessageId,
    destination: ServiceName,
    timestamp: Timestamp,
    data: Box<RawValue>,
}

impl Message {
    /// Who sent it. Any service that has the keys can claim to be any other that has them.
    #[must_use]
    pub fn source(&self) -> &ServiceName {
        &self.id.source
    }

    /// For whom it is.
    #[must_use]
    pub fn destination(&self) -> &ServiceName {
        &self.destination
    }

    /// When it was made, by the clock of who made it.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Its nonce.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        self.id.nonce
    }

    /// The data as the JSON text that was sent, an object.
    #[must_use]
    pub fn data_json(&self) -> &str {
        self.data.get()
    }

    /// The data as the JSON text that was sent, an object.
    #[must_use]
    pub fn into_data_json(self) -> String {
        Box::<str>::from(self.data).into()
    }

    /// The data.
    ///
    /// # Errors
    /// Where it is not of that shape.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.data.get())
    }
}

/// Shows who, to whom and when, and of the data its length only.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("destination", &self.destination)
            .field("timestamp", &self.timestamp)
            .field("data", &format_args!("{} bytes", self.data.get().len()))
            .finish()
    }
}

/// Why a message was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The data cannot be written as JSON.
    #[error("the data cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The data is JSON, and not an object.
    #[error("the data must be a JSON object")]
    NotAnObject,
    /// No receiver would look at it.
    #[error("the message has {len} bytes and may have {MAX_PLAINTEXT_LEN}")]
    TooLong {
        /// How many bytes of JSON it has, with everything that is beside the data.
        len: usize,
    },
    /// There is nothing to make a nonce or an IV from.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl From<EncryptError> for SealError {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::TooLong { len } => Self::TooLong { len },
            EncryptError::NoRandomness(error) => error.into(),
        }
    }
}

/// Why a message must not be used. In the order in which it is looked for.
///
/// For logs and counters: to the sender, all of them are better told as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// See [`Unreadable`].
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// What was encrypted is no message: not JSON, a part is missing, twice there or not of its form.
    #[error("the message is malformed")]
    Malformed,
    /// It is for another service.
    #[error("the message is for another service")]
    WrongDestination,
    /// It is from another service than the expected one.
    #[error("the message is from another service")]
    WrongSource,
    /// It was made for another request, for a response where a request is expected, or the other way round.
    #[error("the message was made for another request")]
    WrongBinding,
    /// It does not say for which request it was made, and must.
    #[error("the message does not say for which request it was made")]
    Unbound,
    /// It is dated more than [`MAX_AHEAD`] after now.
    #[error("the message is from the future")]
    FromTheFuture,
    /// It is older than [`MAX_AGE`].
    #[error("the message is expired")]
    Expired,
    /// It was opened before.
    #[error("the message was opened before")]
    Replayed,
    /// It may be as it should, but it could not be remembered and so be opened twice. Goes by itself as messages grow old.
    #[error("no more messages can be remembered")]
    ReplayGuardFull,
    /// It may be as it should, but whether it was opened before cannot be told.
    #[error("the replay guard cannot be asked")]
    ReplayGuardUnavailable,
}

impl From<ReplayRefusal> for OpenError {
    fn from(refusal: ReplayRefusal) -> Self {
        match refusal {
            ReplayRefusal::Seen => Self::Replayed,
            ReplayRefusal::Full => Self::ReplayGuardFull,
            ReplayRefusal::Unavailable => Self::ReplayGuardUnavailable,
        }
    }
}

#[cfg(test)]
mod tests;
