//! The port that keeps audit records, and its queries.

use std::fmt::{self, Debug};
use std::str::FromStr;

use async_trait::async_trait;

use super::{AuditChain, AuditHead, AuditRecord, StoredAudit, Subject};
use crate::paging::{decode_cursor, encode_cursor, fingerprint};
use crate::{Page, PageRequest, StoreError, Timestamp};

/// A store of audit records.
///
/// Rules for every implementation:
/// - The records MUST form one chain: sequence numbers 1, 2, 3, … without a gap, and the hashes of
///   [`AuditChain::link_all`]. Concurrent appends, also of several processes, MUST NOT fork it.
/// - A record is stored in the form of [`AuditRecord::normalized`]. This port never changes or removes a record.
/// - Appended records are durable, and visible to every read that starts afterwards.
/// - If the future of an append is dropped, all, none or the first of its records are stored. The chain stays valid.
/// - Every method has a deadline, of a few seconds. A read that exceeds it fails with [`StoreError::Unavailable`], and so
///   does a write that was not sent, which is then never sent. A write that was sent and not answered is
///   [`StoreError::OutcomeUnknown`].
/// - A record that cannot be decoded fails the whole read with [`StoreError::Corrupt`]. Skipping it, as pages of orders
///   do, would hide that somebody tampered with it.
///
/// `provesi-testkit` tests an implementation. [`AuditStoreExt`] has pages with cursors.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
#[allow(clippy::missing_errors_doc, reason = "the documentation of the trait lists the errors of every method")]
pub trait AuditStore: Debug + Send + Sync + 'static {
    /// Appends all records in their order and returns the head after the last one. Without records, nothing changes.
    /// Records of other writers may stand between them only if the store has no transactions.
    ///
    /// # Errors
    /// - [`StoreError::OutcomeUnknown`] if the records may have been stored. A retry may store them twice.
    /// - After another error none is stored, or, if the store has no transactions, only the first of them.
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError>;

    /// Sequence number and hash of the last record, as the store knows them without reading the others;
    /// [`AuditHead::START`] if there is no record.
    async fn head(&self) -> Result<AuditHead, StoreError>;

    /// The records of a query, in its order.
    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError>;
}

/// Conveniences over [`AuditStore`].
#[async_trait]
pub trait AuditStoreExt: AuditStore {
    /// A page of the records that pass `filter`, the latest first.
    ///
    /// # Errors
    /// - [`StoreError::InvalidCursor`] if the cursor belongs to another filter.
    async fn page(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, StoreError> {
        let after = request.after.as_ref().map(|cursor| cursor.position_in(filter)).transpose()?;
        let AuditFilter { subject, since, until } = filter.clone();
        // Instants of records are whole milliseconds.
        let [since, until] = [since, until].map(|at| at.map(Timestamp::ceil_to_millis));
        let until = until.map(|at| AuditPosition { at, sequence: 0 });
        let before = after.into_iter().chain(until).min();
        let query = AuditQuery::Latest { subject, since, before, limit: request.limit.get() + 1 };
        let cursor = |last: &StoredAudit| AuditCursor { filter: filter.fingerprint(), position: last.position() };
        Ok(Page::from_one_more(self.records(&query).await?, request.limit, cursor))
    }
}

impl<S: AuditStore + ?Sized> AuditStoreExt for S {}

/// Which records a store returns, and in which order. Exhaustive: a new query or filter does not compile until every store
/// handles it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditQuery {
    /// The latest records first, by descending [`AuditPosition`].
    Latest {
        /// Only records that name this subject.
        subject: Option<Subject>,
        /// Only records of this instant, a whole millisecond, and later.
        since: Option<Timestamp>,
        /// Only records with a smaller position. There need not be a record with this one.
        before: Option<AuditPosition>,
        /// The most records: 1 to 1,001, one more than a page has.
        limit: usize,
    },
    /// All records in the order of the chain.
    Chain {
        /// Only records with a greater sequence number.
        after: i64,
        /// The most records: 1 to 1,000.
        limit: usize,
    },
}

/// Which audit records a list has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuditFilter {
    /// Only records that name this subject.
    pub subject: Option<Subject>,
    /// Only records of this instant and later.
    pub since: Option<Timestamp>,
    /// Only records before this instant.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    fn fingerprint(&self) -> u64 {
        fingerprint(&("audit", self.subject.as_ref().map(ToString::to_string), self.since, self.until))
    }
}

/// The position of a record in lists, which have the greatest position first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPosition {
    /// [`AuditRecord::at`].
    pub at: Timestamp,
    /// [`StoredAudit::sequence`].
    pub sequence: i64,
}

/// A position in the list of one filter. The text form is opaque and fit for a URL. It holds a version, a hash of the
/// filter, an instant and a sequence number: no subject and no actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCursor {
    filter: u64,
    position: AuditPosition,
}

impl AuditCursor {
    fn position_in(&self, filter: &AuditFilter) -> Result<AuditPosition, StoreError> {
        if self.filter == filter.fingerprint() { Ok(self.position) } else { Err(StoreError::InvalidCursor) }
    }
}

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filter, position: AuditPosition { at, sequence } } = self;
        f.write_str(&encode_cursor(&(filter, at, sequence)))
    }
}

impl FromStr for AuditCursor {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let (filter, at, sequence) = decode_cursor(text)?;
        Ok(Self { filter, position: AuditPosition { at, sequence } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_of_another_form_are_invalid() {
        let position = AuditPosition { at: Timestamp::MAX, sequence: i64::MAX };
        let cursor = AuditCursor { filter: u64::MAX, position };
        assert_eq!(cursor.to_string().parse::<AuditCursor>().unwrap(), cursor);
        for text in [
            encode_cursor(&(u64::MAX, position.at)),
            encode_cursor(&serde_json::json!({ "l": 1, "p": { "a": position.at, "s": 1 } })),
            String::new(),
        ] {
            assert!(matches!(text.parse::<AuditCursor>(), Err(StoreError::InvalidCursor)), "{text}");
        }
    }
}
