//! Tokens that were tampered with, or never were any: each is refused with the one error.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{NO_PAD, STANDARD, STANDARD_NO_PAD, URL_SAFE};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use provesi_crypto::{
    Expected, KeyRing, Keys, MAX_TOKEN_LEN, MemoryReplayGuard, OpenError, SecureMessages, SystemClock, Unreadable,
};
use serde_json::Value;

use crate::ring;

/// "hola mundo", by the Python system.
const VALID: &str = "OObs7+DgUlyUxxnSJ93uVw==:tAcnkgZ8F7RLDvbEsTXpwQ==:sHIHPVp3uWkjUDCm4rBqhRzQZX+4283IBpaW24ulh7I=";

#[track_caller]
fn refused(token: &str) {
    assert_eq!(ring().decrypt(token), Err(Unreadable), "{token:?}");
}

/// Tokens of several lengths, so that the ciphertext ends with each form of padding that base64 has.
fn tokens() -> [String; 4] {
    [VALID.to_owned(), token_of(16), token_of(32), token_of(200)]
}

fn token_of(len: usize) -> String {
    ring().encrypt(&"ñ".repeat(len / 2)).unwrap()
}

fn parts(token: &str) -> [Vec<u8>; 3] {
    let parts: Vec<_> = token.split(':').map(|part| STANDARD.decode(part).unwrap()).collect();
    parts.try_into().unwrap()
}

fn joined(parts: &[Vec<u8>; 3], base64: &GeneralPurpose) -> String {
    parts.each_ref().map(|part| base64.encode(part)).join(":")
}

#[test]
fn the_tokens_that_are_tampered_with_below_are_valid() {
    assert_eq!(ring().decrypt(VALID).as_deref(), Ok("hola mundo"));
    for token in tokens() {
        assert!(ring().decrypt(&token).is_ok());
        assert_eq!(joined(&parts(&token), &STANDARD), token);
    }
}

#[test]
fn each_bit_of_each_byte_of_iv_ciphertext_and_tag_counts() {
    for token in tokens() {
        let parts = parts(&token);
        for (part, bytes) in parts.iter().enumerate() {
            for bit in 0..bytes.len() * 8 {
                let mut parts = parts.clone();
                parts[part][bit / 8] ^= 1 << (bit % 8);
                refused(&joined(&parts, &STANDARD));
            }
        }
    }
}

#[test]
fn each_bit_of_each_character_counts() {
    for token in tokens() {
        for bit in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // The eighth bit makes no text, which a token is by its type.
            if let Ok(token) = String::from_utf8(bytes) {
                refused(&token);
            }
        }
    }
}

#[test]
fn no_character_can_go_and_none_can_come_in() {
    for token in tokens() {
        for at in 0..token.len() {
            refused(&token[..at]);
            refused(&token[at + 1..]);
            refused(&format!("{}{}", &token[..at], &token[at + 1..]));
            for more in ["A", "=", ":", " ", "\n", "\r\n", "\0", "ñ", "AAAA"] {
                refused(&format!("{}{more}{}", &token[..at], &token[at..]));
            }
        }
        for more in ["A", "=", ":", " ", "\n", "\0", "AAAA", ":x", VALID] {
            refused(&format!("{token}{more}"));
        }
    }
}

#[test]
fn bytes_of_the_parts_cannot_go_or_come_in_under_good_base64() {
    for token in tokens() {
        let parts = parts(&token);
        for part in 0..3 {
            for len in 0..parts[part].len() {
                let mut parts = parts.clone();
                parts[part].truncate(len);
                refused(&joined(&parts, &STANDARD));
            }
            for more in [1, 15, 16, 32] {
                let mut parts = parts.clone();
                parts[part].extend(vec![0; more]);
                refused(&joined(&parts, &STANDARD));
            }
        }
    }
}

#[test]
fn a_byte_cannot_move_from_the_iv_to_the_ciphertext_although_the_hmac_is_over_the_same() {
    let [iv, ciphertext, tag] = parts(VALID);
    let bytes = [iv, ciphertext].concat();
    for at in (0..=bytes.len()).filter(|at| *at != 16) {
        let (iv, ciphertext) = bytes.split_at(at);
        refused(&joined(&[iv.to_vec(), ciphertext.to_vec(), tag.clone()], &STANDARD));
    }
}

#[test]
fn parts_have_one_order() {
    for token in tokens() {
        let parts: Vec<_> = token.split(':').collect();
        let mut orders = HashSet::new();
        for a in 0..3 {
            for b in 0..3 {
                for c in 0..3 {
                    orders.insert([parts[a], parts[b], parts[c]].join(":"));
                }
            }
        }
        assert!(orders.remove(&token) && orders.len() == 26);
        orders.iter().for_each(|order| refused(order));
    }
    // Parts of two tokens do not make a third.
    let (one, other) = (parts(&token_of(32)), parts(&token_of(32)));
    for mask in 1..7 {
        let mixed =
            std::array::from_fn(|part| if mask >> part & 1 == 1 { one[part].clone() } else { other[part].clone() });
        refused(&joined(&mixed, &STANDARD));
    }
}

#[test]
fn base64_has_one_spelling() {
    let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let lenient = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
    let other_alphabets = [
        GeneralPurpose::new(&base64::alphabet::BCRYPT, GeneralPurposeConfig::new()),
        GeneralPurpose::new(&base64::alphabet::IMAP_MUTF7, GeneralPurposeConfig::new()),
        URL_SAFE,
        GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD),
        STANDARD_NO_PAD,
    ];
    for token in tokens() {
        let parts = parts(&token);
        for base64 in &other_alphabets {
            let spelled = joined(&parts, base64);
            if spelled != token {
                refused(&spelled);
            }
        }
        let mut texts = parts.each_ref().map(|part| STANDARD.encode(part));
        for part in 0..3 {
            let text = texts[part].clone();
            let unpadded = text.trim_end_matches('=');
            for padding in ["", "=", "==", "===", "===="] {
                texts[part] = format!("{unpadded}{padding}");
                if texts[part] != text {
                    refused(&texts.join(":"));
                }
            }
            // Other last characters that a lenient decoder takes for the same bytes.
            if unpadded.len() < text.len() {
                let (start, padding) = (&unpadded[..unpadded.len() - 1], &text[unpadded.len()..]);
                let spellings: Vec<_> = ('+'..='z')
                    .map(|last| format!("{start}{last}{padding}"))
                    .filter(|spelling| {
                        *spelling != text && lenient.decode(spelling).ok().as_ref() == Some(&parts[part])
                    })
                    .collect();
                assert!(!spellings.is_empty());
                for spelling in spellings {
                    texts[part] = spelling;
                    refused(&texts.join(":"));
                }
            }
            texts[part] = text;
        }
    }
}

#[test]
fn what_is_far_too_long_is_refused_before_it_is_looked_at() {
    for filler in ["A", ":", "=", "ñ", "\0"] {
        refused(&filler.repeat(64 << 20));
        refused(&format!("{VALID}{}", filler.repeat(MAX_TOKEN_LEN)));
    }
    // As long as can be, and wrong at the end only.
    let mut longest = ring().encrypt(&"x".repeat(provesi_crypto::MAX_PLAINTEXT_LEN)).unwrap();
    assert_eq!(longest.len(), MAX_TOKEN_LEN);
    longest.replace_range(MAX_TOKEN_LEN - 4.., "AAA=");
    refused(&longest);
}

#[test]
fn what_is_no_token_at_all_is_refused() {
    for token in ["", ":", "::", ":::", "abc", "a:b:c", "!!!:###:$$$", "ñ:ñ:ñ", "null", "{}", "\u{feff}"] {
        refused(token);
        refused(&token.repeat(100));
    }
}

#[test]
fn what_the_python_system_refused_is_refused_and_what_it_should_have_refused_too() {
    let recorded: Value = serde_json::from_str(include_str!("../data/python.json")).unwrap();
    let mut names = vec![];
    for vector in recorded["negative"].as_array().unwrap().iter().filter(|vector| vector["kind"] == "token") {
        let text = |name: &str| vector[name].as_str().unwrap();
        let ring = KeyRing::new(Keys::from_base64(text("aes_key_b64"), text("hmac_key_b64")).unwrap());
        assert_eq!(ring.decrypt(text("token")), Err(Unreadable), "{}", text("name"));
        names.push(text("name"));
    }
    assert!(names.len() >= 15 && names.contains(&"trailing newline (accepted)"), "{names:?}");
}

#[test]
fn a_message_in_a_token_that_cannot_be_read_is_unreadable() {
    let guard = Arc::new(MemoryReplayGuard::new(1));
    let messages = SecureMessages::new(Arc::new(ring()), Arc::new(SystemClock), guard);
    let clients = "clients".parse().unwrap();
    for token in ["", "a:b:c", &VALID[1..], &VALID.repeat(2)] {
        let error = messages.open(token, &Expected::at(&clients)).unwrap_err();
        assert_eq!(error, OpenError::Unreadable(Unreadable));
        assert_eq!(error.to_string(), Unreadable.to_string());
    }
}
