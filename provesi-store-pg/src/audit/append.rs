//! How records are appended.

use provesi_core::{AuditChain, AuditHead, AuditRecord, Field, StoreError, StoredAudit};
use sqlx::PgConnection;

use super::rows;
use crate::error::store_error;
use crate::instant::Instant;

/// Whoever appends has the row until the end of its transaction, and the next one reads what it left there.
const TAKE_HEAD: &str = "SELECT sequence, hash FROM provesi_audit_head FOR UPDATE";

/// The head, the records and their subjects. A list of fields comes as one text: arrays of arrays are all of one length.
const INSERT: &str = "\
    WITH moved AS (UPDATE provesi_audit_head SET sequence = $1, hash = $2), \
    kept AS (\
        INSERT INTO provesi_audit (sequence, at, actor, address, request_id, action, outcome, fields, hash) \
        SELECT sequence, at, actor, address, request_id, action, outcome, string_to_array(fields, ','), hash \
        FROM unnest($3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
                    $10::text[], $11::bytea[]) \
            AS new (sequence, at, actor, address, request_id, action, outcome, fields, hash)) \
    INSERT INTO provesi_audit_subjects (sequence, at, subject) \
    SELECT sequence, at, subject FROM unnest($12::bigint[], $13::timestamptz[], $14::text[]) \
        AS named (sequence, at, subject)";

/// The columns of new rows.
#[derive(Default)]
struct Columns {
    sequence: Vec<i64>,
    at: Vec<Instant>,
    actor: Vec<String>,
    address: Vec<Option<String>>,
    request_id: Vec<Option<Box<str>>>,
    action: Vec<&'static str>,
    outcome: Vec<&'static str>,
    fields: Vec<String>,
    hash: Vec<Vec<u8>>,
    subject_sequence: Vec<i64>,
    subject_at: Vec<Instant>,
    subject: Vec<String>,
}

impl Columns {
    fn push(&mut self, StoredAudit { sequence, record, hash }: StoredAudit) {
        let at = record.at.into();
        let fields: Vec<&str> = record.fields.iter().copied().map(Field::as_str).collect();
        self.sequence.push(sequence);
        self.at.push(at);
        self.actor.push(record.caller.actor.to_string());
        self.address.push(record.caller.address.map(|address| address.to_string()));
        self.request_id.push(record.caller.request_id);
        self.action.push(record.action.as_str());
        self.outcome.push(record.outcome.as_str());
        self.fields.push(fields.join(","));
        self.hash.push(hash.as_bytes().to_vec());
        for subject in record.subjects {
            self.subject_sequence.push(sequence);
            self.subject_at.push(at);
            self.subject.push(subject.to_string());
        }
    }
}

/// Appends within a transaction.
pub(super) async fn insert(
    connection: &mut PgConnection,
    chain: &AuditChain,
    records: &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let (sequence, hash): (i64, Vec<u8>) =
        sqlx::query_as(TAKE_HEAD).fetch_one(&mut *connection).await.map_err(store_error)?;
    let mut head = rows::head(sequence, hash)?;
    let mut new = Columns::default();
    for stored in chain.after(head, records) {
        head = AuditHead { sequence: stored.sequence, hash: stored.hash };
        new.push(stored);
    }
    sqlx::query(INSERT)
        .bind(head.sequence)
        .bind(&head.hash.as_bytes()[..])
        .bind(new.sequence)
        .bind(new.at)
        .bind(new.actor)
        .bind(new.address)
        .bind(new.request_id)
        .bind(new.action)
        .bind(new.outcome)
        .bind(new.fields)
        .bind(new.hash)
        .bind(new.subject_sequence)
        .bind(new.subject_at)
        .bind(new.subject)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(head)
}
