//! Reading audit records, and recording what a program does without the use cases.

use crate::app::Access;
use crate::{
    Actor, App, AppError, AuditAction, AuditCursor, AuditFilter, AuditStoreExt, Caller, Field, Outcome, Page,
    PageRequest, StoreError, StoredAudit, Subject,
};

impl App {
    /// A page of the audit records, the latest first. The call is itself recorded, with the subject of the filter, also if
    /// the caller may not read.
    ///
    /// # Errors
    /// - [`AppError::AuditAnonymous`] or [`AppError::AuditForbidden`] if `may_read` is false.
    /// - [`AppError::AuditNotKept`] if the application has no audit store.
    /// - [`AppError::Audit`], with [`StoreError::InvalidCursor`] for a cursor of another filter.
    pub async fn audit_page(
        &self,
        caller: &Caller,
        may_read: bool,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, AppError> {
        let result = match &self.audit_store {
            _ if !may_read && caller.actor == Actor::Anonymous => Err(AppError::AuditAnonymous),
            _ if !may_read => Err(AppError::AuditForbidden),
            None => Err(AppError::AuditNotKept),
            Some(store) => store.page(filter, request).await.map_err(AppError::Audit),
        };
        let subjects = |_: Option<&_>| filter.subject.iter().cloned().collect();
        self.audited(caller, Access::read(AuditAction::AuditRead), subjects, result).await
    }

    /// Records an action that a program performed directly on the ports ([`App::clients`], [`App::orders`]), such as the
    /// batches of an import. Takes at most 2,000 subjects; without any, nothing is recorded.
    ///
    /// # Errors
    /// Those of the sink. The action itself is not undone.
    pub async fn record_access(
        &self,
        caller: &Caller,
        action: AuditAction,
        fields: &[Field],
        subjects: Vec<Subject>,
    ) -> Result<(), StoreError> {
        if subjects.is_empty() {
            return Ok(());
        }
        self.keep(caller, Access::write(action, fields), subjects, Outcome::Done).await
    }
}
