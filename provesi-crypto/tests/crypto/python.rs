//! Python with `cryptography` opens what we seal, and we open what it seals. Where there is no such Python, nothing can be
//! tried and standard error says so; what the Python system has recorded is tested without it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use provesi_crypto::{Binding, Expected, MemoryReplayGuard, Seal, SecureMessages, SystemClock};
use serde_json::{Value, json};

use crate::{AES, HMAC, ring};

/// The other side, as its own library calls would be.
const OTHER_SIDE: &str = r#"
import base64, json, os, sys
from datetime import datetime, timedelta, timezone
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

asked = json.load(sys.stdin)
aes_key, hmac_key = base64.b64decode(asked["aes"]), base64.b64decode(asked["hmac"])
now = datetime.now(timezone.utc).replace(tzinfo=None)

def tag(data):
    mac = hmac.HMAC(hmac_key, hashes.SHA256())
    mac.update(data)
    return mac

def encrypt(text):
    iv, padder = os.urandom(16), padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(aes_key), modes.CBC(iv)).encryptor()
    padded = padder.update(text.encode("utf-8")) + padder.finalize()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    return ":".join(base64.b64encode(part).decode() for part in (iv, ciphertext, tag(iv + ciphertext).finalize()))

def decrypt(token):
    iv, ciphertext, mac = (base64.b64decode(part, validate=True) for part in token.split(":"))
    tag(iv + ciphertext).verify(mac)
    decryptor, unpadder = Cipher(algorithms.AES(aes_key), modes.CBC(iv)).decryptor(), padding.PKCS7(128).unpadder()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    return (unpadder.update(padded) + unpadder.finalize()).decode("utf-8")

def seal(data):
    return encrypt(json.dumps({"data": data, "source": "orders", "destination": "clients",
        "timestamp": now.isoformat(), "nonce": base64.b64encode(os.urandom(16)).decode()}))

def open_message(token):
    message = json.loads(decrypt(token))
    age = now - datetime.fromisoformat(message["timestamp"])
    assert timedelta(seconds=-30) <= age <= timedelta(seconds=300), age
    assert (message["source"], message["destination"]) == ("orders", "clients")
    assert len(base64.b64decode(message["nonce"], validate=True)) == 16
    return message["data"]

json.dump({
    "opened": [decrypt(token) for token in asked["tokens"]],
    "made": [encrypt(text) for text in asked["texts"]],
    "data": [open_message(token) for token in asked["messages"]],
    "messages": [seal(data) for data in asked["data"]],
}, sys.stdout)
"#;

/// What the other side answers, or `None` where there is no Python with `cryptography`.
fn other_side(asked: &Value) -> Option<Value> {
    let can = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        eprintln!("left out: there is no python3 here that can `import cryptography`");
        return None;
    }
    let mut python = Command::new("python3")
        .args(["-c", OTHER_SIDE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it ran a moment ago");
    // It reads all of it before it writes, so neither waits for the other.
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "Python refused");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn python_opens_what_we_make_and_we_open_what_python_makes() {
    let messages = SecureMessages::new(Arc::new(ring()), Arc::new(SystemClock), Arc::new(MemoryReplayGuard::new(9)));
    let (orders, clients) = ("orders".parse().unwrap(), "clients".parse().unwrap());
    let texts: Vec<_> = (0..40).map(|len| "x".repeat(len)).chain(["Ñandú 漢 🚚\0\n\"\\".repeat(500)]).collect();
    let data = [json!({}), json!({"name": "Ñandú 漢 🚚", "n": [1, null, 2.5]})];
    // Also with the fields that it does not know.
    let binding = Binding::Request { method: "POST", path: "/clients/api/v1/lookup/" };
    let seal = |data: &Value| {
        let seal = Seal { source: &orders, destination: &clients, data };
        [messages.seal(&seal).unwrap(), messages.seal_bound(&seal, &binding).unwrap().token]
    };
    let asked = json!({
        "aes": AES,
        "hmac": HMAC,
        "tokens": texts.iter().map(|text| ring().encrypt(text).unwrap()).collect::<Vec<_>>(),
        "texts": texts,
        "messages": data.iter().flat_map(seal).collect::<Vec<_>>(),
        "data": data,
    });
    let Some(answer) = other_side(&asked) else { return };
    assert_eq!(answer["opened"], asked["texts"]);
    let twice: Vec<_> = data.iter().flat_map(|data| [data.clone(), data.clone()]).collect();
    assert_eq!(answer["data"], json!(twice));
    let answered = |name: &str| answer[name].as_array().unwrap().iter().map(|token| token.as_str().unwrap());
    let opened: Vec<_> = answered("made").map(|token| ring().decrypt(token).unwrap()).collect();
    assert_eq!(opened, texts);
    let expected = Expected::at(&clients).sent_by(&orders).bound_to(binding);
    let opened: Vec<Value> =
        answered("messages").map(|token| messages.open(token, &expected).unwrap().data().unwrap()).collect();
    assert_eq!(opened, data);
}

/// The records are a copy: of the same, where the original is at hand.
#[test]
fn the_records_of_the_python_system_are_as_they_were_recorded() {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says so to what it runs");
    let original = std::path::Path::new(&package).join("../../shared/vectors/crypto.json");
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    if let Ok(original) = std::fs::read_to_string(original) {
        assert_eq!(read(include_str!("../data/python.json")), read(&original));
    }
}
