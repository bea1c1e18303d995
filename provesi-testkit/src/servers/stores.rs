//! Which stores a run tests: all, unless `PROVESI_TEST_STORES` names the ones that it does.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::background::say;
use super::way::set;

const VARIABLE: &str = "PROVESI_TEST_STORES";
const STORES: [&str; 4] = ["memory", "sqlite", "postgres", "mongodb"];

/// What was said already, so that each process says it once.
static LEFT_OUT: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Whether this run tests `store`: `memory`, `sqlite`, `postgres` or `mongodb`.
///
/// It does unless `PROVESI_TEST_STORES` is set and does not name it; then one line to stderr says so, once a process.
///
/// # Panics
/// On a name that is none of the four, in the variable or as the argument: a typing error must not leave a store out.
#[must_use]
pub fn wanted(store: &str) -> bool {
    known(store);
    let Some(named) = set(VARIABLE) else { return true };
    let wanted = among(&named, store);
    if !wanted
        && LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(store.to_owned())
    {
        say(&format!("{store} is left out, as {VARIABLE}={named} asks for"));
    }
    wanted
}

fn among(named: &str, store: &str) -> bool {
    named.split(',').map(str::trim).filter(|name| !name.is_empty()).map(known).any(|name| name == store)
}

fn known(name: &str) -> &str {
    assert!(STORES.contains(&name), "{VARIABLE} knows {}, not `{name}`", STORES.join(", "));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_stores_are_among_the_named() {
        assert!(among("memory, sqlite", "sqlite"));
        assert!(!among("memory, sqlite", "postgres"));
    }

    #[test]
    #[should_panic(expected = "not `postgre`")]
    fn a_typing_error_leaves_nothing_out() {
        among("postgre", "postgres");
    }
}
