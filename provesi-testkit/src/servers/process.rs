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

    /// Stops the server's processes where they stand, or lets them go on. The server itself is the first to stop, so that
    /// it has no more children then, and the last to go on.
    pub(super) fn freeze(&self, still: bool) -> Result<(), String> {
        let server = self.folder.server_pid().map_err(|error| error.to_string())?;
        if still {
            signal("STOP", &[server])?;
        }
        signal(if still { "STOP" } else { "CONT" }, &children(server)?)?;
        if still { Ok(()) } else { signal("CONT", &[server]) }
    }

    /// Why the server has ended by itself, where it has.
    pub(super) fn failure(&mut self) -> Option<String> {
        let ended = self.keeper.as_mut().is_some_and(Keeper::has_ended);
        ended.then(|| format!("it ended at once: {}", self.folder.log_end()))
    }
}

fn children(of: u32) -> Result<Vec<u32>, String> {
    let found = run(Command::new("ps").args(["-A", "-o", "pid=,ppid="]))?;
    let pair = |line: &str| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    Ok(found.lines().filter_map(pair).filter(|(_, parent)| *parent == of).map(|(pid, _)| pid).collect())
}

/// A process that has ended meanwhile is no fault.
fn signal(name: &str, processes: &[u32]) -> Result<(), String> {
    for process in processes {
        let process = process.to_string();
        run(Command::new("/bin/sh").args(["-c", "kill -s \"$0\" \"$1\" || ! kill -0 \"$1\"", name, &process]))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<String, String> {
    let ran = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}
