//! Asks the operator to confirm a change of many orders by typing their number.

use std::io::{self, IsTerminal, Write};

/// Why nothing was confirmed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfirmError {
    #[error("--confirm: {found} orders would be changed, not {given}; nothing was changed")]
    OtherNumber { found: u64, given: u64 },
    #[error("--confirm: must be {0} where standard input is no terminal; nothing was changed")]
    NoTerminal(u64),
    #[error("the number {0} was not typed; nothing was changed")]
    NotTyped(u64),
    #[error("standard input cannot be read; nothing was changed")]
    Input(#[source] io::Error),
}

/// Compares the number of orders that were `found` with that of `--confirm`, or with the one that the operator types.
pub(crate) fn confirm(found: u64, given: Option<u64>) -> Result<(), ConfirmError> {
    match given {
        Some(given) if given == found => Ok(()),
        Some(given) => Err(ConfirmError::OtherNumber { found, given }),
        None if !io::stdin().is_terminal() => Err(ConfirmError::NoTerminal(found)),
        None => {
            let _ = write!(io::stderr(), "type the number {found} to go on, or anything else to stop: ");
            let mut line = String::new();
            io::stdin().read_line(&mut line).map_err(ConfirmError::Input)?;
            if line.trim() == found.to_string() { Ok(()) } else { Err(ConfirmError::NotTyped(found)) }
        }
    }
}
