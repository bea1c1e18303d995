//! `audit verify` and `audit show`.

use std::io::{self, Write};

use provesi_core::{
    AuditFilter, AuditHead, AuditStore, Caller, Chain, PageLimit, PageRequest, StoredAudit, VerifyError, verify_audit,
};

use crate::Failure;
use crate::cli::AuditLook;
use crate::settings::{Audit, AuditSettings};
use crate::stores::Stores;

/// Runs the command, and returns whether the chain is valid.
pub(crate) async fn look(mut stores: Stores, settings: &AuditSettings, look: AuditLook) -> Result<bool, Failure> {
    let looked = match look {
        AuditLook::Verify { expect, from, .. } => {
            verify(&**stores.audit(), settings, from.unwrap_or(AuditHead::START), &expect).await
        }
        AuditLook::Show { subject, since, until, .. } => {
            show(&mut stores, settings, &AuditFilter { subject, since, until }).await
        }
    };
    stores.close().await;
    looked
}

async fn verify(
    store: &dyn AuditStore,
    settings: &AuditSettings,
    from: AuditHead,
    expected: &[AuditHead],
) -> Result<bool, Failure> {
    // If standard output is closed, the exit code still tells the result.
    match verify_audit(store, &settings.chain, from, expected).await {
        Ok(head) => {
            let records = head.sequence - from.sequence;
            let _ = writeln!(io::stdout(), "{records} records, none changed or removed; the head is {head}");
            Ok(true)
        }
        Err(VerifyError::Broken(broken)) => {
            let _ = writeln!(io::stdout(), "broken at record {}: {}", broken.sequence(), Chain(&broken));
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// How many records are read at a time. Each may have 2,000 subjects.
const CHUNK: u32 = 100;

/// Prints the records. The command is itself recorded, in the same store.
async fn show(stores: &mut Stores, settings: &AuditSettings, filter: &AuditFilter) -> Result<bool, Failure> {
    let recorded = AuditSettings { mode: Audit::Strict, ..settings.clone() };
    let app = stores.app();
    let app = stores.audited(app, &recorded);
    let caller = Caller::system("audit")?;
    let mut request = PageRequest::first(PageLimit::new(CHUNK)?);
    loop {
        let page = app.audit_page(&caller, true, filter, &request).await?;
        for stored in &page.items {
            if writeln!(io::stdout(), "{}", line(stored)).is_err() {
                return Ok(true);
            }
        }
        let Some(next) = page.next else { return Ok(true) };
        request = PageRequest::after(request.limit, next);
    }
}

/// A record as tab-separated fields. No field contains a control character.
fn line(StoredAudit { record, .. }: &StoredAudit) -> String {
    let words = |words: Vec<String>| words.join(" ");
    [
        record.at.to_string(),
        record.caller.actor.to_string(),
        record.caller.address.map(|address| address.to_string()).unwrap_or_default(),
        record.caller.request_id.as_deref().unwrap_or_default().to_owned(),
        record.action.as_str().to_owned(),
        record.outcome.as_str().to_owned(),
        words(record.fields.iter().map(ToString::to_string).collect()),
        words(record.subjects.iter().map(ToString::to_string).collect()),
    ]
    .join("\t")
}
