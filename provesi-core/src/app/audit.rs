//! Reading the records of access, and leaving some for what is done past the use cases.

use crate::app::Access;
use crate::{
    Actor, App, AppError, AuditAction, AuditCursor, AuditFilter, Caller, Field, Outcome, Page, PageRequest, StoreError,
    StoredAudit, Subject,
};

impl App {
    /// A page of the records of access, the latest first. Reading them leaves a record of its own, with the subject that
    /// was asked for, whether or not `may_read` says that the caller is allowed to.
    ///
    /// # Errors
    /// [`AppError::AuditForbidden`] where the caller may not, or [`AppError::AuditAnonymous`]; [`AppError::AuditNotKept`] where there is no store of
    /// records; [`AppError::Audit`], with [`StoreError::InvalidCursor`] for a cursor of another filter.
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

    /// Leaves a record of what a program did to these subjects by the ports themselves ([`App::clients`],
    /// [`App::orders`]), as an import does that keeps many records at a time. At most 2,000 subjects; none leave no
    /// record.
    ///
    /// # Errors
    /// The sink's: what was done stays done.
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
