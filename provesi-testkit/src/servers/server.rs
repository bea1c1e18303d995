//! A server that answers: had by the first way that leads to one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::container::Container;
use super::folder::{self, Folder};
use super::process::{Process, Program};
use super::way::set;
use super::{Kind, NoServer, Way, background, container, database, local, mongodb, postgres, pypi, url};

/// How long a server may take until it answers.
const READY: Duration = Duration::from_secs(60);
/// How often one is started on another port where it ended at once: the port may have been taken meanwhile.
const ATTEMPTS: u32 = 3;

/// How a server is to be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// Only by this way.
    pub(super) way: Option<Way>,
    /// What is committed outlives a power cut.
    pub(super) durable: bool,
    /// Not one that was given by URL: it can be stopped.
    pub(super) own: bool,
}

#[derive(Debug)]
enum Run {
    Given,
    Process(Box<Process>),
    Container(Box<Container>),
}

impl Run {
    /// Why the server has ended by itself, where it has.
    async fn failure(&mut self) -> Option<String> {
        match self {
            Self::Given => None,
            Self::Process(process) => process.failure(),
            Self::Container(container) => container.failure().await,
        }
    }

    /// Ends it with its data. It is dropped where it may block: it waits for work of the background's threads.
    async fn end(self) {
        background::blocking(move || drop(self)).await;
    }
}

pub(super) struct Server {
    kind: Kind,
    way: Way,
    origin: String,
    url: String,
    run: Mutex<Run>,
    stopped: AtomicBool,
}

impl Server {
    /// Tries the ways in their order. To be called on the background runtime.
    pub(super) async fn start(kind: Kind, options: Options) -> Result<Self, NoServer> {
        let forced = match options.way {
            Some(way) => Some(way),
            None => kind.forced_way()?.filter(|way| !(options.own && *way == Way::Url)),
        };
        background::blocking(folder::sweep).await;
        let mut tried = Vec::new();
        for way in Way::ALL.into_iter().filter(|way| forced.is_none_or(|forced| forced == *way)) {
            let found = match way {
                Way::Url if options.own => Err("a test stops a server of its own only".to_owned()),
                Way::Url => match set(&kind.url_variable()) {
                    None => Err(format!("{} is not set", kind.url_variable())),
                    // Who names a server means that one: no other is taken in its place.
                    Some(url) => return Self::given(kind, url).await,
                },
                Way::Container => Self::container(kind, options).await,
                Way::Local | Way::Pypi => Self::process(kind, way, options).await,
            };
            match found {
                Ok(server) => return Ok(server),
                Err(reason) => tried.push((way, reason)),
            }
        }
        Err(NoServer::after(kind, &tried))
    }

    fn new(kind: Kind, way: Way, origin: String, url: String, run: Run) -> Self {
        Self { kind, way, origin, url, run: Mutex::new(run), stopped: AtomicBool::new(false) }
    }

    async fn given(kind: Kind, url: String) -> Result<Self, NoServer> {
        let variable = kind.url_variable();
        let at = url::hosts(&url).to_owned();
        let version = ping(kind, &url).await;
        let version = version.map_err(|error| NoServer::new(kind, format!("{variable} ({at}): {error}")))?;
        // What cannot be swept, such as for want of a right, is not this run's business.
        let _ = match kind {
            Kind::Postgres => postgres::sweep(&url, database::is_stale).await.map_err(|error| error.to_string()),
            Kind::MongoDb => mongodb::sweep(&url, database::is_stale).await.map_err(|error| error.to_string()),
        };
        Ok(Self::new(kind, Way::Url, format!("{kind} {version} at {at}, by {variable}"), url, Run::Given))
    }

    async fn container(kind: Kind, options: Options) -> Result<Self, String> {
        let engine = container::engine().await?;
        container::sweep(&engine).await;
        let password = new_password();
        let mut attempt = 1;
        loop {
            let port = local::free_port();
            match Container::start(kind, port, &password, options).await {
                Ok(container) => {
                    let url = own_url(kind, container.host(), port, &password);
                    let image = container.image().to_owned();
                    let mut run = Run::Container(Box::new(container));
                    let version = match ready_anew(kind, &url, &password, &mut run).await {
                        Ok(version) => version,
                        Err(error) => {
                            run.end().await;
                            return Err(error);
                        }
                    };
                    let origin = format!("{kind} {version} in a container of {image}");
                    return Ok(Self::new(kind, Way::Container, origin, url, run));
                }
                Err(error) if attempt == ATTEMPTS || !container::is_port_taken(&error) => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    async fn process(kind: Kind, way: Way, options: Options) -> Result<Self, String> {
        let mut attempt = 1;
        loop {
            let (port, password) = (local::free_port(), new_password());
            let url = own_url(kind, "127.0.0.1", port, &password);
            let given = password.clone();
            let started = move || start_process(kind, way, port, &given, options.durable);
            let (process, source) = background::blocking(started).await?;
            let mut run = Run::Process(Box::new(process));
            match ready_anew(kind, &url, &password, &mut run).await {
                Ok(version) => {
                    let origin = match (kind, way) {
                        (Kind::MongoDb, Way::Pypi) => format!("MongoDB's protocol by {source}"),
                        _ => format!("{kind} {version} by {source}"),
                    };
                    return Ok(Self::new(kind, way, origin, url, run));
                }
                Err(error) => {
                    run.end().await;
                    if attempt == ATTEMPTS {
                        return Err(error);
                    }
                    attempt += 1;
                }
            }
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn way(&self) -> Way {
        self.way
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Ends it, in good order or as if it had crashed, and keeps its data.
    pub(super) async fn stop(&self, in_order: bool) -> Result<(), String> {
        self.stopped.store(true, Ordering::Release);
        match &mut *self.run.lock().await {
            Run::Given => return Err("a server that was given by URL is not ours to stop".to_owned()),
            Run::Process(process) => tokio::task::block_in_place(|| process.end(in_order)),
            Run::Container(container) => container.stop(in_order).await?,
        }
        Ok(())
    }

    /// Lets it stand still, or go on.
    pub(super) async fn freeze(&self, still: bool) -> Result<(), String> {
        match &mut *self.run.lock().await {
            Run::Given => Err("a server that was given by URL is not ours to freeze".to_owned()),
            Run::Process(process) => tokio::task::block_in_place(|| process.freeze(still)),
            Run::Container(container) => container.freeze(still).await,
        }
    }

    /// Starts it again, on the same port and data, and waits until it answers.
    pub(super) async fn start_again(&self) -> Result<(), String> {
        let mut run = self.run.lock().await;
        match &mut *run {
            Run::Given => {}
            Run::Process(process) => process.start().map_err(|error| error.to_string())?,
            Run::Container(container) => container.start_again().await?,
        }
        ready(self.kind, &self.url, &mut run).await?;
        self.stopped.store(false, Ordering::Release);
        Ok(())
    }
}

/// Makes the data and starts the program on them. Blocks, with an installation from PyPI for long.
fn start_process(kind: Kind, way: Way, port: u16, password: &str, durable: bool) -> Result<(Process, String), String> {
    let folder = Folder::new(kind.store()).map_err(|error| error.to_string())?;
    let (program, source): (Program, String) = match kind {
        Kind::Postgres => {
            let user = folder.other_than_root().map_err(|error| error.to_string())?;
            let (bin, source) = if way == Way::Pypi {
                (pypi::postgres(&folder, user)?, pypi::postgres_label())
            } else {
                let bin = local::find_postgres()?;
                let source = format!("the programs in {}", bin.display());
                (bin, source)
            };
            (local::postgres(&bin, &folder, user, (port, password), durable)?, source)
        }
        Kind::MongoDb if way == Way::Pypi => {
            (local::secantus(&pypi::secantus()?, &folder, port, durable)?, pypi::secantus_label())
        }
        Kind::MongoDb => {
            let program = local::find_mongod()?;
            (local::mongod(&program, &folder, port)?, program.display().to_string())
        }
    };
    let mut process = Process::new(folder, program);
    process.start().map_err(|error| error.to_string())?;
    Ok((process, source))
}

fn own_url(kind: Kind, host: &str, port: u16, password: &str) -> String {
    match kind {
        Kind::Postgres => format!("postgres://postgres:{password}@{host}:{port}/postgres"),
        // Direct: what a server takes for its own address need not be ours for it.
        Kind::MongoDb => format!("mongodb://{host}:{port}/?directConnection=true"),
    }
}

fn new_password() -> String {
    format!("{:032x}", rand::random::<u128>())
}

async fn ping(kind: Kind, url: &str) -> Result<String, String> {
    let ping = async {
        match kind {
            Kind::Postgres => postgres::ping(url).await.map_err(|error| error.to_string()),
            Kind::MongoDb => mongodb::ping(url).await.map_err(|error| error.to_string()),
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ping).await.unwrap_or_else(|_| Err("no answer in 10 s".to_owned()))
}

/// As [`ready`], for a server that was just made.
async fn ready_anew(kind: Kind, url: &str, password: &str, run: &mut Run) -> Result<String, String> {
    let version = ready(kind, url, run).await?;
    if kind == Kind::Postgres {
        // Where that cannot be, each connection takes longer, and no more.
        let _ = postgres::keep_for_short_logins(url, password).await;
    }
    Ok(version)
}

/// Waits until the server answers, and gives its version. One that ends instead is not waited for.
async fn ready(kind: Kind, url: &str, run: &mut Run) -> Result<String, String> {
    let start = Instant::now();
    loop {
        // A driver may wait for long; whether anybody listens is known at once.
        let listens = tokio::net::TcpStream::connect(url::hosts(url)).await.is_ok();
        let answer = if listens { ping(kind, url).await } else { Err("nobody listens on its port".to_owned()) };
        match answer {
            Ok(version) => return Ok(version),
            Err(error) => {
                if let Some(why) = run.failure().await {
                    return Err(why);
                }
                if start.elapsed() > READY {
                    return Err(format!("no answer within {} s: {error}", READY.as_secs()));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
