//! Audit records: what the file holds, and that tampering with it is found.

use provesi_testkit::data::with;
use std::path::Path;

use provesi_core::{
    AuditChain, AuditFilter, AuditHead, AuditQuery, AuditRow, AuditStore, AuditStoreExt, BrokenChain, Outcome,
    PageLimit, PageRequest, StoreAdmin, Subject, VerifyError, verify_audit, verify_head,
};
use provesi_store_sqlite::SqliteStore;
use provesi_testkit::audit::{
    assert_broken, assert_head_is_missed, assert_page_is_corrupt, client, fill, numbered, order, verify,
};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use crate::common::Fixture;

async fn filled() -> (Fixture, AuditHead) {
    let fixture = Fixture::new().await;
    let head = fill(&fixture.store).await;
    (fixture, head)
}

/// The sequence numbers of the records that name a subject, the latest first.
async fn sequences_of(store: &SqliteStore, subject: Subject) -> Vec<i64> {
    let filter = AuditFilter { subject: Some(subject), ..AuditFilter::default() };
    let page = store.page(&filter, &PageRequest::first(PageLimit::MAX)).await.unwrap();
    page.items.iter().map(|stored| stored.sequence).collect()
}

#[tokio::test]
async fn sql_can_ask_who_saw_an_order() {
    let (fixture, _) = filled().await;
    // The query of the README.
    let found: Vec<(i64, String, String, String)> = sqlx::query_as(
        "SELECT at, actor, action, fields FROM audit \
         WHERE moment IN (SELECT rowid FROM audit_subjects('\"order:ord-1\"'))",
    )
    .fetch_all(&mut fixture.raw().await)
    .await
    .unwrap();
    let fields = r#"["status","return_reason"]"#.to_owned();
    let at = numbered(1).at.micros();
    assert_eq!(found, [(at, "user:Prueba Ñandú 漢".to_owned(), "order_update".to_owned(), fields)]);
}

#[tokio::test]
async fn every_change_of_the_file_is_found_at_its_record() {
    for (change, first) in [
        ("UPDATE audit SET outcome = 'failed' WHERE sequence = 4", 4),
        ("UPDATE audit SET actor = 'nobody we know' WHERE sequence = 4", 4),
        ("UPDATE audit SET address = '192.0.2.9' WHERE sequence = 4", 4),
        ("UPDATE audit SET moment = moment + 32768 WHERE sequence = 4", 4),
        ("UPDATE audit SET moment = moment + 1 WHERE sequence = 4", 4),
        ("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 4", 4),
        ("DELETE FROM audit WHERE sequence = 4", 4),
        ("UPDATE audit SET sequence = 10 WHERE sequence = 4", 4),
        ("UPDATE audit SET subjects = 'order:ord-4' WHERE sequence = 4", 4),
        ("UPDATE audit SET subjects = subjects || ' order:x' WHERE sequence = 4", 4),
        ("UPDATE audit SET subjects = replace(subjects, 'order:ord-4', 'order:ORD-4') WHERE sequence = 4", 4),
        ("UPDATE audit SET subjects = 'order:a' || char(0) WHERE sequence = 4", 4),
        ("UPDATE audit SET subjects = '' WHERE sequence = 4", 4),
        ("UPDATE audit SET subjects = '\"' WHERE sequence = 4", 4),
        (
            "INSERT INTO audit_subjects (audit_subjects, rowid, subjects) \
             SELECT 'delete', moment, 'order:ord-4' FROM audit WHERE sequence = 4",
            4,
        ),
        ("INSERT INTO audit_subjects (audit_subjects) VALUES ('delete-all')", 1),
        ("UPDATE audit_subjects_data SET block = x'00' WHERE id > 10", 1),
        ("DELETE FROM audit WHERE sequence > 6", 7),
        (
            "INSERT INTO audit SELECT 10, moment + 1, actor, address, request_id, action, outcome, fields, subjects, hash \
             FROM audit WHERE sequence = 9",
            10,
        ),
    ] {
        let (fixture, head) = filled().await;
        assert_eq!(verify(&fixture.store, &[head]).await.unwrap(), head);
        fixture.raw().await.execute(change).await.unwrap();
        assert_broken(&fixture.store, &[], first, change).await;
    }
}

/// Somebody changes the moments of records of one millisecond, and rebuilds the index.
#[tokio::test]
async fn reordering_or_stacking_records_of_one_millisecond_is_found() {
    let index_all = "INSERT INTO audit_subjects (audit_subjects) VALUES ('rebuild')";
    let [swap, stack] = ["5 - (sequence - 2)", "3"].map(|place| {
        format!(
            "DROP INDEX audit_moment; \
             UPDATE audit SET moment = (moment >> 15 << 15) + {place} WHERE sequence IN (2, 3, 4); {index_all}"
        )
    });
    for change in [&*swap, &*stack, index_all] {
        let fixture = Fixture::new().await;
        let records: Vec<_> = (1..=5).map(|n| with(numbered(n), |it| it.at = numbered(1).at)).collect();
        fixture.store.append(&AuditChain::plain(), &records).await.unwrap();
        fixture.raw().await.execute(AssertSqlSafe(change)).await.unwrap();
        if change == index_all {
            assert_eq!(verify(&fixture.store, &[]).await.unwrap().sequence, 5);
        } else {
            assert_broken(&fixture.store, &[], 2, change).await;
        }
    }
}

#[tokio::test]
async fn a_subject_that_only_the_index_names_is_not_found() {
    let (fixture, _) = filled().await;
    let more = "INSERT INTO audit_subjects (rowid, subjects) SELECT moment, 'order:x' FROM audit WHERE sequence = 4";
    fixture.raw().await.execute(more).await.unwrap();
    assert_eq!(sequences_of(&fixture.store, order("x")).await, [0; 0]);
}

#[tokio::test]
async fn old_records_can_be_deleted_and_the_rest_stays_valid() {
    let (fixture, head) = filled().await;
    let kept = fixture.store.records(&AuditQuery::Chain { after: 0, limit: 1_000 }).await.unwrap();
    // The statement of the README.
    let delete = "INSERT INTO audit_subjects (audit_subjects, rowid, subjects) \
            SELECT 'delete', moment, subjects FROM audit WHERE sequence <= 5; \
        DELETE FROM audit WHERE sequence <= 5";
    fixture.raw().await.execute(delete).await.unwrap();
    let from = kept[4].head();
    assert_eq!(verify_audit(&fixture.store, &AuditChain::plain(), from, &[head]).await.unwrap(), head);
    assert_eq!(sequences_of(&fixture.store, client(7)).await, [9, 8, 7, 6]);
    // SQLite compares the index with the table.
    let check = "INSERT INTO audit_subjects (audit_subjects, rank) VALUES ('integrity-check', 1)";
    fixture.raw().await.execute(check).await.unwrap();
}

#[tokio::test]
async fn a_tail_that_was_cut_off_with_the_head_is_found_by_an_expected_head() {
    let (fixture, head) = filled().await;
    let cut = "DELETE FROM audit WHERE sequence > 6; \
        UPDATE audit_head SET sequence = 6, hash = (SELECT hash FROM audit WHERE sequence = 6)";
    fixture.raw().await.execute(cut).await.unwrap();
    assert_eq!(verify(&fixture.store, &[]).await.unwrap().sequence, 6);
    let found = verify(&fixture.store, &[head]).await;
    assert!(matches!(found, Err(VerifyError::Broken(BrokenChain::Truncated { last: 6, .. }))), "{found:?}");
}

#[tokio::test]
async fn a_page_with_a_corrupt_record_is_an_error() {
    let (fixture, _) = filled().await;
    fixture.raw().await.execute("UPDATE audit SET action = 'looked' WHERE sequence = 4").await.unwrap();
    assert_page_is_corrupt(&fixture.store).await;
}

#[tokio::test]
async fn two_stores_on_one_file_make_one_chain() {
    let fixture = Fixture::new().await;
    let other = SqliteStore::open(&fixture.path, 1).await.unwrap();
    let stores = [&fixture.store, &other];
    let appends = (0..40_u8)
        .map(|n| async move { stores[usize::from(n % 2)].append(&AuditChain::plain(), &[numbered(n)]).await.unwrap() });
    futures_util::future::join_all(appends).await;
    assert_eq!(verify(&fixture.store, &[]).await.unwrap().sequence, 40);
    other.close().await;
}

/// Rows of the first version of the schema.
const OLD: &str = "
    INSERT INTO audit (id, at, actor, address, request_id, action, outcome, fields) VALUES
        (3, 1700000001000000, 'user:Ana', '192.0.2.7', 'r-1', 'order_read', 'done', '[\"status\"]'),
        (7, 1700000002000000, 'anonymous', NULL, NULL, 'client_list', 'refused', '[]');
    INSERT INTO audit_subjects (subject, audit_id) VALUES
        ('order:Ord-1', 3), ('client:070707070707070707070707', 3), ('client:070707070707070707070707', 7)";

/// A file after these migrations, filled by `rows`.
pub(crate) async fn old_file(path: &Path, migrations: &[&'static str], rows: &str) -> SqliteConnection {
    let mut raw = provesi_store_sqlite::writer_options(path).create_if_missing(true).connect().await.unwrap();
    for text in migrations {
        raw.execute(*text).await.unwrap();
    }
    raw.execute(AssertSqlSafe(rows)).await.unwrap();
    // The record of the migrations that ran.
    let newer = Fixture::new().await;
    raw.execute(AssertSqlSafe(format!(
        "ATTACH '{}' AS newer; CREATE TABLE _provesi_migrations AS SELECT * FROM newer._provesi_migrations \
         WHERE version <= {}; DETACH newer",
        newer.path.display(),
        migrations.len()
    )))
    .await
    .unwrap();
    raw
}

#[tokio::test]
async fn records_with_subjects_in_rows_are_migrated_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    // Two of one millisecond, and one without a subject.
    let mut records = vec![numbered(1), numbered(2), with(numbered(3), |it| it.at = numbered(2).at), numbered(4)];
    records[3].subjects.clear();
    let chain = AuditChain::plain();
    let stored = chain.link_all(AuditHead::START, &records);
    let last = stored[3].head();
    let mut rows = format!("UPDATE audit_head SET sequence = {}, hash = unhex('{}');", last.sequence, last.hash);
    for stored in &stored {
        let (hash, row) = (stored.hash, AuditRow::from(stored.clone()));
        let (sequence, micros) = (row.sequence, row.at.micros());
        let (actor, address, action) = (row.actor, row.address.unwrap(), row.action);
        rows += &format!(
            "INSERT INTO audit VALUES ({sequence}, {micros}, '{actor}', '{address}', 'r-1', '{action}', 'done', \
             '[\"status\",\"return_reason\"]', unhex('{hash}'));"
        );
        for subject in row.subjects {
            rows += &format!("INSERT INTO audit_subjects VALUES ('{subject}', {micros}, {sequence});");
        }
    }
    let before = [
        include_str!("../../migrations/0001_clients_orders_history_audit.sql"),
        include_str!("../../migrations/0002_audit_chain.sql"),
    ];
    old_file(&path, &before, &rows).await;
    let store = SqliteStore::open(&path, 1).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.records(&AuditQuery::Chain { after: 0, limit: 1_000 }).await.unwrap(), stored);
    assert_eq!(verify(&store, &[]).await.unwrap(), last);
    let next = store.append(&chain, &[with(numbered(5), |it| it.at = numbered(2).at)]).await.unwrap();
    assert_eq!(sequences_of(&store, client(7)).await, [5, 3, 2, 1]);
    assert_eq!(verify(&store, &[last]).await.unwrap(), next);
    store.close().await;
}

#[tokio::test]
async fn records_of_versions_without_a_chain_are_added_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    let first = include_str!("../../migrations/0001_clients_orders_history_audit.sql");
    let mut raw = old_file(&path, &[first], OLD).await;
    let store = SqliteStore::open(&path, 1).await.unwrap();
    store.migrate().await.unwrap();
    let kept = store.records(&AuditQuery::Chain { after: 0, limit: 1_000 }).await.unwrap();
    assert_eq!(verify(&store, &[]).await.unwrap().sequence, 2);
    assert_eq!((kept[0].record.caller.actor.to_string(), kept[0].record.fields.len()), ("user:Ana".to_owned(), 1));
    assert_eq!(
        kept[0].record.subjects,
        ["client:070707070707070707070707", "order:ord-1"].map(|text| text.parse().unwrap())
    );
    assert_eq!((kept[1].record.outcome, kept[1].record.subjects.len()), (Outcome::Refused, 1));
    let old: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%unlinked%'")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(old, 0);
    store.close().await;
}

/// Checks what the server does after each append.
#[tokio::test]
async fn a_known_head_that_was_removed_or_changed_is_missed_after_every_later_append() {
    for change in [
        "DELETE FROM audit WHERE sequence > 6; UPDATE audit_head \
            SET sequence = 6, hash = (SELECT hash FROM audit WHERE sequence = 6)",
        "UPDATE audit SET actor = 'system:nobody' WHERE sequence = 9",
    ] {
        let (fixture, known) = filled().await;
        verify_head(&fixture.store, Some(&AuditChain::plain()), known).await.unwrap();
        fixture.raw().await.execute(change).await.unwrap();
        assert_head_is_missed(&fixture.store, known, change).await;
    }
}
