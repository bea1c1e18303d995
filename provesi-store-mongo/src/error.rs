//! The one mapping from what the driver says to what the ports say.

use std::fmt;

use mongodb::error::{
    CommandError, Error, ErrorKind, NO_WRITES_PERFORMED, RETRYABLE_ERROR, RETRYABLE_WRITE_ERROR,
    SYSTEM_OVERLOADED_ERROR, TRANSIENT_TRANSACTION_ERROR, WriteConcernError, WriteError, WriteFailure,
};
use provesi_core::{StoreError, UniqueField};

/// `DuplicateKey`.
pub(crate) const DUPLICATE_KEY: i32 = 11_000;

/// `OutOfDiskSpace`.
const OUT_OF_DISK_SPACE: i32 = 14_031;

/// `DocumentValidationFailure`: a rule that an operator gave the collection.
const DOCUMENT_VALIDATION_FAILURE: i32 = 121;

/// What a driver's error means to the caller of a read.
pub(crate) fn store_error(error: Error) -> StoreError {
    if let Some(field) = taken(&error) {
        return StoreError::AlreadyExists { field };
    }
    if is_transient(&error) {
        return StoreError::unavailable(source(error));
    }
    match *error.kind {
        // Documents are read by this crate and not by the driver, so this is a server that does not speak BSON.
        ErrorKind::Bson(_) => StoreError::corrupt(source(error)),
        _ if server_code(&error) == Some(OUT_OF_DISK_SPACE) => StoreError::degraded("disk full", source(error)),
        _ => StoreError::backend(source(error)),
    }
}

/// What a driver's error means to the caller of a write: as [`store_error`], and [`StoreError::OutcomeUnknown`] if the
/// write may have been made. The driver has repeated it once already, where the server allows that.
pub(crate) fn write_error(error: Error) -> StoreError {
    if may_have_written(&error) { StoreError::outcome_unknown(source(error)) } else { store_error(error) }
}

fn may_have_written(error: &Error) -> bool {
    if error.contains_label(NO_WRITES_PERFORMED) || error.contains_label(SYSTEM_OVERLOADED_ERROR) {
        return false;
    }
    match &*error.kind {
        ErrorKind::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        // Written, and not known to a majority.
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        ErrorKind::InsertMany(failed) if failed.write_concern_error.is_some() => true,
        _ => server_code(error).is_some_and(is_interruption),
    }
}

/// The server's codes of a command that it began and did not end, or that a router did not hear the end of.
const fn is_interruption(code: i32) -> bool {
    matches!(
        code,
        6 // HostUnreachable
        | 7 // HostNotFound
        | 50 // MaxTimeMSExpired
        | 64 // WriteConcernTimeout
        | 89 // NetworkTimeout
        | 91 // ShutdownInProgress
        | 189 // PrimarySteppedDown
        | 202 // NetworkInterfaceExceededTimeLimit
        | 262 // ExceededTimeLimit
        | 384 // ConnectionError
        | 9_001 // SocketException
        | 11_600 // InterruptedAtShutdown
        | 11_601 // Interrupted
        | 11_602 // InterruptedDueToReplStateChange
    )
}

/// Whether a unique index refuses the write.
pub(crate) fn is_duplicate(error: &Error) -> bool {
    server_code(error) == Some(DUPLICATE_KEY)
}

/// Which field's value is another's: `findAndModify` says by which key. An insert does not, see
/// [`write::insert`](crate::clients).
fn taken(error: &Error) -> Option<UniqueField> {
    if !is_duplicate(error) {
        return None;
    }
    let key = error.server_response()?.get_document("keyPattern").ok()?;
    match key.iter_elements().next()?.ok()?.key().as_str() {
        "_id" => Some(UniqueField::ClientId),
        "email" => Some(UniqueField::Email),
        // An index that somebody else made: not a refusal that callers know.
        _ => None,
    }
}

/// The server's code of an error, where it is the server's.
pub(crate) fn server_code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        ErrorKind::InsertMany(failed) => {
            let write = failed.write_errors.as_ref().and_then(|errors| errors.first()).map(|error| error.code);
            write.or_else(|| failed.write_concern_error.as_ref().map(|error| error.code))
        }
        _ => None,
    }
}

/// Whether the same call may succeed a little later.
fn is_transient(error: &Error) -> bool {
    // The drivers' specifications, or the server itself, call these worth a retry.
    let labels = [RETRYABLE_WRITE_ERROR, RETRYABLE_ERROR, TRANSIENT_TRANSACTION_ERROR, SYSTEM_OVERLOADED_ERROR];
    if labels.iter().any(|label| error.contains_label(label)) {
        return true;
    }
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Shutdown => true,
        _ => server_code(error).is_some_and(is_transient_code),
    }
}

/// The server's codes of errors that may be gone a little later
/// (<https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>).
const fn is_transient_code(code: i32) -> bool {
    is_interruption(code)
        || matches!(
            code,
            24 // LockTimeout
            | 43 // CursorNotFound: the server that had it is gone
            | 46 // LockBusy
            | 112 // WriteConflict
            | 133 // FailedToSatisfyReadPreference
            | 134 // ReadConcernMajorityNotAvailableYet
            | 175 // QueryPlanKilled
            | 237 // CursorKilled
            | 462 // IngressRequestRateLimitExceeded
            | 10_058 // LegacyNotPrimary
            | 10_107 // NotWritablePrimary
            | 13_388 // StaleConfig
            | 13_435 // NotPrimaryNoSecondaryOk
            | 13_436 // NotPrimaryOrSecondary
        )
}

/// The error as a source for logs.
fn source(error: Error) -> provesi_core::Source {
    match *error.kind {
        ErrorKind::Command(CommandError { code, code_name, message, .. }) => {
            Said::new(code, Some(code_name), message).into()
        }
        ErrorKind::Write(WriteFailure::WriteError(WriteError { code, code_name, message, .. })) => {
            Said::new(code, code_name, message).into()
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(WriteConcernError { code, code_name, message, .. })) => {
            Said::new(code, Some(code_name), message).into()
        }
        ErrorKind::InsertMany(ref failed) => match (&failed.write_errors, &failed.write_concern_error) {
            (Some(errors), _) if !errors.is_empty() => {
                Said::new(errors[0].code, errors[0].code_name.clone(), errors[0].message.clone()).into()
            }
            (_, Some(error)) => Said::new(error.code, Some(error.code_name.clone()), error.message.clone()).into(),
            _ => error.into(),
        },
        _ => error.into(),
    }
}

/// What a server said. The driver's own error shows the server's whole answer in its `Debug`, and the answer to a
/// duplicate or to a rule that a document breaks quotes the document: names and addresses that no log should have.
#[derive(Debug)]
struct Said {
    code: i32,
    name: Option<String>,
    message: Option<String>,
}

impl Said {
    fn new(code: i32, name: Option<String>, message: String) -> Self {
        let quotes = matches!(code, DUPLICATE_KEY | DOCUMENT_VALIDATION_FAILURE);
        Self { code, name: name.filter(|name| !name.is_empty()), message: Some(message).filter(|_| !quotes) }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server says {}", self.code)?;
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Said {}

#[cfg(test)]
mod tests {
    use mongodb::bson::{deserialize_from_document, doc};
    use provesi_core::Chain;

    use super::*;

    /// An error as the driver makes it of a server's answer.
    fn said(code: i32, message: &str) -> Error {
        let error: CommandError =
            deserialize_from_document(doc! { "code": code, "codeName": "Some", "errmsg": message }).unwrap();
        ErrorKind::Command(error).into()
    }

    #[test]
    fn a_transient_error_is_unavailable_and_any_other_is_a_fault() {
        // The codes that the drivers' specifications retry, and the ends of time.
        for code in [6, 7, 50, 64, 89, 91, 134, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436] {
            assert!(store_error(said(code, "x")).is_transient(), "{code}");
        }
        for code in [2, 13, 18, 26, 67, 86, 121] {
            assert!(matches!(store_error(said(code, "x")), StoreError::Backend { .. }), "{code}");
        }
        assert!(store_error(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()).is_transient());
    }

    #[test]
    fn a_write_that_may_have_been_made_is_an_unknown_outcome_and_one_that_was_not_is_unavailable() {
        for code in [6, 50, 64, 91, 189, 262, 9_001, 11_600, 11_602] {
            let error = write_error(said(code, "x"));
            assert!(matches!(error, StoreError::OutcomeUnknown { .. }), "{code}: {error:?}");
        }
        // Not writable: refused before anything was done.
        for code in [24, 46, 112, 133, 10_058, 10_107, 13_435, 13_436] {
            let error = write_error(said(code, "x"));
            assert!(matches!(error, StoreError::Unavailable { .. }), "{code}: {error:?}");
        }
        let io = |kind| write_error(std::io::Error::from(kind).into());
        assert!(matches!(io(std::io::ErrorKind::ConnectionReset), StoreError::OutcomeUnknown { .. }));
        assert!(matches!(io(std::io::ErrorKind::ConnectionRefused), StoreError::Unavailable { .. }));
        assert!(matches!(write_error(said(14_031, "x")), StoreError::Degraded { reason: "disk full", .. }));
        assert!(matches!(write_error(said(13, "x")), StoreError::Backend { .. }));
    }

    #[test]
    fn a_write_that_no_majority_confirmed_is_an_unknown_outcome() {
        let error: WriteConcernError =
            deserialize_from_document(doc! { "code": 64, "codeName": "WriteConcernTimeout", "errmsg": "x" }).unwrap();
        let error: Error = ErrorKind::Write(WriteFailure::WriteConcernError(error)).into();
        assert!(matches!(write_error(error), StoreError::OutcomeUnknown { .. }));
    }

    #[test]
    fn a_server_that_quotes_a_document_is_not_quoted() {
        let error = store_error(said(DUPLICATE_KEY, "E11000 … dup key: { email: \"ana@example.com\" }"));
        let told = format!("{error:?} {error} {}", Chain(&error));
        assert!(told.contains("11000") && !told.contains("ana@"), "{told}");
        let error = store_error(said(67, "cannot create unique index"));
        assert_eq!(
            Chain(&error).to_string(),
            "the store failed: the server says 67 (Some): cannot create unique index"
        );
        assert_eq!(error.to_string(), "the store failed");
    }
}
