//! Connection URLs, taken apart by hand: MongoDB's may name several hosts, which no general parser lets through.

use super::Kind;

/// `base` with its database replaced by `name`.
pub(super) fn with_database(kind: Kind, base: &str, name: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let mut options = options.to_owned();
    // The users of MongoDB are looked up in the database of the URL, unless it says otherwise; ours has none.
    if kind == Kind::MongoDb && authority.contains('@') && !options.to_lowercase().contains("authsource=") {
        let source = if database.is_empty() { "admin" } else { database };
        let and = if options.is_empty() { "" } else { "&" };
        options = format!("{options}{and}authSource={source}");
    }
    let question = if options.is_empty() { "" } else { "?" };
    format!("{scheme}://{authority}/{name}{question}{options}")
}

/// The hosts and ports of a URL: what may be shown of it.
pub(super) fn hosts(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts)
}

/// The user and the password of a URL, as they are written there; empty where there are none.
pub(super) fn user(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    user.split_once(':').unwrap_or((user, ""))
}

/// `base` with its hosts and ports replaced.
pub(super) fn with_hosts(base: &str, hosts: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let user = rest[..end].rsplit_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
    format!("{scheme}://{user}{hosts}{}", &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_replaced_and_the_rest_stays() {
        let url = with_database(Kind::Postgres, "postgres://u:p@h:1/postgres?sslmode=disable", "x");
        assert_eq!(url, "postgres://u:p@h:1/x?sslmode=disable");
        assert_eq!(with_database(Kind::MongoDb, "mongodb://a:1,b:2", "x"), "mongodb://a:1,b:2/x");
    }

    #[test]
    fn users_of_mongodb_are_still_looked_up_where_they_were() {
        let found = |base| with_database(Kind::MongoDb, base, "x");
        assert_eq!(found("mongodb://u:p@h"), "mongodb://u:p@h/x?authSource=admin");
        assert_eq!(found("mongodb://u:p@h/people?w=1"), "mongodb://u:p@h/x?w=1&authSource=people");
        assert_eq!(found("mongodb://u:p@h/?authSource=a"), "mongodb://u:p@h/x?authSource=a");
    }

    #[test]
    fn hosts_are_replaced_and_the_rest_stays() {
        assert_eq!(with_hosts("postgres://u:p%40@h:1/x?a=b", "l:2"), "postgres://u:p%40@l:2/x?a=b");
        assert_eq!(with_hosts("postgres://h", "l:2"), "postgres://l:2");
    }

    #[test]
    fn user_and_password_are_found() {
        assert_eq!(user("postgres://u:p@h:1/x"), ("u", "p"));
        assert_eq!(user("postgres://u@h"), ("u", ""));
        assert_eq!(user("postgres://h/x@y"), ("", ""));
    }

    #[test]
    fn of_a_url_only_the_hosts_are_shown() {
        assert_eq!(hosts("postgres://user:secret@db:5432/x"), "db:5432");
        assert_eq!(hosts("mongodb://a,b/?w=1"), "a,b");
    }
}
