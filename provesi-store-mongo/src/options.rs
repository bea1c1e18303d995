//! How the caller's client is to be set up, where its URL does not say.

use std::time::Duration;

use mongodb::options::ClientOptions;
use provesi_core::StoreError;

use crate::error::store_error;

/// How long the driver looks for a server to ask. Its own default is half a minute, for each call.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_millis(2_000);

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(2_000);

/// How long a call may take in all, see [`MongoStore::with_time_limit`](crate::MongoStore::with_time_limit). Longer
/// than the two above, so that what is told is what the driver found out and not only that it took too long.
pub(crate) const TIME_LIMIT: Duration = Duration::from_millis(2_800);

/// When a page of a search looks no further, see
/// [`MongoStore::with_search_time`](crate::MongoStore::with_search_time): with the way there and back, and with the batch
/// that is under way, it is to stay below 50 ms.
pub(crate) const SEARCH_TIME: Duration = Duration::from_millis(30);

/// What the servers' logs and `currentOp` call us.
const APP_NAME: &str = "provesi";

/// The options of `url` (`mongodb://…` or `mongodb+srv://…`), completed by [`with_defaults`].
///
/// # Errors
/// - [`StoreError::Backend`] where `url` is none, or says what the driver does not understand.
/// - [`StoreError::Unavailable`] where the name of a `mongodb+srv://` URL cannot be looked up.
pub async fn client_options(url: impl AsRef<str>) -> Result<ClientOptions, StoreError> {
    ClientOptions::parse(url.as_ref()).await.map(with_defaults).map_err(store_error)
}

/// `options` with what they leave open: a server is looked for, and a connection opened, within two seconds; the name
/// of the application is `provesi`. What is set stays.
#[must_use]
pub fn with_defaults(mut options: ClientOptions) -> ClientOptions {
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION_TIMEOUT);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.app_name.get_or_insert_with(|| APP_NAME.to_owned());
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_url_says_stays_and_what_it_does_not_is_completed() {
        let options = client_options("mongodb://127.0.0.1:1/").await.unwrap();
        assert_eq!(options.server_selection_timeout, Some(SERVER_SELECTION_TIMEOUT));
        assert_eq!(options.connect_timeout, Some(CONNECT_TIMEOUT));
        assert_eq!(options.app_name.as_deref(), Some("provesi"));
        let url = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=700&connectTimeoutMS=600&appName=mine&w=1";
        let options = client_options(url).await.unwrap();
        assert_eq!(options.server_selection_timeout, Some(Duration::from_millis(700)));
        assert_eq!(options.connect_timeout, Some(Duration::from_millis(600)));
        assert_eq!(options.app_name.as_deref(), Some("mine"));
    }

    #[tokio::test]
    async fn a_url_that_is_none_is_told_without_its_password() {
        for url in ["", "postgres://ana:geheim@x/", "mongodb://ana:geh%eim@x/", "mongodb://ana:geheim@x/?w=-7"] {
            let refused = client_options(url).await.unwrap_err();
            let told = format!("{refused:?} {}", provesi_core::Chain(&refused));
            assert!(matches!(refused, StoreError::Backend { .. }) && !told.contains("geheim"), "{told}");
        }
    }
}
