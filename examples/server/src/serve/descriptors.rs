//! How many connections the process may open: each needs a file descriptor.

/// How many connections of `wanted` fit into the process's limit of open files beside `others` descriptors. Raises the
/// soft limit as far as the hard one allows.
#[cfg(unix)]
pub(super) fn fit(wanted: usize, others: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let needed = u64::try_from(wanted.saturating_add(others)).unwrap_or(u64::MAX);
    let Rlimit { current: Some(soft), maximum } = getrlimit(Resource::Nofile) else { return wanted };
    if soft >= needed {
        return wanted;
    }
    let raised = maximum.map_or(needed, |hard| hard.min(needed));
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            soft
        }
    };
    let left = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(others);
    let fitting = wanted.min(left).max(MIN_CONNECTIONS.min(wanted));
    if fitting < wanted {
        tracing::warn!(
            open_files = allowed,
            max_connections = fitting,
            wanted,
            "--max-connections does not fit the limit of open files (ulimit -n) and is reduced"
        );
    }
    fitting
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
pub(super) fn fit(wanted: usize, _others: usize) -> usize {
    wanted
}

/// Fewer are of no use, whatever the limit says.
#[cfg(unix)]
const MIN_CONNECTIONS: usize = 16;
