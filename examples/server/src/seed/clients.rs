//! Made-up clients, in the order in which they came.

use std::collections::HashMap;

use provesi_core::{Address, Client, ClientId, ClientName, Email, Phone, Timestamp};
use rand::rngs::ChaCha12Rng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

use super::names::{BRANDS, CITIES, FAMILY, FORMS, GIVEN, REASONS, STREETS, TRADES, UNITS};
use super::{DAY, SPAN_DAYS, Seed};

/// The days before the first order in which most clients came.
const LEAD_DAYS: i64 = 400;

/// The clients of a seed, one after the other.
pub(super) struct Clients {
    rng: ChaCha12Rng,
    source: [u8; 5],
    count: u32,
    made: u32,
    until: Timestamp,
    /// How often the part of an e-mail address before the number was given.
    addresses: HashMap<Box<str>, u32>,
}

impl Clients {
    pub(super) fn new(seed: &Seed) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed.seed);
        let mut source = [0; 5];
        rng.fill_bytes(&mut source);
        Self { rng, source, count: seed.clients, made: 0, until: seed.until, addresses: HashMap::new() }
    }

    /// Laid out as an `ObjectId`: seconds, the source of this seed, a counter.
    fn id(&self, at: Timestamp) -> ClientId {
        let seconds = u32::try_from(at.micros() / 1_000_000).unwrap_or_default();
        let mut id = [0; 12];
        id[..4].copy_from_slice(&seconds.to_be_bytes());
        id[4..9].copy_from_slice(&self.source);
        id[9..].copy_from_slice(&self.made.to_be_bytes()[1..]);
        ClientId::from_bytes(id)
    }

    /// The later the client, the later it came: two thirds before the first order, the others all along.
    fn created_at(&mut self) -> Timestamp {
        let share = f64::from(self.made) / f64::from(self.count.max(1));
        let lead = share.min(0.66) / 0.66 * days(LEAD_DAYS);
        let span = (share - 0.66).max(0.0) / 0.34 * days(SPAN_DAYS);
        let start = days(LEAD_DAYS + SPAN_DAYS) + self.rng.random_range(0.0..3_600e6);
        super::orders::back(self.until, start - lead - span)
    }

    fn email(&mut self, local: &str, domain: &str) -> String {
        let times = self.addresses.entry(format!("{local}@{domain}").into()).or_default();
        *times += 1;
        // `.example` is nobody's, now and in time to come (RFC 2606).
        match *times {
            1 => format!("{local}@{domain}.example"),
            times => format!("{local}{times}@{domain}.example"),
        }
    }
}

impl Iterator for Clients {
    type Item = Client;

    fn next(&mut self) -> Option<Client> {
        if self.made == self.count {
            return None;
        }
        let created_at = self.created_at();
        let id = self.id(created_at);
        let rng = &mut self.rng;
        let (name, local, domain) = if rng.random_bool(0.35) { company(rng) } else { person(rng) };
        let phone = rng.random_bool(0.93).then(|| phone(rng));
        let address = rng.random_bool(0.9).then(|| address(rng));
        let updated_at = if rng.random_bool(0.2) {
            let later = Timestamp::from_micros(created_at.micros() + rng.random_range(1..200) * DAY);
            later.unwrap_or(created_at).min(self.until).max(created_at)
        } else {
            created_at
        };
        let email = self.email(&local, domain);
        self.made += 1;
        Some(
            Client::builder()
                .id(id)
                .name(ClientName::parse(name).expect("made-up names are short"))
                .email(Email::parse(&email).expect("made-up addresses are plain"))
                .maybe_phone(phone.map(|text| Phone::parse(text).expect("made-up phones are short")))
                .maybe_address(address.map(|text| Address::parse(text).expect("made-up addresses are short")))
                .created_at(created_at)
                .updated_at(updated_at)
                .build(),
        )
    }
}

fn days(days: i64) -> f64 {
    (days * DAY) as f64
}

/// One of a list of words.
pub(super) fn pick(rng: &mut ChaCha12Rng, words: &'static [&'static str]) -> &'static str {
    words.choose(rng).copied().unwrap_or(REASONS[0])
}

fn person(rng: &mut ChaCha12Rng) -> (String, String, &'static str) {
    let (given, family) = (pick(rng, GIVEN), pick(rng, FAMILY));
    let name = match rng.random_range(0..10) {
        0..4 => format!("{given} {family}"),
        4..8 => format!("{given} {family} {}", pick(rng, FAMILY)),
        _ => format!("{given} {} {family} {}", pick(rng, GIVEN), pick(rng, FAMILY)),
    };
    let domain = pick(rng, &["correo", "buzon", "mensajes", "cartero"]);
    (name, format!("{}.{}", plain(given), plain(family)), domain)
}

fn company(rng: &mut ChaCha12Rng) -> (String, String, &'static str) {
    let (trade, brand) = (pick(rng, TRADES), pick(rng, BRANDS));
    let name = format!("{trade} {brand} {}", pick(rng, FORMS));
    let desk = pick(rng, &["ventas", "compras", "contacto", "bodega"]);
    (name, format!("{desk}.{}-{}", plain(trade), plain(brand)), pick(rng, &["empresa", "comercio", "negocio"]))
}

fn phone(rng: &mut ChaCha12Rng) -> String {
    let (prefix, a, b) = (rng.random_range(300..=323), rng.random_range(0..1_000), rng.random_range(0..10_000));
    match rng.random_range(0..4) {
        0 => format!("+57 {prefix} {a:03} {b:04}"),
        1 => format!("{prefix}{a:03}{b:04}"),
        _ => format!("{prefix} {a:03} {b:04}"),
    }
}

fn address(rng: &mut ChaCha12Rng) -> String {
    let street = pick(rng, STREETS);
    let (road, cross, house) = (rng.random_range(1..=170), rng.random_range(1..=120), rng.random_range(1..=99));
    let letter = pick(rng, &["", "", "", "", "A", "B", "Bis"]);
    let city = pick(rng, CITIES);
    if rng.random_bool(0.3) {
        return format!("{street} {road}{letter} # {cross}-{house:02}, {}, {city}", pick(rng, UNITS));
    }
    format!("{street} {road}{letter} # {cross}-{house:02}, {city}")
}

/// A word in letters that an e-mail address may have without further ado.
fn plain(word: &str) -> String {
    let letter = |c: char| match c {
        'á' => Some('a'),
        'é' => Some('e'),
        'í' => Some('i'),
        'ó' => Some('o'),
        'ú' | 'ü' => Some('u'),
        'ñ' => Some('n'),
        'a'..='z' => Some(c),
        _ => None,
    };
    word.to_lowercase().chars().filter_map(letter).collect()
}
