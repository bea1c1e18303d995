/// A method of a port that a [`FaultyStore`](super::FaultyStore) wraps. Ports share the names that they have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the method of its name")]
pub enum Call {
    GetMany,
    Commit,
    Page,
    Count,
    ClientIds,
    Events,
    Entries,
    Ping,
    Record,
    Append,
    Head,
    Records,
}
