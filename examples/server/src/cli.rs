//! What the command line looks like. What its values mean is settled in `settings`: environment variables have the
//! same rules, and a refusal names whichever of the two was used.

#![expect(clippy::doc_markdown, reason = "the comments are what --help prints")]

mod audit;
mod exposure;

use std::error::Error;
use std::path::PathBuf;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgGroup, Args, Parser, Subcommand};
use provesi_core::Timestamp;

pub(crate) use audit::{AuditArgs, AuditCommand, AuditLook};
pub(crate) use exposure::ExposureArgs;

/// Lines of at most 80 characters, so that no terminal breaks them elsewhere.
const EXAMPLES: &str = "\
A flag wins over its environment variable, which wins over the default.
Tokens and keys of services are variables alone, see docs/security.md.

Examples:
  provesi-server                            serve ./provesi.db on 127.0.0.1:8000
  provesi-server --listen 0.0.0.0:80 --hosts NAME   serve on all addresses
  provesi-server --clients mongodb://HOST/DB --orders postgres://HOST/DB
  provesi-server import --clients clients.csv --orders orders.csv --dry-run
  provesi-server seed --orders 20000        data to try it with, into empty stores
  provesi-server check                      orders whose client does not exist
  provesi-server audit show --subject order:ORD-001

Exit codes: 0 done; 1 failed, rows failed, orders are dangling, or the audit was
tampered with; 2 a setting or a command line that cannot be used.";

/// Orders and clients of a warehouse: pages, a REST API and the work around them, over an embedded database, or over PostgreSQL and MongoDB.
#[derive(Debug, Parser)]
#[command(name = "provesi-server", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    pub(crate) audit: AuditArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the pages and the API; what is done when no command is given
    Serve(Box<ServeCommand>),
    /// Apply pending migrations to the stores, creating a file that is missing
    Migrate(MigrateArgs),
    /// Bring clients and orders in from CSV files
    Import(ImportArgs),
    /// Fill the stores with made-up data to try the system with
    Seed(SeedArgs),
    /// Look for orders whose client does not exist
    Check(CheckArgs),
    /// Show whether the stores of clients and orders belong together, or record that they do
    Pair(PairArgs),
    /// Look at the audit records that are in the store
    Audit(AuditCommand),
    /// Print the OpenAPI document of the API
    Openapi,
    /// Print a new pair of keys for secure messages, as two lines of an env file; whoever reads them can read and forge messages
    Keygen,
}

/// Where clients and orders are kept. The flags stand before or after the command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Stores")]
pub(crate) struct StoreArgs {
    /// Where clients are kept: sqlite:PATH, postgres://… or mongodb://…; or at https://…, another process's, to be read
    /// there. Set both URLs or none; an empty one is refused [env: PROVESI_CLIENTS_URL] [default: sqlite:./provesi.db]
    #[arg(long = "clients", id = "clients_url", value_name = "URL")]
    pub(crate) clients: Option<String>,
    /// Where orders are kept: sqlite:PATH or postgres://…; the same database as clients, or another [env:
    /// PROVESI_ORDERS_URL] [default: sqlite:./provesi.db]
    #[arg(long = "orders", id = "orders_url", value_name = "URL")]
    pub(crate) orders: Option<String>,
    /// Connections that read, for each file [env: PROVESI_READERS] [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) readers: Option<String>,
    /// The most connections to each server [env: PROVESI_POOL] [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) pool: Option<String>,
    /// What the two flags are called where they were given.
    #[arg(skip)]
    pub(crate) clients_flag: Option<&'static str>,
    #[arg(skip)]
    pub(crate) orders_flag: Option<&'static str>,
}

/// The same where `--clients` and `--orders` are something else.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Stores")]
pub(crate) struct StoreUrlArgs {
    /// Where clients are kept: sqlite:PATH, postgres://… or mongodb://…. Set both URLs or none [env: PROVESI_CLIENTS_URL]
    /// [default: sqlite:./provesi.db]
    #[arg(long, value_name = "URL")]
    pub(crate) clients_url: Option<String>,
    /// Where orders are kept: sqlite:PATH or postgres://… [env: PROVESI_ORDERS_URL] [default: sqlite:./provesi.db]
    #[arg(long, value_name = "URL")]
    pub(crate) orders_url: Option<String>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Serving")]
pub(crate) struct ServeArgs {
    /// Create the files that the URLs name where they are missing. The default file is created without it
    #[arg(long, num_args = 0, default_missing_value = "true")]
    pub(crate) create: Option<bool>,
    /// Address and port to listen on; port 0 takes any free one [env: PROVESI_LISTEN] [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Which status may follow which: any, or strict (in the order of the work) [env: PROVESI_FLOW] [default: any]
    #[arg(long, value_name = "any|strict")]
    pub(crate) flow: Option<String>,
    /// Services that may read the audit records at /api/audit, with commas [env: PROVESI_AUDIT_READERS] [default:
    /// none]
    #[arg(long, value_name = "NAMES")]
    pub(crate) audit_readers: Option<String>,
    /// The largest request body, in bytes or with KiB or MiB [env: PROVESI_BODY_LIMIT] [default: 64KiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) body_limit: Option<String>,
    /// How long a request may take, as 500ms, 30s or 2m [env: PROVESI_REQUEST_TIMEOUT] [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) request_timeout: Option<String>,
    /// How long a connection may be idle, be sending the head of a request, or take nothing of an answer [env:
    /// PROVESI_IDLE_TIMEOUT] [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) idle_timeout: Option<String>,
    /// How long requests in flight may go on after SIGTERM or SIGINT [env: PROVESI_DRAIN_TIMEOUT] [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub(crate) drain_timeout: Option<String>,
    /// How long requests are still taken after SIGTERM, while /readyz answers 503 so that a load balancer stops sending them
    /// [env: PROVESI_DRAIN_DELAY] [default: 0s]
    #[arg(long, value_name = "TIME")]
    pub(crate) drain_delay: Option<String>,
    /// The most connections at the same time; one address has at most half of them, and when all are taken the one that has
    /// been idle for longest is closed [env: PROVESI_MAX_CONNECTIONS] [default: 1024]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<String>,
    /// Refuse secure messages that do not say for which request they were made, as those of the Python system [env:
    /// PROVESI_STRICT_MESSAGES] [default: off]
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub(crate) strict_messages: Option<String>,
    /// The pages at / beside the API: on or off. What signs their forms is in PROVESI_SECRET_KEY (32 bytes or more); without
    /// it, it is new at each start [env: PROVESI_PAGES] [default: on]
    #[arg(long, value_name = "on|off")]
    pub(crate) pages: Option<String>,
    #[command(flatten)]
    pub(crate) exposure: ExposureArgs,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LogArgs {
    /// What is logged, on standard error: a level, or target=level with commas [env: PROVESI_LOG] [default: info]
    #[arg(long, value_name = "FILTER", global = true)]
    pub(crate) log: Option<String>,
    /// How it is logged: text or json [env: PROVESI_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "text|json", global = true)]
    pub(crate) log_format: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(crate) struct ServeCommand {
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PairArgs {
    /// Record that the two belong together, once the number of orders was typed back or given
    #[arg(long)]
    pub(crate) change: bool,
    /// The number of orders, where nobody can type it
    #[arg(long, value_name = "N", requires = "change")]
    pub(crate) confirm: Option<u64>,
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
}

#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Create the tables also in a database that holds those of another program. Refused without it, unless that is the
    /// Python system's
    #[arg(long)]
    pub(crate) shared_database: bool,
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
}

const IMPORT_HELP: &str = "\
At least one of the two files is needed. They are CSV with a header: UTF-8 or
windows-1252, comma or semicolon, columns in any order.

Clients:
  name, email             needed
  phone, address          may be left out, or blank
  created_at, updated_at  now, and as created_at, where left out or blank

Orders:
  order_number            needed
  client_email            needed; blank where the order is nobody's
  status                  such as received or Recibido, which blank means too
  return_reason           needed for a returned order
  returned_at             as updated_at, where left out or blank
  created_at, updated_at  now, and as created_at, where left out or blank

Instants: 2026-01-31T15:00:00Z, or in Bogotá's time 2026-01-31 10:00[:00] or
2026-01-31.

Good rows come in. Each fault of a bad row is a line on standard error,
FILE:LINE: column COLUMN: why, and the exit code is then 1. What is there
already (a client by its e-mail address, an order by its number) is left as it
is: running an import again changes nothing.";

#[derive(Args, Debug)]
#[command(after_help = IMPORT_HELP, group(ArgGroup::new("files").args(["clients", "orders"]).required(true).multiple(true)))]
pub(crate) struct ImportArgs {
    /// The file of clients
    #[arg(long, value_name = "FILE")]
    pub(crate) clients: Option<PathBuf>,
    /// The file of orders
    #[arg(long, value_name = "FILE")]
    pub(crate) orders: Option<PathBuf>,
    /// Check everything and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) stores: StoreUrlArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SeedArgs {
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) clients: u32,
    /// How many orders, spread over two years
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub(crate) orders: u32,
    /// Which data: the same number makes the same data
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// When the two years end, as an instant or a date in Bogotá
    #[arg(long, value_name = "INSTANT", default_value = "2026-11-01", value_parser = instant)]
    pub(crate) until: Timestamp,
    /// Also where the stores hold other data than those of an earlier seed
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) stores: StoreUrlArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Detach the orders whose client does not exist, after their number was typed back. Refused where there are no clients
    /// at all
    #[arg(long, group = "change")]
    pub(crate) repair: bool,
    /// Give orders the client back that the sweep of earlier versions, or --repair, took off them, after their number was
    /// typed back: those whose client exists again and that got no other since
    #[arg(long, group = "change")]
    pub(crate) undo_sweep: bool,
    /// The number of orders to change, for scripts: with another one nothing is changed, and the exit code is 1
    #[arg(long, value_name = "N", requires = "change")]
    pub(crate) confirm: Option<u64>,
    #[command(flatten)]
    pub(crate) stores: StoreArgs,
}

/// The first of each that is there.
macro_rules! over {
    ($above:ident, $below:ident, $($field:ident),+ $(; $($rest:tt)+)?) => {
        Self { $($field: $above.$field.or($below.$field)),+ $(, $($rest)+)? }
    };
}
use over;

impl StoreArgs {
    /// These flags where they are given, else those.
    pub(crate) fn over(self, below: Self) -> Self {
        over!(self, below, clients, orders, readers, pool, clients_flag, orders_flag)
    }
}

impl From<StoreUrlArgs> for StoreArgs {
    fn from(args: StoreUrlArgs) -> Self {
        let clients_flag = args.clients_url.as_ref().map(|_| "--clients-url");
        let orders_flag = args.orders_url.as_ref().map(|_| "--orders-url");
        let (clients, orders) = (args.clients_url, args.orders_url);
        Self { clients, orders, clients_flag, orders_flag, ..Self::default() }
    }
}

impl ServeArgs {
    /// These flags where they are given, else those.
    pub(crate) fn over(self, below: Self) -> Self {
        over!(
            self,
            below,
            create,
            listen,
            flow,
            audit_readers,
            body_limit,
            request_timeout,
            idle_timeout,
            drain_timeout,
            drain_delay,
            max_connections,
            strict_messages,
            pages;
            exposure: self.exposure.over(below.exposure)
        )
    }
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    crate::import::instant(text.trim()).ok_or("must be an instant such as 2026-11-01T05:00:00Z or 2026-11-01")
}

/// What clap says of a bad command line, with what stands in a URL left out: it may be a password. Of a value that cannot be
/// used, its flag and why, on one line.
pub(crate) fn told(error: &clap::Error) -> String {
    if let (ErrorKind::ValueValidation, Some(flag), Some(why)) =
        (error.kind(), error.get(ContextKind::InvalidArg), error.source())
    {
        let flag = flag.to_string();
        return format!("provesi-server: {}: {why}\n", flag.split(' ').next().unwrap_or_default());
    }
    let text = error.render().to_string();
    let mut told = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        told.push_str(before);
        told.push('…');
        rest = &after[after.find(|c: char| c == '\'' || c.is_whitespace()).unwrap_or(after.len())..];
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_of_serve_need_no_command() {
        let cli = parsed("x --listen 127.0.0.1:1 --clients sqlite:a --log debug").unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen.as_deref(), Some("127.0.0.1:1"));
        assert_eq!(cli.stores.clients.as_deref(), Some("sqlite:a"));
    }

    #[test]
    fn a_flag_after_the_command_wins_over_one_before_it() {
        let cli = parsed("x --clients sqlite:a --orders sqlite:b check --clients sqlite:c --log debug").unwrap();
        let Some(Command::Check(check)) = cli.command else { panic!() };
        let stores = check.stores.over(cli.stores);
        assert_eq!((stores.clients.as_deref(), stores.orders.as_deref()), (Some("sqlite:c"), Some("sqlite:b")));
        assert_eq!(cli.log.log.as_deref(), Some("debug"));
    }

    #[test]
    fn what_the_audit_is_asked_stands_with_the_stores_in_any_order() {
        let head = format!("1:{}", "0".repeat(64));
        let line = "x --clients sqlite:a audit verify --orders sqlite:b --audit-store sqlite:c --expect";
        let cli = parsed(&format!("{line} {head}")).unwrap();
        let Some(Command::Audit(AuditCommand { command: AuditLook::Verify { expect, stores, .. } })) = cli.command
        else {
            panic!()
        };
        let stores = stores.over(cli.stores);
        assert_eq!((stores.clients.as_deref(), stores.orders.as_deref()), (Some("sqlite:a"), Some("sqlite:b")));
        assert_eq!((expect, cli.audit.store.as_deref()), (vec![head.parse().unwrap()], Some("sqlite:c")));
    }

    #[test]
    fn import_takes_files_where_others_take_urls() {
        let cli = parsed("x --clients sqlite:a import --clients a.csv --orders-url sqlite:b").unwrap();
        let Some(Command::Import(import)) = cli.command else { panic!() };
        assert_eq!(import.clients, Some(PathBuf::from("a.csv")));
        let stores = StoreArgs::from(import.stores).over(cli.stores);
        assert_eq!((stores.clients.as_deref(), stores.orders.as_deref()), (Some("sqlite:a"), Some("sqlite:b")));
        assert!(parsed("x import").is_err());
    }

    #[test]
    fn a_password_on_a_bad_command_line_is_not_told() {
        for line in ["x postgres://ana:hunter2@h/db?password=hunter2", "x --nope=mongodb://ana:hunter2@h --x"] {
            let told = told(&parsed(line).unwrap_err());
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
