//! A small process beside ours that ends a server when ours has ended, however that came about: tests may be stopped
//! by a signal, and what is in a `static` is never dropped.
//!
//! It reads from a pipe that we hold open. A word from us says how to end the server; the end of the pipe means that we
//! are gone, or done with the server, and that nothing is to be left of it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs a server: `$1` its folder, `$2` the signal that ends it for good, the rest its command.
const RUN: &str = r#"
folder=$1 last=$2; shift 2
exec 3<&0
cd "$folder" || exit 1
"$@" </dev/null 3<&- >>"$folder/log" 2>&1 &
server=$!
echo "$server" >"$folder/server.pid"
{
    read -r signal <&3 || { signal=$last; : >"$folder/gone"; }
    # We may have ended while it was frozen.
    kill -s CONT "$server" $(ps -A -o pid=,ppid= | while read -r pid parent; do
        [ "$parent" != "$server" ] || echo "$pid"
    done)
    kill -s "$signal" "$server"
    tenths=0
    while kill -0 "$server" && [ "$tenths" -lt 100 ]; do sleep 0.1; tenths=$((tenths + 1)); done
    kill -s KILL "$server"
} >/dev/null 2>&1 &
watcher=$!
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
rm -f "$folder/server.pid"
[ ! -e "$folder/gone" ] || { cd /; rm -rf "$folder"; }
exit "$status"
"#;

/// Waits with a container: `$1` its folder, `$2` its id, `$3` the engine's socket.
const WAIT: &str = r#"
read -r word && exit 0
cd /
if command -v docker >/dev/null; then docker rm --force --volumes "$2"
else curl -fsS --unix-socket "$3" -X DELETE "http://localhost/containers/$2?force=1&v=1"
fi
rm -rf "$1"
"#;

/// The user and group that a server runs as.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunAs {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl RunAs {
    pub(super) fn apply(user: Option<Self>, command: &mut Command) {
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
    }
}

#[derive(Debug)]
pub(super) struct Keeper {
    child: Child,
}

impl Keeper {
    /// Starts `server` and keeps it; `last` is the signal that ends it together with its data.
    pub(super) fn run(folder: &Path, last: &str, user: Option<RunAs>, server: &Command) -> io::Result<Self> {
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", RUN, "sh"]).arg(folder).arg(last).arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => keeper.env(name, value),
                None => keeper.env_remove(name),
            };
        }
        RunAs::apply(user, &mut keeper);
        Self::spawn(keeper)
    }

    /// Removes a container and its folder once we are gone.
    pub(super) fn wait(folder: &Path, container: &str, socket: &str) -> io::Result<Self> {
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", WAIT, "sh"]).arg(folder).args([container, socket]);
        Self::spawn(keeper)
    }

    fn spawn(mut keeper: Command) -> io::Result<Self> {
        // In a process group of its own: Ctrl-C in a terminal ends the tests, and they the server, in this order.
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").process_group(0);
        Ok(Self { child: keeper.spawn()? })
    }

    /// Whether the server has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Says the word, and waits until the keeper has done what it means.
    pub(super) fn tell(mut self, word: &str) {
        if let Some(mut pipe) = self.child.stdin.take() {
            let _ = pipe.write_all(format!("{word}\n").as_bytes());
            // Kept open until the keeper has ended: its end would be a second word.
            let _ = pipe.flush();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Closes the pipe first.
        let _ = self.child.wait();
    }
}
