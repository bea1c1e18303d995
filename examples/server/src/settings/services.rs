//! Tokens and keys between services. By variables alone: a command line is seen by everybody on the machine.

use std::fmt;
use std::sync::Arc;

use provesi_crypto::{KeyRing, Keys, MemoryReplayGuard, ServiceName, SystemClock};
use provesi_http::boundary::{Boundary, ServiceTokens};

use super::values::{number, switch};
use super::{Env, Secret, SettingError};

/// Tokens of services, each with its name.
const TOKENS: &str = "PROVESI_SERVICE_TOKENS";
/// One token of all services that have none of their own; what the Python system calls its own.
const SHARED_TOKEN: &str = "MICROSERVICE_SERVICE_TOKEN";
/// The pair of keys that encrypts.
const CURRENT: [&str; 2] = ["MICROSERVICE_AES_KEY", "MICROSERVICE_HMAC_KEY"];
/// Pairs that decrypt and do not encrypt, while keys are being changed.
const ACCEPTED: [[&str; 2]; 2] = [
    ["MICROSERVICE_OLD_AES_KEY", "MICROSERVICE_OLD_HMAC_KEY"],
    ["MICROSERVICE_NEW_AES_KEY", "MICROSERVICE_NEW_HMAC_KEY"],
];
/// What this process proves itself with to the service of the clients; [`SHARED_TOKEN`] where it is not set.
const CLIENTS_TOKEN: &str = "PROVESI_CLIENTS_TOKEN";
/// As what it does.
const NAME: &str = "PROVESI_SERVICE_NAME";
/// How many messages are remembered, so that none is taken twice.
const REPLAYS: &str = "PROVESI_REPLAY_CAPACITY";

/// By what other services are known. `Debug` shows no secret.
#[derive(Clone)]
pub(crate) struct ServiceSettings {
    tokens: ServiceTokens,
    keys: Option<Arc<KeyRing>>,
    /// How many messages the replay guard has room for.
    replays: usize,
    /// Whether messages must say for which request they were made.
    pub(crate) strict_messages: bool,
}

impl fmt::Debug for ServiceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tokens, keys, replays, strict_messages } = self;
        let keys = keys.is_some();
        f.debug_struct("ServiceSettings")
            .field("tokens", tokens)
            .field("keys", &keys)
            .field("replays", replays)
            .field("strict_messages", strict_messages)
            .finish()
    }
}

impl ServiceSettings {
    pub(crate) fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    pub(crate) fn boundary(&self) -> Boundary {
        let boundary = Boundary::new(self.tokens.clone());
        match &self.keys {
            None => boundary,
            Some(keys) => {
                let guard = Arc::new(MemoryReplayGuard::new(self.replays));
                boundary
                    .with_messages(Arc::clone(keys), Arc::new(SystemClock), guard)
                    .with_strict_messages(self.strict_messages)
            }
        }
    }
}

/// By what the service of the clients knows this process. `Debug` shows no secret.
#[derive(Clone)]
pub(crate) struct PeerSettings {
    pub(crate) name: ServiceName,
    pub(crate) token: Secret,
    pub(crate) keys: Arc<KeyRing>,
    /// Whether its answers must say for which question they were made.
    pub(crate) strict_messages: bool,
}

impl fmt::Debug for PeerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerSettings").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Env<'_> {
    /// The value of a variable that is a secret; `None` where it is not set, or empty.
    fn secret(&self, variable: &'static str) -> Result<Option<Secret>, SettingError> {
        let text = self.variable(variable, "", |text| Ok(text.to_owned()))?;
        Ok((!text.is_empty()).then_some(Secret(text)))
    }

    pub(super) fn services(&self, strict_messages: Option<String>) -> Result<ServiceSettings, SettingError> {
        let mut tokens = ServiceTokens::default();
        if let Some(text) = self.secret(TOKENS)? {
            tokens = ServiceTokens::parse(text.expose()).map_err(|why| SettingError::new(TOKENS, why))?;
        }
        if let Some(text) = self.secret(SHARED_TOKEN)? {
            let shared = tokens.with_shared(text.expose());
            tokens = shared.map_err(|why| SettingError::new(SHARED_TOKEN, why.to_string()))?;
        }
        let replays = self.variable(REPLAYS, "100000", |text| number(text, 1, 100_000_000))?;
        let strict_messages = self.strict_messages(strict_messages)?;
        Ok(ServiceSettings { tokens, keys: self.keys()?.map(Arc::new), replays, strict_messages })
    }

    pub(super) fn peer(&self) -> Result<PeerSettings, SettingError> {
        let name =
            self.variable(NAME, "orders", |text| text.parse::<ServiceName>().map_err(|error| error.to_string()))?;
        let token = match self.secret(CLIENTS_TOKEN)? {
            None => self.secret(SHARED_TOKEN)?,
            token => token,
        };
        let needed = |variable| SettingError::new(variable, "must be set where --clients is a service");
        let token = token.ok_or_else(|| needed(CLIENTS_TOKEN))?;
        let keys = self.keys()?.ok_or_else(|| needed(CURRENT[0]))?;
        let strict_messages = self.strict_messages(None)?;
        Ok(PeerSettings { name, token, keys: Arc::new(keys), strict_messages })
    }

    fn strict_messages(&self, flag: Option<String>) -> Result<bool, SettingError> {
        self.setting("strict-messages", flag, "off", switch)
    }

    fn keys(&self) -> Result<Option<KeyRing>, SettingError> {
        let current = self.pair(CURRENT)?;
        let mut ring = current.map(KeyRing::new);
        for names in ACCEPTED {
            let Some(pair) = self.pair(names)? else { continue };
            let needs_current =
                || SettingError::new(names[0], format!("needs {} and {} as well", CURRENT[0], CURRENT[1]));
            let accepting = ring.ok_or_else(needs_current)?.accepting(pair);
            ring = Some(accepting.map_err(|why| SettingError::new(names[1], why.to_string()))?);
        }
        Ok(ring)
    }

    fn pair(&self, [aes, hmac]: [&'static str; 2]) -> Result<Option<Keys>, SettingError> {
        match (self.secret(aes)?, self.secret(hmac)?) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(SettingError::new(hmac, format!("must be set where {aes} is"))),
            (None, Some(_)) => Err(SettingError::new(aes, format!("must be set where {hmac} is"))),
            (Some(aes_key), Some(hmac_key)) => {
                let pair = Keys::from_base64(aes_key.expose(), hmac_key.expose());
                // The reason says which of the two it is about.
                pair.map(Some).map_err(|why| SettingError::new(aes, why.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<ServiceSettings, String> {
        let variables =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        Env(&variables).services(None).map_err(|error| error.to_string())
    }

    /// 32 bytes in base64.
    fn key(number: u8) -> String {
        format!("{}A=", char::from(b'A' + number).to_string().repeat(42))
    }

    #[test]
    fn tokens_and_keys_are_read() {
        assert!(!settings(&[]).unwrap().boundary().has_keys());
        assert!(!settings(&[]).unwrap().strict_messages);
        assert!(settings(&[("PROVESI_STRICT_MESSAGES", "on")]).unwrap().strict_messages);
        let [a, b, c, d] = [0, 1, 2, 3].map(key);
        let ring = [
            ("MICROSERVICE_AES_KEY", &*a),
            ("MICROSERVICE_HMAC_KEY", &*b),
            ("MICROSERVICE_OLD_AES_KEY", &*c),
            ("MICROSERVICE_OLD_HMAC_KEY", &*d),
        ];
        let read = settings(&ring).unwrap();
        assert_eq!(read.boundary().works(), Some(true));
        let told = format!("{read:?}");
        assert!(!told.contains(&a) && !told.contains(&d), "{told}");
        let old_alone = settings(&ring[2..]).unwrap_err();
        assert!(old_alone.starts_with("MICROSERVICE_OLD_AES_KEY: needs MICROSERVICE_AES_KEY"), "{old_alone}");
    }

    #[test]
    fn a_bad_one_is_named_and_not_told() {
        let [a, b] = [0, 1].map(key);
        for (pairs, told) in [
            (
                &[("MICROSERVICE_SERVICE_TOKEN", "hunter2")][..],
                "MICROSERVICE_SERVICE_TOKEN: a token must have at least 16",
            ),
            (
                &[("PROVESI_SERVICE_TOKENS", "hunter2-hunter2-hunter2")],
                "PROVESI_SERVICE_TOKENS: part 1 must be NAME=TOKEN",
            ),
            (&[("PROVESI_SERVICE_TOKENS", "orders=hunter2")], "PROVESI_SERVICE_TOKENS: part 1: a token must have"),
            (&[("MICROSERVICE_AES_KEY", &a)], "MICROSERVICE_HMAC_KEY: must be set where MICROSERVICE_AES_KEY is"),
            (
                &[("MICROSERVICE_AES_KEY", "hunter2"), ("MICROSERVICE_HMAC_KEY", &b)],
                "MICROSERVICE_AES_KEY: the AES key is not base64",
            ),
            (
                &[("MICROSERVICE_AES_KEY", &a), ("MICROSERVICE_HMAC_KEY", &a)],
                "MICROSERVICE_AES_KEY: the AES key and the HMAC key must not be the same",
            ),
            (
                &[
                    ("MICROSERVICE_AES_KEY", &a),
                    ("MICROSERVICE_HMAC_KEY", &b),
                    ("MICROSERVICE_NEW_AES_KEY", &a),
                    ("MICROSERVICE_NEW_HMAC_KEY", &b),
                ],
                "MICROSERVICE_NEW_HMAC_KEY: each pair",
            ),
            (&[("PROVESI_REPLAY_CAPACITY", "0")], "PROVESI_REPLAY_CAPACITY: must be a number from 1"),
        ] {
            let why = settings(pairs).unwrap_err();
            assert!(why.starts_with(told) && !why.contains("hunter2") && !why.contains('\n'), "{why}");
        }
    }
}
