//! The arguments of the audit.

use std::str::FromStr;

use clap::{Args, Subcommand};
use provesi_core::{AuditHead, Invalid, Subject, Timestamp};

use super::{StoreArgs, instant};

/// These flags may precede or follow the command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Audit")]
pub(crate) struct AuditArgs {
    /// Where accesses are recorded: off, log (of the server, target provesi::audit), store, or strict: in the store, and
    /// nothing is handed out before its record is there [env: PROVESI_AUDIT] [default: log]
    #[arg(long = "audit", id = "audit_mode", value_name = "off|log|store|strict", global = true)]
    pub(crate) mode: Option<String>,
    /// Where the store of accesses is: sqlite:PATH, postgres://… or mongodb://… [env: PROVESI_AUDIT_URL] [default: beside the
    /// orders]
    #[arg(long = "audit-store", id = "audit_store", value_name = "URL", global = true)]
    pub(crate) store: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AuditCommand {
    #[command(subcommand)]
    pub(crate) command: AuditLook,
}

const VERIFY_HELP: &str = "\
Names the first record that was changed, removed, inserted or moved. A tail that
was cut off is found only with --expect: keep the line that this prints in another
place, and pass its head the next time. With PROVESI_AUDIT_KEY, which the server
must have had as well, nobody can compute the chain again without the key.";

#[derive(Debug, Subcommand)]
pub(crate) enum AuditLook {
    /// Check that no record was changed or removed, and print how many there are and the hash of the last one
    #[command(after_help = VERIFY_HELP)]
    Verify {
        /// A head that the chain had, as printed by an earlier run; may be repeated
        #[arg(long, value_name = "N:HASH", value_parser = parsed::<AuditHead>)]
        expect: Vec<AuditHead>,
        /// Begin after this head, if the records before it were archived or had another key
        #[arg(long, value_name = "N:HASH", value_parser = parsed::<AuditHead>)]
        from: Option<AuditHead>,
        #[command(flatten)]
        stores: StoreArgs,
    },
    /// Print records, the latest first: instant, actor, address, request, action, outcome, fields, subjects
    Show {
        /// Only records of this subject: client:ID, order:NUMBER or order-id:ID
        #[arg(long, value_name = "SUBJECT", value_parser = parsed::<Subject>)]
        subject: Option<Subject>,
        /// Only records of this instant and later, as an instant or a date in Bogotá
        #[arg(long, value_name = "INSTANT", value_parser = instant)]
        since: Option<Timestamp>,
        /// Only records before this instant
        #[arg(long, value_name = "INSTANT", value_parser = instant)]
        until: Option<Timestamp>,
        #[command(flatten)]
        stores: StoreArgs,
    },
}

impl AuditLook {
    pub(crate) const fn stores(&self) -> &StoreArgs {
        match self {
            Self::Verify { stores, .. } | Self::Show { stores, .. } => stores,
        }
    }
}

fn parsed<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|invalid: Invalid| invalid.rule.to_string())
}
