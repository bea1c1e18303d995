//! One question and its answer.

use std::error::Error as _;
use std::time::Duration;

use axum::http::header;
use provesi_crypto::{Binding, Expected, MAX_TOKEN_LEN, Nonce, Seal};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::SecureServiceClient;
use super::error::ServiceError;
use crate::answer::JSON;
use crate::boundary::{ENCRYPT_RESPONSE, ENCRYPTED_PAYLOAD, SOURCE, TOKEN};

/// How long a question may take, its second try included.
const TIME: Duration = Duration::from_secs(3);

/// The longest answer that is read: a message, and what is around it.
const LONGEST: usize = MAX_TOKEN_LEN + 256;

impl SecureServiceClient {
    /// Asks, and once more where the service could not be reached or not answer: all questions here only read.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &(impl Serialize + Sync),
    ) -> Result<T, ServiceError> {
        let asked = async {
            match self.ask_once(path, question).await {
                Err(error) if error.is_passing() => self.ask_once(path, question).await,
                answer => answer,
            }
        };
        tokio::time::timeout(TIME, asked).await.unwrap_or(Err(ServiceError::TimedOut))
    }

    async fn ask_once<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &(impl Serialize + Sync),
    ) -> Result<T, ServiceError> {
        // A message of its own for each try: the first may have arrived.
        let Self { source, destination, .. } = self;
        let binding = Binding::Request { method: "POST", path };
        let message = self.messages.seal_bound(&Seal { source, destination, data: question }, &binding)?;
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let request = self
            .http
            .post(url)
            .header(header::CONTENT_TYPE, JSON)
            .header(SOURCE, source.as_str())
            .header(TOKEN, self.token.clone())
            .header(ENCRYPTED_PAYLOAD, "true")
            .header(ENCRYPT_RESPONSE, "true")
            .body(message.token);
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = whole(answer).await?;
        let Some(text) = self.opened(&bytes, message.nonce)? else { return Err(in_clear(status)) };
        if let Ok(told) = serde_json::from_str(&text) {
            return Ok(told);
        }
        Err(match status {
            StatusCode::NOT_ACCEPTABLE => ServiceError::TooLong,
            status if status.is_server_error() => ServiceError::Unavailable,
            status if status.is_success() => ServiceError::Answer("the answer is none to the question"),
            status => ServiceError::Rejected { status: status.as_u16() },
        })
    }

    /// What an encrypted answer to the message with this nonce says; `None` where it is not one.
    fn opened(&self, bytes: &[u8], asked: Nonce) -> Result<Option<String>, ServiceError> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            encrypted: &'a str,
        }
        #[derive(Deserialize)]
        struct Data {
            response: String,
        }
        let Ok(Envelope { encrypted }) = serde_json::from_slice(bytes) else { return Ok(None) };
        let expected = Expected::at(&self.source)
            .sent_by(&self.destination)
            .bound_to(Binding::Response { in_reply_to: Some(asked) })
            .strict(self.strict_messages);
        let message = self.messages.open(encrypted, &expected)?;
        let data: Data = message.data().map_err(|_| ServiceError::Answer("the message holds no answer"))?;
        Ok(Some(data.response))
    }
}

/// What an answer in clear may say, which anybody between the two may have written: that there is none.
fn in_clear(status: StatusCode) -> ServiceError {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ServiceError::Refused,
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => ServiceError::Unavailable,
        status if status.is_success() => ServiceError::Answer("the answer is not encrypted"),
        status => ServiceError::Rejected { status: status.as_u16() },
    }
}

async fn whole(mut answer: Response) -> Result<Vec<u8>, ServiceError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(ServiceError::Answer("the answer is longer than a message may be"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Without the address, which is the operator's, and is told with the setting that names it.
fn unreachable(error: reqwest::Error) -> ServiceError {
    let error = error.without_url();
    // What it wraps says more than it does.
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    ServiceError::Unreachable(why.into())
}
