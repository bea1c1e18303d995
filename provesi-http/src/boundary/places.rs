//! Which service a path belongs to.

use provesi_crypto::ServiceName;

#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Prefixes without a slash at their end; the last that fits counts.
    prefixes: Vec<(Box<str>, ServiceName)>,
    /// Who answers where the path is nobody's.
    pub(super) own: ServiceName,
}

impl Default for Places {
    fn default() -> Self {
        let name = |name: &str| name.parse().expect("it has letters only");
        let mut places = Self { prefixes: Vec::new(), own: name("provesi") };
        for service in ["clients", "orders"] {
            places.add(&format!("/{service}"), name(service));
            places.add(&format!("/api/{service}"), name(service));
        }
        places
    }
}

impl Places {
    pub(super) fn add(&mut self, prefix: &str, service: ServiceName) {
        self.prefixes.push((prefix.trim_end_matches('/').into(), service));
    }

    /// The service whose path this is.
    pub(super) fn of(&self, path: &str) -> Option<&ServiceName> {
        let fits =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.prefixes.iter().rev().find(|(prefix, _)| fits(prefix)).map(|(_, service)| service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_service_that_it_starts_with() {
        let mut places = Places::default();
        places.add("/orders/own/", "own".parse().unwrap());
        for (path, service) in [
            ("/clients", Some("clients")),
            ("/clients/", Some("clients")),
            ("/api/clients/abc", Some("clients")),
            ("/orders/A-1/edit/", Some("orders")),
            ("/api/orders", Some("orders")),
            ("/orders/own", Some("own")),
            ("/orders/owner", Some("orders")),
            ("/ordersx", None),
            ("/api/health", None),
            ("/", None),
            ("/Clients/", None),
            ("/x/clients/", None),
        ] {
            assert_eq!(places.of(path).map(ServiceName::as_str), service, "{path}");
        }
    }
}
