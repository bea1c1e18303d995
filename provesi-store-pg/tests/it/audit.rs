//! Records of access: what is in the tables, and that nobody changes it unseen.

use provesi_core::{
    AuditAction, AuditChain, AuditFilter, AuditHead, AuditRecord, AuditStore, BrokenChain, Caller, Field, Outcome,
    PageLimit, PageRequest, StoreAdmin, StoreError, Subject, VerifyError, verify_audit, verify_head,
};
use provesi_store_pg::{PgStore, pool_options};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::common::{Fixture, at, client_id};
use crate::migrations::Plain;

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

async fn verified(store: &PgStore, expected: &[AuditHead]) -> Result<AuditHead, VerifyError> {
    verify_audit(store, &AuditChain::plain(), AuditHead::START, expected).await
}

#[tokio::test]
async fn who_saw_an_order_can_be_asked_in_sql() {
    let (fixture, _) = filled().await;
    // As the README says that one asks.
    let found: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "SELECT actor, action, fields FROM provesi_audit JOIN provesi_audit_subjects USING (sequence) \
         WHERE subject = 'order:ord-1'",
    )
    .fetch_all(&mut fixture.raw().await)
    .await
    .unwrap();
    let fields = vec!["order_number".to_owned(), "status".to_owned()];
    assert_eq!(found, [("system:test".to_owned(), "order_read".to_owned(), fields)]);
}

#[tokio::test]
async fn whatever_is_changed_in_the_tables_is_seen_where_it_is() {
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
        assert_eq!(verified(&fixture.store, &[head]).await.unwrap(), head);
        fixture.raw().await.execute(change).await.unwrap();
        match verified(&fixture.store, &[]).await {
            Err(VerifyError::Broken(broken)) => assert_eq!(broken.sequence(), first, "{change}: {broken}"),
            other => panic!("{change}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_tail_that_is_cut_off_with_the_head_is_seen_by_who_kept_it() {
    let (fixture, head) = filled().await;
    let cut = "DELETE FROM provesi_audit WHERE sequence > 6; UPDATE provesi_audit_head \
        SET sequence = 6, hash = (SELECT hash FROM provesi_audit WHERE sequence = 6)";
    fixture.raw().await.execute(cut).await.unwrap();
    assert_eq!(verified(&fixture.store, &[]).await.unwrap().sequence, 6);
    let seen = verified(&fixture.store, &[head]).await;
    assert!(matches!(seen, Err(VerifyError::Broken(BrokenChain::CutOff { last: 6, .. }))), "{seen:?}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_not_left_out() {
    let (fixture, _) = filled().await;
    fixture.raw().await.execute("UPDATE provesi_audit SET action = 'looked' WHERE sequence = 4").await.unwrap();
    let page = fixture.store.page(&AuditFilter::default(), &PageRequest::first(PageLimit::MAX)).await;
    assert!(matches!(page, Err(StoreError::Corrupt { .. })), "{page:?}");
}

#[tokio::test]
async fn a_head_that_somebody_holds_is_not_waited_for_without_end() {
    let (fixture, head) = filled().await;
    let mut raw = fixture.raw().await;
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("SELECT 1 FROM provesi_audit_head FOR UPDATE").await.unwrap();
    let refused = fixture.store.append(&AuditChain::plain(), &[record(1)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    theirs.rollback().await.unwrap();
    assert_eq!(verified(&fixture.store, &[]).await.unwrap(), head);
}

#[tokio::test]
async fn a_user_who_may_append_and_read_and_no_more_can() {
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
    let head = store.append(&AuditChain::plain(), &[record(1), record(2)]).await;
    let whole = verified(&store, &[]).await;
    let changed = store.pool().execute("UPDATE provesi_audit SET outcome = 'failed'").await.map(drop);
    store.close().await;
    user.drop(&mut raw).await;
    assert_eq!(whole.unwrap(), head.unwrap());
    assert!(changed.unwrap_err().to_string().contains("permission denied"));
}

/// The tables as the first versions of the schema made and filled them.
const OLD: &str = "
    INSERT INTO provesi_audit (id, at, actor, address, request_id, action, outcome, fields) OVERRIDING SYSTEM VALUE VALUES
        (3, '2026-11-24T03:56:37.613Z', 'user:Ana', '192.0.2.7', 'r-1', 'order_read', 'done', '{status}'),
        (7, '2026-11-24T03:56:38Z', 'anonymous', NULL, NULL, 'client_list', 'refused', '{}');
    INSERT INTO provesi_audit_subjects (subject, audit_id) VALUES
        ('order:Ord-1', 3), ('client:070707070707070707070707', 3), ('client:070707070707070707070707', 7)";

#[tokio::test]
async fn records_from_before_the_chain_are_linked_in() {
    let fixture = Fixture::empty().await;
    fixture.store.migrate().await.unwrap();
    let mut raw = fixture.raw().await;
    // Back to what it was.
    let old = include_str!("../../migrations/0001_history_clients_audit.sql");
    let old = &old[old.find("CREATE TABLE provesi_audit").unwrap()..];
    let back = "DROP TABLE provesi_audit, provesi_audit_subjects, provesi_audit_head; \
        DELETE FROM provesi_migrations WHERE version = 3";
    for text in [back, old, OLD] {
        raw.execute(AssertSqlSafe(text)).await.unwrap();
    }
    fixture.store.migrate().await.unwrap();
    let kept = fixture.store.after(0, PageLimit::MAX).await.unwrap();
    assert_eq!(verified(&fixture.store, &[]).await.unwrap().sequence, 2);
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

/// What the server does after each append: others append meanwhile, and the record that it knows is looked for.
#[tokio::test]
async fn a_tail_that_is_cut_or_changed_under_a_running_server_is_missed_after_the_next_append() {
    for change in [
        "DELETE FROM provesi_audit WHERE sequence > 6; DELETE FROM provesi_audit_subjects WHERE sequence > 6; \
            UPDATE provesi_audit_head \
            SET sequence = 6, hash = (SELECT hash FROM provesi_audit WHERE sequence = 6)",
        "UPDATE provesi_audit SET actor = 'system:nobody' WHERE sequence = 9",
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
