// What must hold of any bytes, whether they are tried at random by the tests or looked for by a fuzzer.

use std::sync::{Arc, LazyLock};

use provesi_crypto::{
    Clock, Expected, KeyRing, Keys, MemoryReplayGuard, OpenError, SecureMessages, ServiceName, Timestamp, Unreadable,
};

const AES: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const HMAC: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// Made by the Python system under these keys.
const VALID: &str = "OObs7+DgUlyUxxnSJ93uVw==:tAcnkgZ8F7RLDvbEsTXpwQ==:sHIHPVp3uWkjUDCm4rBqhRzQZX+4283IBpaW24ulh7I=";

const MESSAGE: &str = r#"{"data": {"client_id": "507f1f77bcf86cd799439011"}, "source": "orders", "destination": "clients", "timestamp": "2026-11-24T04:04:10.237171", "nonce": "lZHfXtKoT0yJdDpfzZmbSQ=="}"#;

#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        "2026-11-24T04:04:11".parse().expect("an instant")
    }
}

static RING: LazyLock<Arc<KeyRing>> =
    LazyLock::new(|| Arc::new(Keys::from_base64(AES, HMAC).expect("two keys").into()));
static CLIENTS: LazyLock<ServiceName> = LazyLock::new(|| "clients".parse().expect("a name"));

/// Panics where these bytes, or what they make of a valid token or message, are not dealt with as they should be.
pub(super) fn check(bytes: &[u8]) {
    is_unreadable(bytes);
    is_unreadable(&changed(VALID.as_bytes(), bytes));
    let text = String::from_utf8_lossy(bytes);
    opens_or_not(&text);
    opens_or_not(&String::from_utf8_lossy(&changed(MESSAGE.as_bytes(), bytes)));
}

fn is_unreadable(token: &[u8]) {
    let Ok(token) = std::str::from_utf8(token) else { return };
    if token == VALID {
        assert_eq!(RING.decrypt(token).as_deref(), Ok("hola mundo"));
    } else {
        assert_eq!(RING.decrypt(token), Err(Unreadable), "{token:?}");
    }
}

/// Somebody with the keys sends this text: it comes out as it went in, and is a good message or a refused one.
fn opens_or_not(text: &str) {
    let token = RING.encrypt(text).expect("not too long");
    assert_eq!(RING.decrypt(&token).as_deref(), Ok(text));
    let messages = SecureMessages::new(Arc::clone(&RING), Arc::new(FixedClock), Arc::new(MemoryReplayGuard::new(1)));
    let expected = Expected::at(&CLIENTS);
    match messages.open(&token, &expected) {
        Ok(message) => {
            assert_eq!(message.destination(), &*CLIENTS);
            assert!(message.data_json().starts_with('{'));
            assert_eq!(messages.open(&token, &expected).unwrap_err(), OpenError::Replayed);
        }
        Err(error) => {
            let refused =
                [OpenError::Malformed, OpenError::WrongDestination, OpenError::FromTheFuture, OpenError::Expired];
            assert!(refused.contains(&error), "{error}: {text:?}");
        }
    }
}

/// The text after the changes that `program` asks for, three bytes each: what, where, and with which byte.
fn changed(text: &[u8], program: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for &[what, place, byte] in program.as_chunks().0 {
        if text.is_empty() {
            break;
        }
        let [at, other] = [place, byte].map(|byte| usize::from(byte) % text.len());
        match what % 8 {
            0 => text[at] ^= 1 << (byte % 8),
            1 => text[at] = byte,
            2 => text.insert(at, byte),
            3 => drop(text.remove(at)),
            4 => text.truncate(at),
            5 => text.swap(at, other),
            6 => text.rotate_left(at),
            _ => text.extend_from_within(at..),
        }
        text.truncate(1 << 16);
    }
    text
}
