//! Servers in containers, through testcontainers.

use std::env;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{ContainerPort, IntoContainerPort, Mount};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use super::Kind;
use super::background;
use super::folder::{Folder, is_orphaned};
use super::keeper::Keeper;
use super::local::postgres_settings;
use super::server::Options;
use super::way::set;

/// On every container of ours: the machine, and the lock that is held there while its run lives.
const LABEL: &str = "provesi.testkit.owner";
/// A container of another machine's run is that run's business, unless it is older than any run.
const STALE: Duration = Duration::from_secs(6 * 60 * 60);
/// An engine that is there answers at once.
const ENGINE: Duration = Duration::from_secs(5);
/// How long an image may take to be pulled and started.
const PULL: Duration = Duration::from_secs(300);

/// The image of a server, which testcontainers pulls if the engine does not have it.
fn image(kind: Kind) -> String {
    set(&kind.image_variable()).unwrap_or_else(|| {
        let known = match kind {
            Kind::Postgres => "postgres:17-alpine",
            Kind::MongoDb => "mongo:5.0.6",
        };
        known.to_owned()
    })
}

#[derive(Debug)]
pub(super) struct Container {
    /// Taken when it is removed.
    container: Option<ContainerAsync<GenericImage>>,
    keeper: Option<Keeper>,
    image: String,
    host: String,
    _folder: Folder,
}

/// The engine, where one answers.
pub(super) async fn engine() -> Result<Docker, String> {
    let engine = docker_client_instance().await.map_err(|error| error.to_string())?;
    match tokio::time::timeout(ENGINE, engine.ping()).await {
        Ok(Ok(_)) => Ok(engine),
        Ok(Err(error)) => Err(format!("no Docker engine answers ({error})")),
        Err(_) => Err(format!("no Docker engine answers within {} s", ENGINE.as_secs())),
    }
}

/// Removes the containers of runs that have ended without doing so.
pub(super) async fn sweep(engine: &Docker) {
    let filters = [("label".to_owned(), vec![LABEL.to_owned()])];
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters.into()).build();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for found in engine.list_containers(Some(options)).await.unwrap_or_default() {
        let owner = found.labels.as_ref().and_then(|labels| labels.get(LABEL)).map_or("", String::as_str);
        let (host, lock) = owner.split_once(':').unwrap_or(("", ""));
        let made = Duration::from_secs(found.created.unwrap_or_default().try_into().unwrap_or_default());
        let ended = if host == host_name() { is_orphaned(lock.as_ref()) } else { made + STALE < now };
        if let (true, Some(id)) = (ended, &found.id) {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            let _ = engine.remove_container(id, Some(options)).await;
        }
    }
}

impl Container {
    pub(super) async fn start(kind: Kind, port: u16, password: &str, options: Options) -> Result<Self, String> {
        let folder = Folder::new(kind.store()).map_err(|error| error.to_string())?;
        let image = image(kind);
        let (name, tag) = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((&image, "latest"));
        let (host, is_remote) = engine_host();
        let inside: ContainerPort = match kind {
            Kind::Postgres => 5432.tcp(),
            Kind::MongoDb => 27017.tcp(),
        };
        let mut request = GenericImage::new(name, tag)
            // A port of our choice: one that the engine chooses is another after a restart.
            .with_mapped_port(port, inside)
            .with_label(LABEL, format!("{}:{}", host_name(), folder.lock_path().display()))
            .with_startup_timeout(PULL)
            .with_host_config_modifier(move |config| {
                if !is_remote {
                    let bindings = config.port_bindings.iter_mut().flat_map(|ports| ports.values_mut()).flatten();
                    bindings.flatten().for_each(|binding| binding.host_ip = Some("127.0.0.1".to_owned()));
                }
            });
        if kind == Kind::Postgres {
            request = request
                .with_env_var("POSTGRES_PASSWORD", password)
                .with_env_var("POSTGRES_HOST_AUTH_METHOD", "password")
                .with_cmd(["postgres".to_owned()].into_iter().chain(postgres_settings(options.durable)));
            if !(options.own || options.durable) {
                // In memory, as it is never stopped and started again: databases are made and dropped all the time, and
                // each is some hundred files.
                request = request.with_mount(Mount::tmpfs_mount("/var/lib/postgresql/data"));
            }
        }
        let started = tokio::time::timeout(PULL, request.start()).await;
        let container = started
            .map_err(|_| format!("{image} was not there within {} s", PULL.as_secs()))?
            .map_err(|error| format!("{image}: {error}"))?;
        let keeper =
            Keeper::wait(folder.path(), container.id(), &engine_socket()).map_err(|error| error.to_string())?;
        Ok(Self { container: Some(container), keeper: Some(keeper), image, host, _folder: folder })
    }

    pub(super) fn image(&self) -> &str {
        &self.image
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    fn container(&self) -> &ContainerAsync<GenericImage> {
        self.container.as_ref().expect("taken by `drop` alone")
    }

    pub(super) async fn stop(&self, in_order: bool) -> Result<(), String> {
        let seconds = if in_order { 10 } else { 0 };
        self.container().stop_with_timeout(Some(seconds)).await.map_err(|error| error.to_string())
    }

    /// Under load the kernel sometimes needs longer to freeze all processes than the engine waits, so it is tried again.
    pub(super) async fn freeze(&self, still: bool) -> Result<(), String> {
        const ATTEMPTS: usize = 5;
        let container = self.container();
        let mut done = Ok(());
        for _ in 0..ATTEMPTS {
            done = if still { container.pause().await } else { container.unpause().await };
            if done.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        done.map_err(|error| error.to_string())
    }

    pub(super) async fn start_again(&self) -> Result<(), String> {
        self.container().start().await.map_err(|error| error.to_string())
    }

    /// Why the server has ended by itself, where it has.
    pub(super) async fn failure(&self) -> Option<String> {
        let ended = matches!(self.container().is_running().await, Ok(false));
        if !ended {
            return None;
        }
        let log = self.container().stderr_to_vec().await.unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        Some(format!("{} ended at once: {}", self.image, lines[lines.len().saturating_sub(5)..].join("\n")))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let Some(container) = self.container.take() else { return };
        let removed = background::block(async move { container.rm().await.is_ok() });
        match (self.keeper.take(), removed) {
            (Some(keeper), Some(true)) => keeper.tell("done"),
            // Dropped unasked, it tries again.
            (keeper, _) => drop(keeper),
        }
    }
}

/// Whether another program took the port after it was found free. The engine says so in words only.
pub(super) fn is_port_taken(error: &str) -> bool {
    ["port is already allocated", "address already in use"].iter().any(|words| error.contains(words))
}

/// Where published ports are, and whether that is another machine. Not what testcontainers says: inside a container it
/// names the bridge, where ports published on loopback are not.
fn engine_host() -> (String, bool) {
    let remote = env::var("DOCKER_HOST").ok().and_then(|host| {
        let address = host.strip_prefix("tcp://")?.split('/').next()?.to_owned();
        Some(address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host).to_owned())
    });
    match remote {
        Some(host) if !["127.0.0.1", "localhost"].contains(&host.as_str()) => (host, true),
        _ => ("127.0.0.1".to_owned(), false),
    }
}

fn engine_socket() -> String {
    let named = env::var("DOCKER_HOST").ok().and_then(|host| host.strip_prefix("unix://").map(str::to_owned));
    named.unwrap_or_else(|| "/var/run/docker.sock".to_owned())
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
