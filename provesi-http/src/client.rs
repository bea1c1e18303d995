//! A client for the services of another process (feature `client`).
//!
//! Every question and every answer is a secure message. An answer is taken from its message alone, and must name what was asked.
//! A question is bound to its method and path below the base address: a proxy may strip the base's own path and must leave
//! the rest as it is.
//!
//! ```no_run
//! use provesi_crypto::{KeyRing, Keys};
//! use provesi_http::client::SecureServiceClient;
//!
//! # async fn example(token: &str, aes_key: &str, hmac_key: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeyRing::new(Keys::from_base64(aes_key, hmac_key)?);
//! let clients = SecureServiceClient::new(
//!     "https://clients.example.com", "orders".parse()?, "clients".parse()?, token, keys,
//! )?;
//! let client = clients.get_client("6b050af58b3059b0f61239f2".parse()?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The feature turns on TLS in reqwest without a provider of cryptography. A program that has other clients of reqwest's, and
//! no provider chosen for the process, has to choose one before it builds them:
//! `rustls::crypto::ring::default_provider().install_default()`.
//!
//! It is a [`ClientRepository`](provesi_core::ClientRepository) for all that orders need of clients, which is to read them:
//! writes and [`count`](provesi_core::ClientRepository::count) are not offered, and say so.

mod call;
mod error;
mod repository;
mod tls;

pub use error::{NoClient, ServiceError};

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use axum::http::HeaderValue;
use provesi_core::{Client, ClientId, ClientRow, Stored};
use provesi_crypto::{KeyRing, MemoryReplayGuard, SecureMessages, ServiceName, SystemClock};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::services::{LOOKUP, MOST};

/// How many answers are remembered, so that none is taken twice.
const ANSWERS: usize = 100_000;

/// A client of one service of another process. Cheap to clone; `Debug` shows neither token nor keys.
#[derive(Clone)]
pub struct SecureServiceClient {
    http: reqwest::Client,
    base: Url,
    source: ServiceName,
    destination: ServiceName,
    token: HeaderValue,
    messages: SecureMessages,
    strict_messages: bool,
}

impl fmt::Debug for SecureServiceClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, .. } = self;
        f.debug_struct("SecureServiceClient")
            .field("source", source)
            .field("destination", destination)
            .finish_non_exhaustive()
    }
}

impl SecureServiceClient {
    /// A client of `destination` (such as `clients`) at `base`, below which its paths are, for the service `source`,
    /// which proves itself by `token`. Opens no connection.
    ///
    /// # Errors
    /// [`NoClient`]: `base` is no address or would carry the token in clear beyond this machine, the token cannot be in a
    /// header, or the system has no certificates to know others by.
    pub fn new(
        base: &str,
        source: ServiceName,
        destination: ServiceName,
        token: &str,
        keys: impl Into<Arc<KeyRing>>,
    ) -> Result<Self, NoClient> {
        let base = tls::checked(base)?;
        let mut token = HeaderValue::from_str(token).map_err(|_| NoClient::Token)?;
        token.set_sensitive(true);
        let http = tls::http(&base)?;
        let guard = Arc::new(MemoryReplayGuard::new(ANSWERS));
        let messages = SecureMessages::new(keys.into(), Arc::new(SystemClock), guard);
        Ok(Self { http, base, source, destination, token, messages, strict_messages: false })
    }

    /// Refuses answers that do not name the question that they are for, as services of earlier versions send them. An
    /// answer that names another question is refused always.
    #[must_use]
    pub fn with_strict_messages(self, strict: bool) -> Self {
        Self { strict_messages: strict, ..self }
    }

    /// Whether [`new`](Self::new) would take this address.
    ///
    /// # Errors
    /// [`NoClient::Address`] and [`NoClient::InClear`].
    pub fn check_address(base: &str) -> Result<(), NoClient> {
        tls::checked(base).map(drop)
    }

    /// The client with this id, `None` where there is none.
    ///
    /// # Errors
    /// [`ServiceError`], with [`ServiceError::Unreadable`] where the record there cannot be decoded.
    pub async fn get_client(&self, id: ClientId) -> Result<Option<Stored<Client>>, ServiceError> {
        let found = self.looked_up(&[id]).await?;
        if !found.unreadable.is_empty() {
            return Err(ServiceError::Unreadable);
        }
        Ok(found.clients.into_iter().next().map(Stored::new))
    }

    /// Looks up any number of ids. Those that are in neither list of the answer do not exist.
    async fn look_up_all(&self, ids: BTreeSet<ClientId>) -> Result<Found, ServiceError> {
        let ids: Vec<ClientId> = ids.into_iter().collect();
        let mut all = Found::default();
        let mut waiting: Vec<&[ClientId]> = ids.chunks(MOST).collect();
        while let Some(part) = waiting.pop() {
            match self.looked_up(part).await {
                Ok(found) => {
                    all.clients.extend(found.clients);
                    all.unreadable.extend(found.unreadable);
                }
                Err(ServiceError::TooLong) if part.len() > 1 => {
                    let (one, other) = part.split_at(part.len() / 2);
                    waiting.extend([one, other]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Whether the service of the clients and its store answer.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn check(&self) -> Result<(), ServiceError> {
        self.looked_up(&[]).await.map(drop)
    }

    async fn looked_up(&self, ids: &[ClientId]) -> Result<Found, ServiceError> {
        #[derive(Serialize)]
        struct Ids<'a> {
            ids: &'a [ClientId],
        }
        #[derive(Deserialize)]
        struct Told {
            clients: Vec<ClientRow>,
            missing: Vec<ClientId>,
            unreadable: Vec<ClientId>,
        }
        let told: Told = self.ask(LOOKUP, &Ids { ids }).await?;
        let clients: Vec<ClientRow> = told.clients.into_iter().map(without_empty).collect();
        let named = clients.iter().map(|client| client.id).chain(told.missing).chain(told.unreadable.clone());
        if !each_once(ids, named) {
            return Err(ServiceError::Answer("the answer is not about the clients that were asked for"));
        }
        Ok(Found { clients, unreadable: told.unreadable })
    }
}

#[derive(Default)]
struct Found {
    clients: Vec<ClientRow>,
    unreadable: Vec<ClientId>,
}

/// A row as stores have it: on the wire a field that is not there is an empty text.
fn without_empty(mut row: ClientRow) -> ClientRow {
    row.phone.take_if(|phone| phone.is_empty());
    row.address.take_if(|address| address.is_empty());
    row
}

/// Whether `named` are the ids that were asked for, no more and no less.
fn each_once(asked: &[ClientId], named: impl Iterator<Item = ClientId>) -> bool {
    let asked: BTreeSet<ClientId> = asked.iter().copied().collect();
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    for id in named {
        seen.insert(id);
        count += 1;
    }
    seen == asked && count == asked.len()
}
