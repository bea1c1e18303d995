//! Records of access: what is in the file, and that nobody changes it unseen.

use std::path::Path;

use provesi_core::{
    AuditAction, AuditChain, AuditFilter, AuditHead, AuditRecord, AuditStore, BrokenChain, Caller, Field, Outcome,
    PageLimit, PageRequest, StoreAdmin, StoreError, StoredAudit, Subject, VerifyError, verify_audit, verify_head,
};
use provesi_store_sqlite::SqliteStore;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use crate::common::{Fixture, at, client_id};

fn record(n: u8) -> AuditRecord {
    let number = Subject::Order(format!("Ord-{n}").parse().unwrap());
    AuditRecord {
        at: at(n.into()),
        caller: Caller { request_id: Some("r-1".into()), ..Caller::system("test").unwrap() },
        action: AuditAction::OrderRead,
        // One of them twice, as a page with two orders of one client names it.
        subjects: vec![number, Subject::Client(client_id(7)), Subject::Client(client_id(7))],
        outcome: Outcome::Done,
        fields: vec![Field::OrderNumber, Field::Status],
        list: None,
    }
}

async fn filled() -> (Fixture, AuditHead) {
    let fixture = Fixture::new().await;
    let records: Vec<_> = (1..=9).map(record).collect();
    let head = fixture.store.append(&AuditChain::plain(), &records).await.unwrap();
    (fixture, head)
}

async fn verified(store: &SqliteStore, expected: &[AuditHead]) -> Result<AuditHead, VerifyError> {
    verify_audit(store, &AuditChain::plain(), AuditHead::START, expected).await
}

#[tokio::test]
async fn who_saw_an_order_can_be_asked_in_sql() {
    let (fixture, _) = filled().await;
    // As the README says that one asks.
    let found: Vec<(i64, String, String, String)> = sqlx::query_as(
        "SELECT at, actor, action, fields FROM audit \
         WHERE moment IN (SELECT rowid FROM audit_subjects('\"order:ord-1\"'))",
    )
    .fetch_all(&mut fixture.raw().await)
    .await
    .unwrap();
    let fields = r#"["order_number","status"]"#.to_owned();
    assert_eq!(found, [(at(1).micros(), "system:test".to_owned(), "order_read".to_owned(), fields)]);
}

#[tokio::test]
async fn whatever_is_changed_in_the_file_is_seen_where_it_is() {
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
        assert_eq!(verified(&fixture.store, &[head]).await.unwrap(), head);
        fixture.raw().await.execute(change).await.unwrap();
        match verified(&fixture.store, &[]).await {
            Err(VerifyError::Broken(broken)) => assert_eq!(broken.sequence(), first, "{change}: {broken}"),
            other => panic!("{change}: {other:?}"),
        }
    }
}

/// Two records of one millisecond, with their moments and the index as somebody wants them.
#[tokio::test]
async fn records_of_one_millisecond_cannot_be_put_in_another_order_or_on_one_another() {
    let index_all = "INSERT INTO audit_subjects (audit_subjects) VALUES ('rebuild')";
    let [swap, stack] = ["5 - (sequence - 2)", "3"].map(|place| {
        format!(
            "DROP INDEX audit_moment; \
             UPDATE audit SET moment = (moment >> 15 << 15) + {place} WHERE sequence IN (2, 3, 4); {index_all}"
        )
    });
    for change in [&*swap, &*stack, index_all] {
        let fixture = Fixture::new().await;
        let records: Vec<_> = (1..=5).map(|n| AuditRecord { at: at(1), ..record(n) }).collect();
        fixture.store.append(&AuditChain::plain(), &records).await.unwrap();
        fixture.raw().await.execute(AssertSqlSafe(change)).await.unwrap();
        let seen = verified(&fixture.store, &[]).await;
        match seen {
            Ok(head) => assert!(change == index_all && head.sequence == 5, "{change}"),
            Err(VerifyError::Broken(broken)) => assert_eq!((broken.sequence(), change == index_all), (2, false)),
            Err(other) => panic!("{change}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_subject_that_the_index_alone_names_is_not_found() {
    let (fixture, _) = filled().await;
    let more = "INSERT INTO audit_subjects (rowid, subjects) SELECT moment, 'order:x' FROM audit WHERE sequence = 4";
    fixture.raw().await.execute(more).await.unwrap();
    let filter = AuditFilter { subject: Some("order:x".parse().unwrap()), ..AuditFilter::default() };
    let page = fixture.store.page(&filter, &PageRequest::first(PageLimit::MAX)).await.unwrap();
    assert!(page.items.is_empty(), "{page:?}");
}

#[tokio::test]
async fn what_is_too_old_can_be_deleted_and_the_rest_stays_whole() {
    let (fixture, head) = filled().await;
    let kept = fixture.store.after(0, PageLimit::MAX).await.unwrap();
    // As the README says that one deletes.
    let delete = "INSERT INTO audit_subjects (audit_subjects, rowid, subjects) \
            SELECT 'delete', moment, subjects FROM audit WHERE sequence <= 5; \
        DELETE FROM audit WHERE sequence <= 5";
    fixture.raw().await.execute(delete).await.unwrap();
    let from = AuditHead { sequence: 5, hash: kept[4].hash };
    assert_eq!(verify_audit(&fixture.store, &AuditChain::plain(), from, &[head]).await.unwrap(), head);
    let filter = AuditFilter { subject: Some(Subject::Client(client_id(7))), ..AuditFilter::default() };
    let page = fixture.store.page(&filter, &PageRequest::first(PageLimit::MAX)).await.unwrap();
    assert_eq!(page.items.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), [9, 8, 7, 6]);
    // As SQLite itself finds it: the index has what the table has, no more and no less.
    let check = "INSERT INTO audit_subjects (audit_subjects, rank) VALUES ('integrity-check', 1)";
    fixture.raw().await.execute(check).await.unwrap();
}

#[tokio::test]
async fn a_tail_that_is_cut_off_with_the_head_is_seen_by_who_kept_it() {
    let (fixture, head) = filled().await;
    let cut = "DELETE FROM audit WHERE sequence > 6; \
        UPDATE audit_head SET sequence = 6, hash = (SELECT hash FROM audit WHERE sequence = 6)";
    fixture.raw().await.execute(cut).await.unwrap();
    assert_eq!(verified(&fixture.store, &[]).await.unwrap().sequence, 6);
    let seen = verified(&fixture.store, &[head]).await;
    assert!(matches!(seen, Err(VerifyError::Broken(BrokenChain::CutOff { last: 6, .. }))), "{seen:?}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_not_left_out() {
    let (fixture, _) = filled().await;
    fixture.raw().await.execute("UPDATE audit SET action = 'looked' WHERE sequence = 4").await.unwrap();
    let page = fixture.store.page(&AuditFilter::default(), &PageRequest::first(PageLimit::MAX)).await;
    assert!(matches!(page, Err(StoreError::Corrupt { .. })), "{page:?}");
}

#[tokio::test]
async fn two_stores_on_one_file_make_one_chain() {
    let fixture = Fixture::new().await;
    let other = SqliteStore::open(&fixture.path, 1).await.unwrap();
    let stores = [&fixture.store, &other];
    let appends = (0..40_u8)
        .map(|n| async move { stores[usize::from(n % 2)].append(&AuditChain::plain(), &[record(n)]).await.unwrap() });
    futures_util::future::join_all(appends).await;
    assert_eq!(verified(&fixture.store, &[]).await.unwrap().sequence, 40);
    other.close().await;
}

/// The tables as the first version of the schema made and filled them.
const OLD: &str = "
    INSERT INTO audit (id, at, actor, address, request_id, action, outcome, fields) VALUES
        (3, 1700000001000000, 'user:Ana', '192.0.2.7', 'r-1', 'order_read', 'done', '[\"status\"]'),
        (7, 1700000002000000, 'anonymous', NULL, NULL, 'client_list', 'refused', '[]');
    INSERT INTO audit_subjects (subject, audit_id) VALUES
        ('order:Ord-1', 3), ('client:070707070707070707070707', 3), ('client:070707070707070707070707', 7)";

/// A file as these migrations left it, filled by `rows`.
async fn old_file(path: &Path, migrations: &[&'static str], rows: &str) -> SqliteConnection {
    let mut raw = provesi_store_sqlite::writer_options(path).create_if_missing(true).connect().await.unwrap();
    for text in migrations {
        raw.execute(*text).await.unwrap();
    }
    raw.execute(AssertSqlSafe(rows)).await.unwrap();
    // What this crate keeps of the migrations that ran.
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
async fn records_that_had_their_subjects_in_rows_stay_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    // Two of one millisecond, and one without a subject.
    let mut records = vec![record(1), record(2), AuditRecord { at: at(2), ..record(3) }, record(4)];
    records[3].subjects.clear();
    let chain = AuditChain::plain();
    let stored: Vec<_> = chain.after(AuditHead::START, &records).collect();
    let last = stored.last().unwrap();
    let mut rows = format!("UPDATE audit_head SET sequence = {}, hash = unhex('{}');", last.sequence, last.hash);
    for StoredAudit { sequence, record, hash } in &stored {
        let micros = record.at.micros();
        rows += &format!(
            "INSERT INTO audit VALUES ({sequence}, {micros}, 'system:test', NULL, 'r-1', 'order_read', 'done', \
             '[\"order_number\",\"status\"]', unhex('{hash}'));"
        );
        for subject in &record.subjects {
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
    assert_eq!(store.after(0, PageLimit::MAX).await.unwrap(), stored);
    let head = verified(&store, &[]).await.unwrap();
    assert_eq!(head, AuditHead { sequence: 4, hash: last.hash });
    let next = store.append(&chain, &[AuditRecord { at: at(2), ..record(5) }]).await.unwrap();
    let filter = AuditFilter { subject: Some(Subject::Client(client_id(7))), ..AuditFilter::default() };
    let page = store.page(&filter, &PageRequest::first(PageLimit::MAX)).await.unwrap();
    assert_eq!(page.items.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), [5, 3, 2, 1]);
    assert_eq!(verified(&store, &[head]).await.unwrap(), next);
    store.close().await;
}

#[tokio::test]
async fn records_from_before_the_chain_are_linked_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    let first = include_str!("../../migrations/0001_clients_orders_history_audit.sql");
    let mut raw = old_file(&path, &[first], OLD).await;
    let store = SqliteStore::open(&path, 1).await.unwrap();
    store.migrate().await.unwrap();
    let kept = store.after(0, PageLimit::MAX).await.unwrap();
    assert_eq!(verified(&store, &[]).await.unwrap().sequence, 2);
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

/// What the server does after each append: others append meanwhile, and the record that it knows is looked for.
#[tokio::test]
async fn a_tail_that_is_cut_or_changed_under_a_running_server_is_missed_after_the_next_append() {
    for change in [
        "DELETE FROM audit WHERE sequence > 6; UPDATE audit_head \
            SET sequence = 6, hash = (SELECT hash FROM audit WHERE sequence = 6)",
        "UPDATE audit SET actor = 'system:nobody' WHERE sequence = 9",
    ] {
        let (fixture, known) = filled().await;
        let chain = AuditChain::plain();
        verify_head(&fixture.store, Some(&chain), known).await.unwrap();
        fixture.raw().await.execute(change).await.unwrap();
        for n in 1..=5 {
            fixture.store.append(&chain, &[record(n)]).await.unwrap();
            let missed = verify_head(&fixture.store, Some(&chain), known).await;
            assert!(matches!(missed, Err(VerifyError::Broken(_))), "{change}: {missed:?}");
        }
    }
}
