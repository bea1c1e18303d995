//! The accessibility checker axe-core, fetched once from the npm registry into the target folder.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

const VERSION: &str = "4.14.1";

/// Its script, for a page.
pub(super) static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let given = std::env::var_os("PROVESI_TEST_AXE");
    let script = given.map_or_else(vendored, Into::into);
    fs::read_to_string(&script).unwrap_or_else(|error| panic!("{}: {error}", script.display()))
});

fn vendored() -> std::path::PathBuf {
    let place = provesi_tests::target_dir().join("provesi-browser");
    fs::create_dir_all(&place).expect("the target folder can be written");
    let script = place.join(format!("axe-core-{VERSION}.min.js"));
    let lock = File::create(place.join("axe-core.lock")).expect("the target folder can be written");
    lock.lock().expect("files can be locked");
    if !script.is_file() {
        fetch(&place, &script).unwrap_or_else(|reason| {
            panic!(
                "the accessibility checker axe-core {VERSION} cannot be had from the npm registry: {reason}. Install npm, or \
                 name its file axe.min.js in PROVESI_TEST_AXE"
            )
        });
    }
    script
}

fn fetch(place: &Path, script: &Path) -> Result<(), String> {
    let package = format!("axe-core@{VERSION}");
    run(Command::new("npm").args(["pack", "--silent", &package, "--pack-destination"]).arg(place))?;
    let archive = place.join(format!("axe-core-{VERSION}.tgz"));
    run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(place).arg("package/axe.min.js"))?;
    // Under its name at last: what has it is whole.
    fs::rename(place.join("package/axe.min.js"), script).map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.output().map_err(|error| format!("{program}: {error}"))?;
    if ran.status.success() { Ok(()) } else { Err(format!("{program}: {}", String::from_utf8_lossy(&ran.stderr))) }
}
