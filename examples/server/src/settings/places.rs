//! How a store is named to the operator: its kind, its database, and its host or its absolute path. Never credentials.

use std::fmt;

use mongodb::options::{ConnectionString, HostInfo};

use super::{SqlUrl, StoreUrl};

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(url) => url.fmt(f),
            Self::Mongo(url) => match ConnectionString::parse(url.expose()) {
                Ok(parsed) => {
                    let hosts = match &parsed.host_info {
                        HostInfo::HostIdentifiers(hosts) => {
                            hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
                        }
                        HostInfo::DnsRecord(name) => name.clone(),
                        _ => "an unknown host".to_owned(),
                    };
                    write!(f, "MongoDB {} at {hosts}", parsed.default_database.as_deref().unwrap_or("(no database)"))
                }
                Err(_) => f.write_str("MongoDB"),
            },
            // Settings refuse an address with credentials.
            Self::Service(base) => write!(f, "the service {base}"),
        }
    }
}

impl fmt::Display for SqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => {
                let absolute = std::path::absolute(path);
                write!(f, "SQLite {}", absolute.as_deref().unwrap_or(path).display())
            }
            Self::Postgres(url) => match provesi_store_pg::connect_options(url.expose()) {
                Ok(options) => {
                    let database = options.get_database().unwrap_or("(default database)");
                    match options.get_socket() {
                        Some(socket) => write!(f, "PostgreSQL {database} at {}", socket.display()),
                        None => write!(f, "PostgreSQL {database} at {}:{}", options.get_host(), options.get_port()),
                    }
                }
                Err(_) => f.write_str("PostgreSQL"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::values::store_url;

    #[test]
    fn a_store_is_named_by_database_and_host_or_absolute_path() {
        let here = std::env::current_dir().unwrap();
        for (url, name) in [
            ("postgres://ana:hunter2@db.example:5433/provesi?sslmode=require", "PostgreSQL provesi at db.example:5433"),
            ("mongodb://ana:hunter2@a,b:27018/shop?authSource=admin", "MongoDB shop at a:27017,b:27018"),
            ("https://clients.example.com", "the service https://clients.example.com"),
            ("sqlite:/var/lib/p.db", "SQLite /var/lib/p.db"),
            ("sqlite:./p.db", &format!("SQLite {}/p.db", here.display())),
        ] {
            assert_eq!(store_url(url).unwrap().to_string(), name);
        }
        for wrong in [
            "postgres:/ana:hunter2@h/db",
            "postgres:ana:hunter2@h/db",
            "postgres:///ana:hunter2@h/db",
            "postgres://h/db?host=/ana:hunter2@x",
            "postgres://h/db?user=ana&passwort=hunter2",
        ] {
            let refused = store_url(wrong).unwrap_err();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        for right in ["postgres://ana:hunter2@h", "postgres:///db?host=/run/postgresql", "postgresql://[::1]:5433/db"] {
            assert!(store_url(right).is_ok(), "{right}");
        }
        for broken in ["postgres://ana:hunter2@[/db", "mongodb://ana:hunter2/x@h/db"] {
            assert!(!store_url(broken).unwrap().to_string().contains("hunter2"), "{broken}");
        }
    }
}
