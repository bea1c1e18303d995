//! The same tokens by OpenSSL: what is fetched once is fetched once, the cipher's context is used again, and the strict
//! parsing and the comparison in constant time are there.

use base64::Engine;
use base64::engine::Simd;
use base64::engine::general_purpose::PAD;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::md_ctx::MdCtx;
use openssl::pkey::{PKey, Private};
use openssl::{memcmp, rand};

/// Whose base64 is used.
#[derive(Clone, Debug)]
pub enum Base64 {
    /// OpenSSL's.
    OpenSsl,
    /// The crate's, as `provesi-crypto` has it.
    Crate(Box<Simd>),
}

impl Base64 {
    #[must_use]
    pub fn of_the_crate() -> Self {
        Self::Crate(Simd::standard(PAD).into())
    }

    fn encode(&self, bytes: &[u8]) -> String {
        match self {
            Self::OpenSsl => openssl::base64::encode_block(bytes),
            Self::Crate(engine) => engine.encode(bytes),
        }
    }

    fn decode(&self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::OpenSsl => openssl::base64::decode_block(text).ok(),
            Self::Crate(engine) => engine.decode(text).ok(),
        }
    }
}

pub struct Tokens {
    aes_key: [u8; 32],
    hmac_key: PKey<Private>,
    cipher: Cipher,
    hash: Md,
    encryption: CipherCtx,
    decryption: CipherCtx,
    base64: Base64,
}

impl Tokens {
    pub fn new(aes_key: [u8; 32], hmac_key: [u8; 32], base64: Base64) -> Result<Self, ErrorStack> {
        Ok(Self {
            aes_key,
            hmac_key: PKey::hmac(&hmac_key)?,
            cipher: Cipher::fetch(None, "AES-256-CBC", None)?,
            hash: Md::fetch(None, "SHA256", None)?,
            encryption: CipherCtx::new()?,
            decryption: CipherCtx::new()?,
            base64,
        })
    }

    pub fn encrypt(&mut self, plaintext: &str) -> Result<String, ErrorStack> {
        let mut iv = [0; 16];
        rand::rand_bytes(&mut iv)?;
        let mut ciphertext = Vec::with_capacity(plaintext.len() + 32);
        self.encryption.encrypt_init(Some(&self.cipher), Some(&self.aes_key), Some(&iv))?;
        self.encryption.cipher_update_vec(plaintext.as_bytes(), &mut ciphertext)?;
        self.encryption.cipher_final_vec(&mut ciphertext)?;
        let tag = self.tag(&iv, &ciphertext)?;
        let (iv, ciphertext, tag) =
            (self.base64.encode(&iv), self.base64.encode(&ciphertext), self.base64.encode(&tag));
        let mut token = String::with_capacity(iv.len() + ciphertext.len() + tag.len() + 2);
        for part in [&iv, ":", &ciphertext, ":", &tag] {
            token.push_str(part);
        }
        Ok(token)
    }

    pub fn decrypt(&mut self, token: &str) -> Option<String> {
        let (iv, rest) = token.split_at_checked(24)?;
        let (rest, tag) = rest.split_at_checked(rest.len().checked_sub(44)?)?;
        let ciphertext = rest.strip_prefix(':')?.strip_suffix(':')?;
        let (iv, ciphertext, tag) =
            (self.base64.decode(iv)?, self.base64.decode(ciphertext)?, self.base64.decode(tag)?);
        // OpenSSL's counts what padding stands for.
        let (iv, tag) = (iv.get(..16)?, tag.get(..32)?);
        let ciphertext = &ciphertext[..ciphertext.len() / 16 * 16];
        if !memcmp::eq(&self.tag(iv, ciphertext).ok()?, tag) {
            return None;
        }
        let mut plaintext = Vec::with_capacity(ciphertext.len() + 16);
        self.decryption.decrypt_init(Some(&self.cipher), Some(&self.aes_key), Some(iv)).ok()?;
        self.decryption.cipher_update_vec(ciphertext, &mut plaintext).ok()?;
        self.decryption.cipher_final_vec(&mut plaintext).ok()?;
        String::from_utf8(plaintext).ok()
    }

    fn tag(&self, iv: &[u8], ciphertext: &[u8]) -> Result<[u8; 32], ErrorStack> {
        let mut mac = MdCtx::new()?;
        mac.digest_sign_init(Some(&self.hash), &self.hmac_key)?;
        mac.digest_sign_update(iv)?;
        mac.digest_sign_update(ciphertext)?;
        let mut tag = [0; 32];
        mac.digest_sign_final(Some(&mut tag))?;
        Ok(tag)
    }
}
