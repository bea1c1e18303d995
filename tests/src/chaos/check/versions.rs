//! Versions: one content each, and never back.

use std::collections::{HashMap, HashSet};

use super::super::history::History;
use super::{Kind, Violations, violation};

/// A record as one answer showed it.
struct Sight {
    key: String,
    etag: Option<String>,
    /// Another program may have changed the record without a new `updated_at`.
    is_etag_alone: bool,
    updated_at: String,
    content: String,
    invoked: u64,
    returned: u64,
}

pub(super) fn check(history: &History, found: &mut Violations) {
    let mut sights: HashMap<String, Vec<Sight>> = HashMap::new();
    for sight in sights_of(history) {
        sights.entry(sight.key.clone()).or_default().push(sight);
    }
    for sights in sights.values_mut() {
        one_content_each(sights, found);
        never_back(sights, found);
    }
}

fn sights_of(history: &History) -> impl Iterator<Item = Sight> + '_ {
    let end = u64::MAX;
    let orders =
        history.calls.iter().flat_map(|call| call.orders().iter().map(|one| (one, call.invoked, call.returned)));
    let orders = orders.chain(history.end.orders.iter().map(move |one| (one, end, end)));
    let clients =
        history.calls.iter().flat_map(|call| call.clients().iter().map(|one| (one, call.invoked, call.returned)));
    let clients = clients.chain(history.end.clients.iter().map(move |one| (one, end, end)));
    // `None`: a write without an answer may have hit any order.
    let hit: HashSet<Option<i64>> = history
        .elsewhere
        .iter()
        .filter(|write| !write.is_answered || write.order.is_some())
        .map(|write| write.order)
        .collect();
    let orders = orders.map(move |(order, invoked, returned)| Sight {
        is_etag_alone: hit.contains(&None) || hit.contains(&Some(order.id)),
        key: format!("order {}", order.id),
        etag: order.etag.clone(),
        updated_at: order.updated_at.clone(),
        content: format!("{:?}", order.state),
        invoked,
        returned,
    });
    orders.chain(clients.map(|(client, invoked, returned)| Sight {
        is_etag_alone: false,
        key: format!("client {}", client.id),
        etag: client.etag.clone(),
        updated_at: client.updated_at.clone(),
        content: format!("{:?}", client.state),
        invoked,
        returned,
    }))
}

fn one_content_each(sights: &[Sight], found: &mut Violations) {
    let mut contents: HashMap<&str, &Sight> = HashMap::new();
    for sight in sights {
        let updated_at = Some(&sight.updated_at).filter(|_| !sight.is_etag_alone);
        for version in sight.etag.iter().chain(updated_at) {
            let other = *contents.entry(version).or_insert(sight);
            if other.content != sight.content {
                let what = format!("{} in version {version}: {} and {}", sight.key, other.content, sight.content);
                found.push(violation(Kind::VersionReused, what));
                return;
            }
        }
    }
}

/// A read that starts after another has ended shows the same version or a later one.
fn never_back(sights: &mut [Sight], found: &mut Violations) {
    let mut answers: Vec<(u64, i64)> = sights.iter().map(|sight| (sight.returned, micros(&sight.updated_at))).collect();
    answers.sort_unstable();
    sights.sort_by_key(|sight| sight.invoked);
    let (mut latest, mut answered) = (i64::MIN, answers.into_iter().peekable());
    for sight in sights {
        while let Some((_, version)) = answered.next_if(|(returned, _)| *returned < sight.invoked) {
            latest = latest.max(version);
        }
        if micros(&sight.updated_at) < latest {
            let what = format!("{} is shown as of {} later than a newer version", sight.key, sight.updated_at);
            found.push(violation(Kind::VersionWentBack, what));
            return;
        }
    }
}

/// The instant in microseconds; the smallest number for a text that is none.
pub(super) fn micros(instant: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(instant).map_or(i64::MIN, |instant| instant.timestamp_micros())
}
