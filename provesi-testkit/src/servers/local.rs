//! Programs on this machine: where they are looked for, and how they are run on a folder and a port of ours.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::Folder;
use super::keeper::RunAs;
use super::process::Program;
use super::way::set;

/// Where packages put the programs of PostgreSQL without putting them on the path.
const POSTGRES_FOLDERS: [&str; 3] = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"];

/// A folder with `postgres` and `initdb`: on the path, else the newest that a package installed.
pub(super) fn find_postgres() -> Result<PathBuf, String> {
    let both = |folder: &Path| folder.join("postgres").is_file() && folder.join("initdb").is_file();
    let mut installed: Vec<PathBuf> = POSTGRES_FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path().join("bin")))
        .filter(|folder| both(folder))
        .collect();
    // By number: 9.6 is older than 17.
    installed.sort_by_key(|folder| version_in(folder));
    let on_path = path_folders().into_iter().find(|folder| both(folder));
    on_path.or_else(|| installed.pop()).ok_or_else(|| "no `postgres` and `initdb` on the PATH".to_owned())
}

fn version_in(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    name.trim_start_matches("postgresql@").split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
}

/// `mongod`, as `PROVESI_MONGOD` names it or on the path.
pub(super) fn find_mongod() -> Result<PathBuf, String> {
    match set("PROVESI_MONGOD").map(PathBuf::from) {
        Some(named) if named.is_file() => Ok(named),
        Some(named) => Err(format!("PROVESI_MONGOD={} is no file", named.display())),
        None => find_on_path("mongod").ok_or_else(|| "no `mongod` on the PATH or in PROVESI_MONGOD".to_owned()),
    }
}

/// A program on the path, or where Debian puts those of servers, which the path of a user may leave out.
pub(super) fn find_program(program: &str) -> Option<PathBuf> {
    let in_sbin = || Some(Path::new("/usr/sbin").join(program)).filter(|file| file.is_file());
    find_on_path(program).or_else(in_sbin)
}

pub(super) fn find_on_path(program: &str) -> Option<PathBuf> {
    path_folders().into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn path_folders() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect()
}

/// Makes a cluster in the folder, and says how to run it. Blocks for a second or two.
pub(super) fn postgres(
    bin: &Path,
    folder: &Folder,
    user: Option<RunAs>,
    (port, password): (u16, &str),
    durable: bool,
) -> Result<Program, String> {
    let data = folder.path().join("data");
    let secret = folder.path().join("password");
    fs::write(&secret, password).map_err(|error| error.to_string())?;
    folder.give_to(user).map_err(|error| error.to_string())?;

    let mut initdb = clean(bin.join("initdb"));
    initdb.arg("--pgdata").arg(&data).arg("--pwfile").arg(&secret);
    // Sorting and case by the C locale, in UTF-8: a store must bring the order of names itself, and here it shows.
    initdb.args(["--username=postgres", "--encoding=UTF8", "--no-locale", "--auth=password"]);
    if !durable {
        initdb.arg("--no-sync");
    }
    give_password_file(user, &secret).map_err(|error| error.to_string())?;
    RunAs::apply(user, &mut initdb);
    let made = initdb.current_dir(folder.path()).output().map_err(|error| format!("initdb: {error}"))?;
    let _ = fs::remove_file(&secret);
    if !made.status.success() {
        return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr).trim()));
    }

    let mut command = clean(bin.join("postgres"));
    // Only through the port: the path of a socket may be longer than the system allows.
    command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-k", "", "-p"]).arg(port.to_string());
    command.args(postgres_settings(durable));
    Ok(Program { command, user, stop: "INT", crash: "QUIT" })
}

fn give_password_file(user: Option<RunAs>, file: &Path) -> std::io::Result<()> {
    user.map_or(Ok(()), |user| std::os::unix::fs::chown(file, Some(user.uid), Some(user.gid)))
}

/// What every PostgreSQL of ours is started with. Tests run in parallel, each with a pool; and what only a power cut
/// would lose need not be on the disk, unless a test is about that.
pub(super) fn postgres_settings(durable: bool) -> Vec<String> {
    let fast: &[&str] = &["fsync=off", "full_page_writes=off"];
    let always: &[&str] = &["max_connections=300"];
    let settings = always.iter().chain(if durable { &[] } else { fast });
    settings.flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]).collect()
}

pub(super) fn mongod(program: &Path, folder: &Folder, port: u16) -> Result<Program, String> {
    let data = data_folder(folder)?;
    let mut command = clean(program);
    command.arg("--dbpath").arg(data).args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--port"]);
    command.arg(port.to_string());
    Ok(Program { command, user: None, stop: "TERM", crash: "KILL" })
}

/// SecantusDB's server, which speaks MongoDB's protocol.
pub(super) fn secantus(program: &Path, folder: &Folder, port: u16, durable: bool) -> Result<Program, String> {
    let data = data_folder(folder)?;
    let mut command = clean(program);
    // An empty one, lest a configuration of the user's own be found.
    let config = folder.path().join("secantusd.toml");
    fs::write(&config, "").map_err(|error| error.to_string())?;
    command.arg("--config").arg(config).args(["--host", "127.0.0.1", "--log-level", "WARNING", "--standalone"]);
    command.args(["--cache-size", "256M", "--port"]).arg(port.to_string()).arg("--storage-path").arg(data);
    if durable {
        command.arg("--sync-on-commit");
    }
    Ok(Program { command, user: None, stop: "TERM", crash: "KILL" })
}

fn data_folder(folder: &Folder) -> Result<PathBuf, String> {
    let data = folder.path().join("data");
    fs::create_dir(&data).map_err(|error| error.to_string())?;
    Ok(data)
}

/// A command that no setting for another PostgreSQL or Python on this machine reaches.
pub(super) fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("PG") || name_text.starts_with("PYTHON") || name_text.starts_with("LC_") {
            command.env_remove(&name);
        }
    }
    command.env("LC_ALL", "C");
    command
}

/// A port that is free now.
pub(super) fn free_port() -> u16 {
    loop {
        // Below those that the system gives to outgoing connections: one of them could take the port of a server that
        // a test has stopped and means to start again.
        let port = rand::random_range(15_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
