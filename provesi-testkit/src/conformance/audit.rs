//! The cases for audit stores.

#![allow(missing_docs, reason = "the name of a case is what it checks")]

pub mod appending;
pub mod reading;

use std::sync::Arc;

use futures_util::future::join_all;
use provesi_core::{
    AuditChain, AuditFilter, AuditHead, AuditQuery, AuditRecord, AuditStore, AuditStoreExt, PageLimit, PageRequest,
    StoredAudit,
};

use crate::audit::verify;

/// What a fixture gives, as the cases take it.
#[doc(hidden)]
pub fn under_test(store: impl AuditStore) -> Arc<dyn AuditStore> {
    Arc::new(store)
}

/// Makes a test of each case of the suite for stores of audit records. Use it in a module of its own.
///
/// The argument is the path of an `async fn() -> (S, G)` that gives an empty store `S`; the guard `G`, such as a temporary
/// folder, is kept until the case ends.
#[macro_export]
macro_rules! audit_store_suite {
    ($fixture:path) => {
        $crate::__conformance_cases! {
            audit, $fixture,
            appending:
                an_empty_store_has_the_head_of_an_empty_chain,
                records_come_back_as_they_were_given_in_the_order_of_the_chain,
                every_action_outcome_and_field_comes_back,
                two_thousand_subjects_come_back,
                a_thousand_records_at_once_come_back,
                appending_nothing_changes_nothing,
                writers_at_once_make_one_chain,
                a_keyed_chain_is_kept_as_it_was_made,
                a_dropped_append_leaves_a_whole_chain,
                acknowledged_appends_after_abandoned_ones_are_found;
            reading:
                pages_are_the_latest_first_and_cover_each_record_once,
                all_filters_agree_with_their_rule,
                the_chain_is_read_from_any_place;
        }
    };
}

type Store = Arc<dyn AuditStore>;

async fn append(store: &Store, records: &[AuditRecord]) -> AuditHead {
    store.append(&AuditChain::plain(), records).await.expect("appended")
}

/// All records in the order of the chain, which is valid.
async fn whole(store: &Store) -> Vec<StoredAudit> {
    let mut all: Vec<StoredAudit> = Vec::new();
    loop {
        let last = all.last().map_or(0, |stored| stored.sequence);
        let more = store.records(&AuditQuery::Chain { after: last, limit: 1_000 }).await.expect("the chain");
        if more.is_empty() {
            break;
        }
        all.extend(more);
    }
    let head = verify(&**store, &[]).await.expect("a valid chain");
    assert_eq!(head, all.last().map_or(AuditHead::START, StoredAudit::head));
    assert_eq!(store.head().await.expect("the head"), head);
    all
}

/// All pages of `limit` records.
async fn pages(store: &Store, filter: &AuditFilter, limit: u32) -> Vec<StoredAudit> {
    let limit = PageLimit::new(limit).expect("a limit");
    let (mut all, mut request) = (Vec::new(), PageRequest::first(limit));
    loop {
        let page = store.page(filter, &request).await.expect("a page");
        assert!(page.items.len() == limit.get() || page.next.is_none(), "only the last page is short");
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        request = PageRequest::after(limit, next.to_string().parse().expect("its own text"));
    }
}

fn sequences(records: &[StoredAudit]) -> Vec<i64> {
    records.iter().map(|stored| stored.sequence).collect()
}

/// Runs writers concurrently, each in its own task.
async fn concurrently(writers: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) {
    for writer in join_all(writers.into_iter().map(tokio::spawn)).await {
        writer.expect("the writer ends well");
    }
}
