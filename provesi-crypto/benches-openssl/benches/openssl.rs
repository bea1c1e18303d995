//! Our tokens against the same by OpenSSL, in one run, and what the smallest messages cost.
//!
//! `round trip` is criterion's, one contender after the other. `ratio` is the same work in turns, a few milliseconds each, so
//! that whatever else the machine does meets both: OpenSSL's median time by ours, above 1 where we are faster.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use provesi_crypto::{
    Clock, Expected, KeyRing, Keys, MessageId, ReplayGuard, ReplayRefusal, Seal, SecureMessages, SystemClock, Timestamp,
};
use provesi_crypto_benches_openssl::{Base64, Tokens};

const AES: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const HMAC: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
const SIZES: [(&str, usize); 3] = [("100 B", 100), ("1 KiB", 1024), ("1 MiB", 1024 * 1024)];

fn ring() -> KeyRing {
    Keys::from_base64(AES, HMAC).expect("two keys").into()
}

fn openssl(base64: Base64) -> Tokens {
    let key = |from: u8| std::array::from_fn(|at| from + at as u8);
    Tokens::new(key(0), key(32), base64).expect("OpenSSL has both algorithms")
}

fn text(len: usize) -> String {
    (0..len).map(|at| char::from(b' ' + (at * 7 % 95) as u8)).collect()
}

type Contender = (&'static str, Box<dyn FnMut(&str)>);

fn contenders() -> [Contender; 3] {
    let ring = ring();
    let trip = |mut tokens: Tokens| {
        move |text: &str| {
            let token = tokens.encrypt(text).expect("encrypts");
            assert_eq!(tokens.decrypt(black_box(&token)).expect("decrypts").len(), text.len());
        }
    };
    [
        (
            "provesi-crypto",
            Box::new(move |text| {
                let token = ring.encrypt(text).expect("encrypts");
                assert_eq!(ring.decrypt(black_box(&token)).expect("decrypts").len(), text.len());
            }),
        ),
        ("OpenSSL", Box::new(trip(openssl(Base64::OpenSsl)))),
        ("OpenSSL, base64 by the crate", Box::new(trip(openssl(Base64::of_the_crate())))),
    ]
}

fn both_make_the_same_tokens() {
    let (ring, text) = (ring(), text(1000));
    for base64 in [Base64::OpenSsl, Base64::of_the_crate()] {
        let mut openssl = openssl(base64);
        assert_eq!(ring.decrypt(&openssl.encrypt(&text).expect("encrypts")).as_deref(), Ok(&text[..]));
        assert_eq!(openssl.decrypt(&ring.encrypt(&text).expect("encrypts")).as_ref(), Some(&text));
        assert_eq!(openssl.decrypt(&"A".repeat(94 + 70)), None);
    }
}

fn round_trips(c: &mut Criterion) {
    for (name, len) in SIZES {
        let mut group = c.benchmark_group(format!("round trip of {name}"));
        group.throughput(Throughput::Bytes(len as u64));
        let text = text(len);
        for (contender, mut trip) in contenders() {
            group.bench_function(BenchmarkId::from_parameter(contender), |b| b.iter(|| trip(black_box(&text))));
        }
    }
}

/// Remembers nothing, so that what is measured is the message and one call.
#[derive(Debug)]
struct NoGuard;

impl ReplayGuard for NoGuard {
    fn enter(&self, _: &MessageId, _: Timestamp, _: Timestamp) -> Result<(), ReplayRefusal> {
        Ok(())
    }
}

fn fixed_cost(c: &mut Criterion) {
    let ring = Arc::new(ring());
    let text = text(100);
    let token = ring.encrypt(&text).expect("encrypts");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let messages = SecureMessages::new(Arc::clone(&ring), clock, Arc::new(NoGuard));
    let (orders, clients) = ("orders".parse().expect("a name"), "clients".parse().expect("a name"));
    let data = serde_json::json!({"name": "a".repeat(89)});
    let seal = Seal { source: &orders, destination: &clients, data: &data };
    let mut group = c.benchmark_group("100 bytes");
    group.bench_function("encrypt", |b| b.iter(|| ring.encrypt(black_box(&text)).expect("encrypts")));
    group.bench_function("decrypt", |b| b.iter(|| ring.decrypt(black_box(&token)).expect("decrypts")));
    group.bench_function("seal", |b| b.iter(|| messages.seal(black_box(&seal)).expect("seals")));
    // Criterion's fastest batch may take long; a message lives for five minutes.
    let token = messages.seal(&seal).expect("seals");
    let expected = Expected::at(&clients).sent_by(&orders);
    group.bench_function("open", |b| b.iter(|| messages.open(black_box(&token), &expected).expect("opens")));
}

fn ratios() {
    const TURNS: usize = 201;
    for (name, len) in SIZES {
        let text = text(len);
        let mut contenders = contenders();
        // About 4 ms a turn.
        let each = (4_000_000 / (3_000 + len * 4)).max(1);
        let mut times = [const { Vec::new() }; 3];
        for turn in 0..TURNS {
            for at in 0..contenders.len() {
                let at = (at + turn) % contenders.len();
                let started = Instant::now();
                for _ in 0..each {
                    contenders[at].1(black_box(&text));
                }
                times[at].push(started.elapsed());
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times[TURNS / 2]
        });
        let per = |time: Duration| time.as_secs_f64() * 1e6 / each as f64;
        println!("{name}: ours {:.2} µs", per(medians[0]));
        for (at, (contender, _)) in contenders.iter().enumerate().skip(1) {
            let ratio = medians[at].as_secs_f64() / medians[0].as_secs_f64();
            println!("{name}: ratio {ratio:.2} to {contender} ({:.2} µs)", per(medians[at]));
        }
    }
}

fn main() {
    both_make_the_same_tokens();
    let mut criterion = Criterion::default().configure_from_args();
    fixed_cost(&mut criterion);
    round_trips(&mut criterion);
    criterion.final_summary();
    ratios();
}
