//! Cursors of clients, which hold a name, as they are shown in URLs: encrypted, since URLs end up in logs and in histories of
//! browsers.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use provesi_core::{App, Chain, ClientCursor, StoreError};
use provesi_crypto::{KeyRing, Keys};
use tokio::sync::OnceCell;

/// How long is waited for the keys that all processes share. Without them, this process uses its own: the store of orders may be
/// down, and clients are listed all the same.
const LOAD_DEADLINE: Duration = Duration::from_millis(300);

/// After how long they are asked for again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The longest text of a cursor that is looked at, in bytes.
const MAX_BYTES: usize = 4_096;

/// A cursor of clients in its text for URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed(String);

impl FromStr for Sealed {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Seals cursors and opens them. Handles share the keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct CursorSeal(Arc<Rings>);

#[derive(Debug, Default)]
struct Rings {
    /// Of all processes on one store of orders, so that a cursor goes on after a restart and at another process.
    shared: OnceCell<KeyRing>,
    /// Of this process alone.
    own: OnceCell<KeyRing>,
    /// When the shared keys were asked for in vain.
    failed_at: Mutex<Option<Instant>>,
}

impl CursorSeal {
    /// The text of a cursor for a URL.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if the operating system has no random numbers.
    pub(crate) async fn seal(&self, app: &App, cursor: &ClientCursor) -> Result<Sealed, StoreError> {
        let ring = match self.shared(app).await {
            Some(ring) => ring,
            None => self
                .0
                .own
                .get_or_try_init(async || Keys::generate().map(KeyRing::new))
                .await
                .map_err(StoreError::backend)?,
        };
        let sealed = ring.encrypt(&cursor.to_string()).map_err(StoreError::backend)?;
        Ok(Sealed(BASE64_URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// The cursor of a text that [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] if it did not.
    pub(crate) async fn open(&self, app: &App, Sealed(text): &Sealed) -> Result<ClientCursor, StoreError> {
        let text = Some(text).filter(|text| text.len() <= MAX_BYTES);
        let sealed = text.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
        let sealed = sealed.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(StoreError::InvalidCursor)?;
        let rings = [self.shared(app).await, self.0.own.get()];
        let opened = rings.into_iter().flatten().find_map(|ring| ring.decrypt(&sealed).ok());
        opened.ok_or(StoreError::InvalidCursor)?.parse()
    }

    async fn shared(&self, app: &App) -> Option<&KeyRing> {
        let failed_at = || self.0.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.0.shared.initialized() && failed_at().is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return None;
        }
        let load = self.0.shared.get_or_try_init(async || {
            let new = Keys::generate().map_err(StoreError::backend)?;
            let new = format!("{} {}", *new.aes_key_base64(), *new.hmac_key_base64());
            let stored = app.shared_secret("cursors", new).await?;
            let (aes_key, hmac_key) =
                stored.split_once(' ').ok_or_else(|| StoreError::corrupt("the key of cursors"))?;
            Keys::from_base64(aes_key, hmac_key).map(KeyRing::new).map_err(StoreError::corrupt)
        });
        let failure = match tokio::time::timeout(LOAD_DEADLINE, load).await {
            Ok(Ok(ring)) => return Some(ring),
            Ok(Err(error)) => error,
            Err(elapsed) => StoreError::unavailable(elapsed),
        };
        tracing::warn!(error = %Chain(&failure), "cursors of clients are valid at this process alone for now");
        *failed_at() = Some(Instant::now());
        None
    }
}
