//! Audit records: what the tables hold, and that tampering with them is found.

use provesi_core::{
    AuditChain, AuditHead, AuditQuery, AuditStore, BrokenChain, Outcome, StoreAdmin, StoreError, VerifyError,
    verify_head,
};
use provesi_store_pg::{PgStore, pool_options};
use provesi_testkit::audit::{assert_broken, assert_head_is_missed, assert_page_is_corrupt, fill, numbered, verify};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::common::Fixture;
use crate::migrations::Plain;

async fn filled() -> (Fixture, AuditHead) {
    let fixture = Fixture::new().await;
    let head = fill(&fixture.store).await;
    (fixture, head)
}

#[tokio::test]
async fn sql_can_ask_who_saw_an_order() {
    let (fixture, _) = filled().await;
    // The query of the README.
    let found: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "SELECT actor, action, fields FROM provesi_audit JOIN provesi_audit_subjects USING (sequence) \
         WHERE subject = 'order:ord-1'",
    )
    .fetch_all(&mut fixture.raw().await)
    .await
    .unwrap();
    let fields = vec!["status".to_owned(), "return_reason".to_owned()];
    assert_eq!(found, [("user:Prueba Ñandú 漢".to_owned(), "order_update".to_owned(), fields)]);
}

#[tokio::test]
async fn every_change_of_the_tables_is_found_at_its_record() {
    for (change, first) in [
        ("UPDATE provesi_audit SET outcome = 'failed' WHERE sequence = 4", 4),
        ("UPDATE provesi_audit SET actor = 'nobody we know' WHERE sequence = 4", 4),
        ("UPDATE provesi_audit SET at = 'infinity' WHERE sequence = 4", 4),
        ("UPDATE provesi_audit SET fields = '{status}' WHERE sequence = 4", 4),
        ("UPDATE provesi_audit SET hash = sha256('x') WHERE sequence = 4", 4),
        ("DELETE FROM provesi_audit WHERE sequence = 4", 4),
        ("UPDATE provesi_audit SET sequence = 10 WHERE sequence = 4", 4),
        ("DELETE FROM provesi_audit_subjects WHERE subject = 'order:ord-4'", 4),
        ("UPDATE provesi_audit_subjects SET subject = 'order:ORD-4' WHERE subject = 'order:ord-4'", 4),
        ("UPDATE provesi_audit_subjects SET at = now() WHERE subject = 'order:ord-4'", 4),
        ("INSERT INTO provesi_audit_subjects SELECT sequence, at, 'order:x' FROM provesi_audit WHERE sequence = 4", 4),
        ("DELETE FROM provesi_audit WHERE sequence > 6", 7),
        (
            "INSERT INTO provesi_audit SELECT 10, at, actor, address, request_id, action, outcome, fields, hash \
             FROM provesi_audit WHERE sequence = 9",
            10,
        ),
    ] {
        let (fixture, head) = filled().await;
        assert_eq!(verify(&fixture.store, &[head]).await.unwrap(), head);
        fixture.raw().await.execute(change).await.unwrap();
        assert_broken(&fixture.store, &[], first, change).await;
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_off_with_the_head_is_found_by_an_expected_head() {
    let (fixture, head) = filled().await;
    let cut = "DELETE FROM provesi_audit WHERE sequence > 6; UPDATE provesi_audit_head \
        SET sequence = 6, hash = (SELECT hash FROM provesi_audit WHERE sequence = 6)";
    fixture.raw().await.execute(cut).await.unwrap();
    assert_eq!(verify(&fixture.store, &[]).await.unwrap().sequence, 6);
    let found = verify(&fixture.store, &[head]).await;
    assert!(matches!(found, Err(VerifyError::Broken(BrokenChain::Truncated { last: 6, .. }))), "{found:?}");
}

#[tokio::test]
async fn a_page_with_a_corrupt_record_is_an_error() {
    let (fixture, _) = filled().await;
    fixture.raw().await.execute("UPDATE provesi_audit SET action = 'looked' WHERE sequence = 4").await.unwrap();
    assert_page_is_corrupt(&fixture.store).await;
}

#[tokio::test]
async fn waiting_for_the_lock_of_the_head_has_a_deadline() {
    let (fixture, head) = filled().await;
    let mut raw = fixture.raw().await;
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("SELECT 1 FROM provesi_audit_head FOR UPDATE").await.unwrap();
    let refused = fixture.store.append(&AuditChain::plain(), &[numbered(1)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    theirs.rollback().await.unwrap();
    assert_eq!(verify(&fixture.store, &[]).await.unwrap(), head);
}

#[tokio::test]
async fn the_privileges_of_the_documentation_suffice_to_append_and_read() {
    let fixture = Fixture::new().await;
    let mut raw = fixture.raw().await;
    let user = Plain::new(&mut raw).await;
    let grant = format!(
        "GRANT SELECT, INSERT ON provesi_audit, provesi_audit_subjects TO {0}; \
         GRANT SELECT, UPDATE ON provesi_audit_head TO {0}",
        user.name
    );
    raw.execute(AssertSqlSafe(grant)).await.unwrap();
    let store = PgStore::new(pool_options(1).connect_lazy_with(user.options(&fixture)));
    let head = store.append(&AuditChain::plain(), &[numbered(1), numbered(2)]).await;
    let verified = verify(&store, &[]).await;
    let changed = store.pool().execute("UPDATE provesi_audit SET outcome = 'failed'").await.map(drop);
    store.close().await;
    user.drop(&mut raw).await;
    assert_eq!(verified.unwrap(), head.unwrap());
    assert!(changed.unwrap_err().to_string().contains("permission denied"));
}

/// Rows of the first version of the schema.
const OLD: &str = "
    INSERT INTO provesi_audit (id, at, actor, address, request_id, action, outcome, fields) OVERRIDING SYSTEM VALUE VALUES
        (3, '2026-11-24T03:56:37.613Z', 'user:Ana', '192.0.2.7', 'r-1', 'order_read', 'done', '{status}'),
        (7, '2026-11-24T03:56:38Z', 'anonymous', NULL, NULL, 'client_list', 'refused', '{}');
    INSERT INTO provesi_audit_subjects (subject, audit_id) VALUES
        ('order:Ord-1', 3), ('client:070707070707070707070707', 3), ('client:070707070707070707070707', 7)";

#[tokio::test]
async fn records_of_versions_without_a_chain_are_added_to_it() {
    let fixture = Fixture::empty().await;
    fixture.store.migrate().await.unwrap();
    let mut raw = fixture.raw().await;
    // Restore the tables of the first version.
    let old = include_str!("../../migrations/0001_history_clients_audit.sql");
    let old = &old[old.find("CREATE TABLE provesi_audit").unwrap()..];
    let back = "DROP TABLE provesi_audit, provesi_audit_subjects, provesi_audit_head; \
        DELETE FROM provesi_migrations WHERE version = 3";
    for text in [back, old, OLD] {
        raw.execute(AssertSqlSafe(text)).await.unwrap();
    }
    fixture.store.migrate().await.unwrap();
    let kept = fixture.store.records(&AuditQuery::Chain { after: 0, limit: 1_000 }).await.unwrap();
    assert_eq!(verify(&fixture.store, &[]).await.unwrap().sequence, 2);
    assert_eq!((kept[0].record.caller.actor.to_string(), kept[0].record.fields.len()), ("user:Ana".to_owned(), 1));
    let subjects = ["client:070707070707070707070707", "order:ord-1"].map(|text| text.parse().unwrap());
    assert_eq!(kept[0].record.subjects, subjects);
    assert_eq!((kept[1].record.outcome, kept[1].record.subjects.len()), (Outcome::Refused, 1));
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_class WHERE relname LIKE '%unlinked%'")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// Checks what the server does after each append.
#[tokio::test]
async fn a_known_head_that_was_removed_or_changed_is_missed_after_every_later_append() {
    for change in [
        "DELETE FROM provesi_audit WHERE sequence > 6; DELETE FROM provesi_audit_subjects WHERE sequence > 6; \
            UPDATE provesi_audit_head \
            SET sequence = 6, hash = (SELECT hash FROM provesi_audit WHERE sequence = 6)",
        "UPDATE provesi_audit SET actor = 'system:nobody' WHERE sequence = 9",
    ] {
        let (fixture, known) = filled().await;
        verify_head(&fixture.store, Some(&AuditChain::plain()), known).await.unwrap();
        fixture.raw().await.execute(change).await.unwrap();
        assert_head_is_missed(&fixture.store, known, change).await;
    }
}
