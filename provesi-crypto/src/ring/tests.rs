mod timing;

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::cipher::Cipher;

/// Recorded from the Python system.
fn recorded() -> Value {
    serde_json::from_str(include_str!("../../tests/data/python.json")).unwrap()
}

fn ring_of(vector: &Value) -> KeyRing {
    let key = |name: &str| vector[name].as_str().unwrap();
    Keys::from_base64(key("aes_key_b64"), key("hmac_key_b64")).unwrap().into()
}

fn iv_of(token: &str) -> Iv {
    Token::read(token).unwrap().iv
}

#[test]
fn what_the_python_system_encrypted_comes_out_the_same_with_its_iv() {
    let recorded = recorded();
    let (tokens, messages) = (recorded["encrypt"].as_array().unwrap(), recorded["messages"].as_array().unwrap());
    assert!(tokens.len() >= 9 && messages.len() >= 3);
    let tokens = tokens.iter().map(|vector| (vector, &vector["plaintext"]));
    for (vector, plaintext) in tokens.chain(messages.iter().map(|vector| (vector, &vector["json_plaintext"]))) {
        let (ring, token) = (ring_of(vector), vector["token"].as_str().unwrap());
        assert_eq!(ring.encrypt_with(&iv_of(token), plaintext.as_str().unwrap()), token, "{}", vector["name"]);
    }
}

#[test]
fn each_token_has_an_iv_of_its_own() {
    let ring = KeyRing::new(Keys::generate().unwrap());
    let mut ivs: Vec<_> = (0..100).map(|_| iv_of(&ring.encrypt("the same").unwrap())).collect();
    ivs.sort_unstable();
    ivs.dedup();
    assert_eq!(ivs.len(), 100);
}

/// Whoever has the keys can make tokens that hold and yet are none: they are told no more than anybody.
#[test]
fn what_holds_and_is_no_text_is_unreadable_like_all_else() {
    let (aes_key, hmac_key) = ([1; 32], [2; 32]);
    let cipher = Cipher::new(&aes_key, &hmac_key);
    let base64 = |key: [u8; 32]| base64::Engine::encode(crate::encoding::engine(), key);
    let ring = KeyRing::new(Keys::from_base64(&base64(aes_key), &base64(hmac_key)).unwrap());
    let iv = [3; 16];
    let open = |ciphertext: &[u8]| ring.decrypt(&Token::write(&iv, ciphertext, &cipher.tag(&iv, ciphertext)));
    assert_eq!(open(&cipher.encrypt(&iv, b"text")).as_deref(), Ok("text"));
    let not_utf8 = cipher.encrypt(&iv, b"\xff\xfe");
    let bad_padding = [[0; 16], [7; 16]].concat();
    let (no_block, part_of_one) = ([].as_slice(), [0; 15].as_slice());
    for ciphertext in [&not_utf8, &*bad_padding, no_block, part_of_one] {
        assert_eq!(open(ciphertext), Err(Unreadable), "{ciphertext:?}");
    }
}

#[test]
fn an_accepted_pair_decrypts_and_does_not_encrypt() {
    let recorded = recorded();
    let of = |index: usize| &recorded["encrypt"][index];
    let keys = |vector: &Value| ring_of(vector).current;
    let (old, new) = (of(0), of(5));
    let (old_token, new_token) = (old["token"].as_str().unwrap(), new["token"].as_str().unwrap());
    let ring = KeyRing::new(keys(new)).accepting(Keys::generate().unwrap()).unwrap().accepting(keys(old)).unwrap();
    assert_eq!(ring.decrypt(old_token).as_deref(), old["plaintext"].as_str().ok_or(&Unreadable));
    assert_eq!(ring.decrypt(new_token).as_deref(), new["plaintext"].as_str().ok_or(&Unreadable));
    let made = ring.encrypt("text").unwrap();
    assert_eq!(ring_of(new).decrypt(&made).as_deref(), Ok("text"));
    assert_eq!(ring_of(old).decrypt(&made), Err(Unreadable));
    // Without the old pair its tokens are like anybody's.
    let without = KeyRing::new(keys(new)).accepting(Keys::generate().unwrap()).unwrap();
    assert_eq!(without.decrypt(old_token), Err(Unreadable));
}

#[test]
fn a_tag_under_one_pair_does_not_open_what_another_encrypts() {
    let (one, other) = (Keys::generate().unwrap(), Keys::generate().unwrap());
    let mixed = Keys::from_base64(&one.aes_key_base64(), &other.hmac_key_base64()).unwrap();
    // The tag holds under the second pair, whose AES key makes nothing of it; whatever the padding, it is not the text.
    let token = KeyRing::new(mixed).encrypt("a text of some length, so that chance makes none of it").unwrap();
    assert!(KeyRing::new(one).accepting(other).unwrap().decrypt(&token).is_err());
}

#[test]
fn two_pairs_of_a_ring_do_not_share_an_hmac_key() {
    let (one, other) = (Keys::generate().unwrap(), Keys::generate().unwrap());
    let half_changed = || Keys::from_base64(&other.aes_key_base64(), &one.hmac_key_base64()).unwrap();
    let copy = Keys::from_base64(&one.aes_key_base64(), &one.hmac_key_base64()).unwrap();
    assert_eq!(KeyRing::new(copy).accepting(half_changed()).unwrap_err(), KeyError::HmacKeyInUse);
    let ring = KeyRing::new(Keys::generate().unwrap()).accepting(half_changed()).unwrap();
    assert_eq!(ring.accepting(one).unwrap_err(), KeyError::HmacKeyInUse);
}

#[test]
fn the_longest_text_fits_and_a_longer_one_is_refused_on_both_sides() {
    let ring = KeyRing::new(Keys::generate().unwrap());
    let longest = "x".repeat(MAX_PLAINTEXT_LEN);
    let token = ring.encrypt(&longest).unwrap();
    assert_eq!(token.len(), crate::MAX_TOKEN_LEN);
    assert_eq!(ring.decrypt(&token).unwrap(), longest);
    let longer = longest + "x";
    let error = ring.encrypt(&longer).unwrap_err();
    assert_eq!(error.to_string(), "the text has 1048577 bytes and may have 1048576");
    let token = ring.encrypt_with(&[0; 16], &(longer + &"x".repeat(15)));
    assert_eq!(ring.decrypt(&token), Err(Unreadable));
}

proptest! {
    #[test]
    fn every_text_comes_back(text in "\\PC{0,300}", iv in any::<Iv>()) {
        let ring = KeyRing::new(Keys::generate().unwrap());
        let token = ring.encrypt(&text).unwrap();
        prop_assert_eq!(ring.decrypt(&token), Ok(text.clone()));
        // A token has one spelling: what was read is what is written.
        let again = ring.encrypt_with(&iv_of(&token), &text);
        prop_assert_eq!(again, token);
        let fixed = ring.encrypt_with(&iv, &text);
        prop_assert_eq!(ring.decrypt(&fixed), Ok(text));
    }
}
