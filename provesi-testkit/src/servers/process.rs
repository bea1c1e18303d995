//! A server as a process of this machine: started, stopped, started again on the same port and data.

use std::io;
use std::process::Command;

use super::folder::Folder;
use super::keeper::{Keeper, RunAs};

/// What is run, and the signals that end it.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) command: Command,
    pub(super) user: Option<RunAs>,
    /// Ends it in good order.
    pub(super) stop: &'static str,
    /// Ends it as if it had crashed, and with its data.
    pub(super) crash: &'static str,
}

#[derive(Debug)]
pub(super) struct Process {
    // Before the folder: fields are dropped in this order, and the server must be gone first.
    keeper: Option<Keeper>,
    program: Program,
    folder: Folder,
}

impl Process {
    pub(super) fn new(folder: Folder, program: Program) -> Self {
        Self { keeper: None, program, folder }
    }

    pub(super) fn start(&mut self) -> io::Result<()> {
        if self.keeper.is_none() {
            let Program { command, user, crash, .. } = &self.program;
            self.keeper = Some(Keeper::run(self.folder.path(), crash, *user, command)?);
        }
        Ok(())
    }

    /// Ends the server and keeps its data. Blocks.
    pub(super) fn end(&mut self, in_order: bool) {
        if let Some(keeper) = self.keeper.take() {
            keeper.tell(if in_order { self.program.stop } else { self.program.crash });
        }
    }

    /// Why the server has ended by itself, where it has.
    pub(super) fn failure(&mut self) -> Option<String> {
        let ended = self.keeper.as_mut().is_some_and(Keeper::has_ended);
        ended.then(|| format!("it ended at once: {}", self.folder.log_end()))
    }
}
