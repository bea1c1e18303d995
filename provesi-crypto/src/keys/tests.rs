use std::format;
use std::string::ToString;

use super::*;

const AES: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const HMAC: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

#[test]
fn keys_are_printed_as_they_are_read() {
    let keys = Keys::from_base64(AES, HMAC).unwrap();
    assert_eq!((keys.aes_key_base64().as_str(), keys.hmac_key_base64().as_str()), (AES, HMAC));
}

#[test]
fn generated_keys_are_read_again_and_are_never_the_same() {
    let (one, other) = (Keys::generate().unwrap(), Keys::generate().unwrap());
    let [a, b, c, d] = [one.aes_key_base64(), one.hmac_key_base64(), other.aes_key_base64(), other.hmac_key_base64()];
    Keys::from_base64(&a, &b).unwrap();
    assert!(a != b && c != d && a != c && b != d);
}

#[test]
fn what_is_not_base64_with_padding_is_refused_by_name() {
    let unpadded = AES.trim_end_matches('=');
    let not_base64 = [
        unpadded,
        &format!("{unpadded}=="),
        &format!("{AES}\n"),
        &format!(" {AES}"),
        &AES.replace('8', "-"),
        // The last character has bits that belong to no byte.
        &format!("{}9=", &AES[..42]),
        "ñ",
        "not base64",
    ];
    for text in not_base64 {
        assert_eq!(Keys::from_base64(text, HMAC).unwrap_err(), KeyError::NotBase64 { key: KeyName::Aes }, "{text}");
        assert_eq!(Keys::from_base64(HMAC, text).unwrap_err(), KeyError::NotBase64 { key: KeyName::Hmac }, "{text}");
    }
}

#[test]
fn a_wrong_length_is_refused_with_the_length_that_was_found() {
    for len in [0, 1, 16, 24, 31, 33, 64] {
        let text = engine().encode(std::vec![7; len]);
        let error = Keys::from_base64(&text, HMAC).unwrap_err();
        assert_eq!(error, KeyError::Length { key: KeyName::Aes, found: len });
        let error = Keys::from_base64(AES, &text).unwrap_err();
        assert_eq!(error.to_string(), format!("the HMAC key has {len} bytes and must have 32"));
    }
}

#[test]
fn one_key_for_both_is_refused() {
    assert_eq!(Keys::from_base64(AES, AES).unwrap_err(), KeyError::Same);
}

#[test]
fn debug_and_errors_show_nothing_of_a_key() {
    assert_eq!(format!("{:?}", Keys::from_base64(AES, HMAC).unwrap()), "Keys(..)");
    let secret = &AES[..40];
    let error = Keys::from_base64(secret, HMAC).unwrap_err();
    assert!(!format!("{error:?} {error}").contains(&secret[..4]));
}
