//! Which share of the work each process does, by its time on the processors.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Duration;

/// Who works for a request.
pub(crate) const PARTS: [&str; 4] = ["handler", "PostgreSQL", "MongoDB", "load"];

/// Linux counts in hundredths of a second, whatever the machine.
const TICK: Duration = Duration::from_millis(10);

/// The time on the processors that each of [`PARTS`] has had so far: this process, which makes the load, and those that it
/// started. Servers in containers are not among them.
pub(crate) fn processor_time() -> [Duration; 4] {
    let processes = processes();
    let me = std::process::id();
    let mut family = HashSet::from([me]);
    while let Some(child) = processes.iter().find(|(id, it)| !family.contains(*id) && family.contains(&it.parent)) {
        family.insert(*child.0);
    }
    let mut times = [Duration::ZERO; 4];
    for id in family {
        let Some(process) = processes.get(&id) else { continue };
        let part = match process.name.as_str() {
            _ if id == me => 3,
            "sh" => continue,
            "postgres" => 1,
            name if name.starts_with("provesi-server") || name.starts_with("pair") => 0,
            _ => 2,
        };
        times[part] += process.time;
    }
    times
}

struct Process {
    parent: u32,
    name: String,
    time: Duration,
}

fn processes() -> HashMap<u32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name is in parentheses, and may hold blanks and more of them.
            let (head, tail) = stat.rsplit_once(')')?;
            let fields: Vec<&str> = tail.split_whitespace().collect();
            let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
            Some((
                id,
                Process {
                    parent: u32::try_from(number(1)?).ok()?,
                    name: head.split_once('(')?.1.to_owned(),
                    time: TICK * u32::try_from(number(11)? + number(12)?).ok()?,
                },
            ))
        })
        .collect()
}
