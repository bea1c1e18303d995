#![no_std]
// Its example needs the clock and the guard that std has.
#![cfg_attr(any(feature = "std", not(doctest)), doc = include_str!("../README.md"))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod cipher;
mod clock;
mod encoding;
mod keys;
mod message;
mod nonce;
mod random;
mod replay;
mod ring;
mod service;
mod token;

#[cfg(feature = "std")]
pub use clock::SystemClock;
pub use clock::{Clock, Timestamp, TimestampError};
pub use keys::{KeyError, KeyName, Keys};
pub use message::{
    Binding, Expected, MAX_AGE, MAX_AHEAD, Message, OpenError, Seal, SealError, SealedMessage, SecureMessages,
};
pub use nonce::Nonce;
pub use random::NoRandomness;
#[cfg(feature = "std")]
pub use replay::MemoryReplayGuard;
pub use replay::{MessageId, ReplayGuard, ReplayRefusal};
pub use ring::{EncryptError, KeyRing, Unreadable};
pub use service::{ServiceName, ServiceNameError};
pub use token::{MAX_PLAINTEXT_LEN, MAX_TOKEN_LEN};
