//! Pages of filters, and the chain.

use provesi_core::{AuditFilter, AuditQuery, AuditRecord};

use super::{Store, append, pages, sequences, whole};
use crate::audit::{client, order, record};
use crate::data::at;

/// Ten records: at 0, 1, … 4 and again, the first five of client 1 and the others of client 2, all of an order; but one of nobody,
/// and one of both clients.
async fn ten(store: &Store) {
    let record = |number: i64| {
        let who = if number < 5 { client(1) } else { client(2) };
        let order = order(&format!("Ord-{}", number % 3));
        let subjects = match number {
            3 => Vec::new(),
            7 => vec![who, order, client(1)],
            _ => vec![who, order],
        };
        record(number % 5, subjects)
    };
    append(store, &(0..10).map(record).collect::<Vec<_>>()).await;
}

pub async fn pages_are_the_latest_first_and_cover_each_record_once(store: Store) {
    ten(&store).await;
    for limit in [1, 3, 10, 11] {
        assert_eq!(
            sequences(&pages(&store, &AuditFilter::default(), limit).await),
            [10, 5, 9, 4, 8, 3, 7, 2, 6, 1],
            "pages of {limit}"
        );
    }
    let all = pages(&store, &AuditFilter::default(), 4).await;
    let mut kept = whole(&store).await;
    kept.sort_by_key(|stored| std::cmp::Reverse((stored.record.at, stored.sequence)));
    assert_eq!(all, kept);
}

fn passes(AuditFilter { subject, since, until }: &AuditFilter, record: &AuditRecord) -> bool {
    subject.as_ref().is_none_or(|subject| record.subjects.contains(subject))
        && since.is_none_or(|since| record.at >= since)
        && until.is_none_or(|until| record.at < until)
}

pub async fn all_filters_agree_with_their_rule(store: Store) {
    ten(&store).await;
    let kept = whole(&store).await;
    for subject in [None, Some(client(1)), Some(order("ORD-2")), Some(client(9))] {
        for since in [None, Some(at(0)), Some(at(2))] {
            for until in [None, Some(at(4)), Some(at(9))] {
                let filter = AuditFilter { subject: subject.clone(), since, until };
                let mut expected: Vec<_> =
                    kept.iter().filter(|stored| passes(&filter, &stored.record)).cloned().collect();
                expected.sort_by_key(|stored| std::cmp::Reverse((stored.record.at, stored.sequence)));
                assert_eq!(pages(&store, &filter, 3).await, expected, "{filter:?}");
            }
        }
    }
}

pub async fn the_chain_is_read_from_any_place(store: Store) {
    ten(&store).await;
    let read = async |after: i64, limit: usize| {
        sequences(&store.records(&AuditQuery::Chain { after, limit }).await.expect("the chain"))
    };
    assert_eq!(read(0, 3).await, [1, 2, 3]);
    assert_eq!(read(3, 3).await, [4, 5, 6]);
    assert_eq!(read(9, 3).await, [10]);
    assert_eq!(read(10, 3).await, [0_i64; 0]);
}
