//! Asks the operator to confirm a change of many records by typing their number.

use std::io::{self, IsTerminal, Write};

/// Why nothing was confirmed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfirmError {
    #[error("--confirm: {0} records would be changed, not {1}; nothing was changed")]
    OtherNumber(u64, u64),
    #[error("--confirm: must be given where standard input is no terminal: `--confirm {0}`; nothing was changed")]
    NoTerminal(u64),
    #[error("standard input cannot be read; nothing was changed")]
    Input(#[source] io::Error),
}

/// Compares `number` with that of `--confirm`, or with the one that the operator types.
pub(crate) fn confirm(number: u64, given: Option<u64>) -> Result<(), ConfirmError> {
    let typed = match given {
        Some(given) => given,
        None if !io::stdin().is_terminal() => return Err(ConfirmError::NoTerminal(number)),
        None => {
            let _ = write!(io::stderr(), "type the number {number} to go on, or anything else to stop: ");
            let mut line = String::new();
            io::stdin().read_line(&mut line).map_err(ConfirmError::Input)?;
            match line.trim().parse() {
                Ok(typed) => typed,
                Err(_) => return Err(ConfirmError::OtherNumber(number, 0)),
            }
        }
    };
    if typed == number { Ok(()) } else { Err(ConfirmError::OtherNumber(number, typed)) }
}
