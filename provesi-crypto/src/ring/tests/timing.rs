//! That time does not tell how much of a tag is right.
//!
//! Two kinds of work are done in turns, some hundred times each in a batch, and the medians of many batches are compared: what
//! else the machine does meets both. A difference counts only if it is there five times, each time on the same side.

use std::hint::black_box;
use std::string::String;
use std::time::{Duration, Instant};
use std::vec::Vec;

use crate::cipher::{Tag, matches};
use crate::keys::Keys;
use crate::ring::KeyRing;
use crate::token::Token;

const BATCHES: usize = 101;

/// How long `one` takes, by how long `other` takes.
fn ratio(runs: usize, one: impl Fn(), other: impl Fn()) -> f64 {
    let batch = |work: &dyn Fn()| {
        let started = Instant::now();
        (0..runs).for_each(|_| work());
        started.elapsed()
    };
    let (ones, others): (Vec<_>, Vec<_>) = (0..BATCHES)
        .map(|turn| {
            if turn % 2 == 0 {
                let first = batch(&one);
                (first, batch(&other))
            } else {
                let first = batch(&other);
                (batch(&one), first)
            }
        })
        .unzip();
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[BATCHES / 2].as_secs_f64()
    };
    median(ones) / median(others)
}

/// Whether it takes the same, as far as `bound` (1.1 for a tenth).
fn takes_the_same(bound: f64, ratio: impl Fn() -> f64) -> bool {
    let ratios: Vec<f64> =
        (0..5).map_while(|_| Some(ratio()).filter(|ratio| !(1.0 / bound..bound).contains(ratio))).collect();
    ratios.len() < 5 || !(ratios.iter().all(|&ratio| ratio > 1.0) || ratios.iter().all(|&ratio| ratio < 1.0))
}

const RIGHT: Tag = [0x5a; 32];

fn wrong_at(index: usize) -> Tag {
    let mut tag = RIGHT;
    tag[index] ^= 1;
    tag
}

/// How long a comparison with a tag that is wrong at its first byte takes, by how long with one that is wrong at its last.
fn first_by_last(is_same: impl Fn(&Tag, &Tag) -> bool) -> f64 {
    let (first, last) = (wrong_at(0), wrong_at(31));
    let compare = |tag| assert!(!black_box(is_same(black_box(&RIGHT), black_box(tag))));
    ratio(500, || compare(&first), || compare(&last))
}

#[test]
fn a_tag_that_is_wrong_at_its_first_byte_takes_as_long_as_one_that_is_wrong_at_its_last() {
    assert!(takes_the_same(1.25, || first_by_last(|one, other| matches(one, other).into())));
}

/// That the test above would see a comparison that ends at the first difference.
#[test]
fn a_comparison_that_ends_early_is_seen() {
    let ends_early = |one: &Tag, other: &Tag| one.iter().zip(other).all(|(one, other)| black_box(one == other));
    assert!(!takes_the_same(1.25, || first_by_last(ends_early)));
}

#[test]
fn a_token_with_a_tag_wrong_at_its_first_byte_is_refused_as_late_as_one_wrong_at_its_last() {
    let ring = KeyRing::new(Keys::generate().unwrap());
    let Token { iv, ciphertext, tag } = Token::read(&ring.encrypt("a text that is short").unwrap()).unwrap();
    let wrong_at = |index: usize| {
        let mut tag = tag;
        tag[index] ^= 1;
        Token::write(&iv, &ciphertext, &tag)
    };
    let (first, last) = (wrong_at(0), wrong_at(31));
    let refuse = |token: &String| assert!(ring.decrypt(black_box(token)).is_err());
    assert!(takes_the_same(1.1, || ratio(50, || refuse(&first), || refuse(&last))));
}

#[test]
fn which_pair_of_a_ring_fits_takes_the_same() {
    let pairs: Vec<_> = (0..4).map(|_| Keys::generate().unwrap()).collect();
    let token_of = |keys: &Keys| {
        let copy = Keys::from_base64(&keys.aes_key_base64(), &keys.hmac_key_base64()).unwrap();
        KeyRing::new(copy).encrypt("a text that is short").unwrap()
    };
    let (first, last) = (token_of(&pairs[0]), token_of(&pairs[3]));
    let ring =
        pairs.into_iter().map(KeyRing::new).reduce(|ring, other| ring.accepting(other.current).unwrap()).unwrap();
    let open = |token: &String| assert!(ring.decrypt(black_box(token)).is_ok());
    assert!(takes_the_same(1.1, || ratio(50, || open(&first), || open(&last))));
}
