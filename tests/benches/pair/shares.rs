//! Which share of the work each process does, by its time on the processors.

use std::collections::{HashMap, HashSet};
use std::fs;

/// Who works for a request.
pub(crate) const PARTS: [&str; 4] = ["handler", "PostgreSQL", "MongoDB", "load"];

/// Ticks of the processors' time since each process began, by [`PARTS`]: of this process, which makes the load, and of
/// those that it started. Servers in containers are not among them.
pub(crate) fn ticks() -> [u64; 4] {
    let processes = processes();
    let me = std::process::id();
    let mut family = HashSet::from([me]);
    while let Some(child) = processes.iter().find(|(id, it)| !family.contains(*id) && family.contains(&it.parent)) {
        family.insert(*child.0);
    }
    let mut ticks = [0; 4];
    for id in family {
        let Some(process) = processes.get(&id) else { continue };
        let part = match process.name.as_str() {
            _ if id == me => 3,
            "sh" => continue,
            "postgres" => 1,
            name if name.starts_with("provesi-server") || name.starts_with("pair") => 0,
            _ => 2,
        };
        ticks[part] += process.ticks;
    }
    ticks
}

struct Process {
    parent: u32,
    name: String,
    ticks: u64,
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
                    ticks: number(11)? + number(12)?,
                },
            ))
        })
        .collect()
}
