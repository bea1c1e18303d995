#![doc = include_str!("../README.md")]

mod audit;
mod check;
mod cli;
mod confirm;
mod import;
mod logging;
mod seed;
mod serve;
mod settings;
mod stores;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, thread};

use clap::Parser;
use clap::error::ErrorKind;
use indicatif::{ProgressBar, ProgressDrawTarget};
use provesi_core::{Caller, Chain};
use provesi_crypto::Keys;

use cli::{CheckArgs, Cli, Command, ImportArgs, SeedArgs, ServeArgs, StoreArgs};
use settings::{AuditSettings, Env, SettingError};
use stores::{Kind, Migrated, OpenError, Opening, Stores};

/// With glibc's allocator a lookup took 10 to 25 % more processor time (`docs/benchmarks.md`). The settings of this one are in
/// `.cargo/config.toml`.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit code of a setting or a command line that cannot be used.
const BAD_SETTING: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return bad_command_line(&error),
    };
    match run(cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "provesi-server: {}", Chain(&*error));
            let is_setting = error.is::<SettingError>() || matches!(error.downcast_ref(), Some(OpenError::Setting(_)));
            if is_setting { ExitCode::from(BAD_SETTING) } else { ExitCode::FAILURE }
        }
    }
}

/// Help goes to standard output and is no error; anything else is told without what may be a password.
fn bad_command_line(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let _ = write!(io::stderr(), "{}", cli::told(error));
    ExitCode::from(BAD_SETTING)
}

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Does what the command line says. False where it was done and the outcome is bad.
fn run(cli: Cli) -> Result<bool, Failure> {
    let variable = |name: &str| env::var_os(name);
    let env = Env(&variable);
    let Cli { stores, serve, audit, log, command } = cli;
    let (audit, log) = (env.audit(audit)?, env.log(log)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // One thread a core, and few for the little that blocks: SQLite has threads of its own.
        .worker_threads(thread::available_parallelism().map_or(2, usize::from))
        .max_blocking_threads(8)
        .build()?;
    let command = command.unwrap_or_else(|| Command::Serve(Box::default()));
    // Writes what waits when it is dropped.
    let background_log = if let Command::Serve(_) = command {
        let log = logging::start_in_background(log);
        runtime.spawn(log.report_dropped());
        Some(log)
    } else {
        logging::start(log);
        None
    };
    let done = runtime.block_on(execute(command, &env, stores, serve, &audit));
    // Not dropped: requests that the drain time-out cut would be waited for.
    runtime.shutdown_background();
    drop(background_log);
    done
}

/// Runs the command. The arguments that stand before it are below its own.
async fn execute(
    command: Command,
    env: &Env<'_>,
    stores: StoreArgs,
    serve: ServeArgs,
    audit: &AuditSettings,
) -> Result<bool, Failure> {
    match command {
        Command::Serve(args) => {
            let settings = env.serve(args.serve.over(serve))?;
            let mut stores = env.stores(args.stores.over(stores))?;
            if let Some(peer) = &mut stores.peer {
                peer.strict_messages = settings.services.strict_messages;
            }
            serve::serve(&settings, audit, &stores).await?;
            Ok(true)
        }
        Command::Migrate(args) => {
            let stores = env.stores(args.stores.over(stores))?;
            let shared = args.shared_database;
            let opening = if args.dry_run { Opening::Inspect } else { Opening::Untouched { shared } };
            migrate(Stores::open(&stores, audit.store.as_ref(), opening).await?, args.dry_run, shared).await
        }
        Command::Import(args) => {
            let stores = env.stores(StoreArgs::from(args.stores.clone()).over(stores))?;
            let opening = if args.dry_run { Opening::Look } else { Opening::AsItIs };
            import(Stores::open(&stores, audit.needed(), opening).await?, audit, args).await
        }
        Command::Seed(args) => {
            let stores = env.stores(StoreArgs::from(args.stores.clone()).over(stores))?;
            seed(Stores::open(&stores, audit.needed(), Opening::AsItIs).await?, audit, &args).await
        }
        Command::Check(args) => {
            let stores = env.stores(args.stores.clone().over(stores))?;
            check(Stores::open(&stores, audit.needed(), Opening::AsItIs).await?, audit, &args).await
        }
        Command::Pair(args) => {
            let stores = env.stores(args.stores.over(stores))?;
            let opening = if args.change { Opening::Untouched { shared: false } } else { Opening::Inspect };
            let stores = Stores::open(&stores, None, opening).await?;
            let changed = if args.change { stores.change_pair(args.confirm).await } else { Ok(()) };
            let belongs = stores.show_pair().await;
            stores.close().await;
            changed?;
            Ok(belongs?)
        }
        Command::Audit(args) => {
            let stores = env.stores(args.command.stores().clone().over(stores))?;
            let stores = Stores::open(&stores, audit.store.as_ref(), Opening::AnyPair).await?;
            audit::look(stores, audit, args.command).await
        }
        Command::Openapi => {
            let _ = writeln!(io::stdout(), "{}", provesi_http::openapi_json());
            Ok(true)
        }
        Command::Keygen => {
            let keys = Keys::generate()?;
            let mut out = io::stdout();
            // A pair of which half is lost is none: who prints into a full disk is to know.
            writeln!(out, "MICROSERVICE_AES_KEY={}", *keys.aes_key_base64())?;
            writeln!(out, "MICROSERVICE_HMAC_KEY={}", *keys.hmac_key_base64())?;
            Ok(true)
        }
    }
}

async fn check(mut stores: Stores, audit: &AuditSettings, args: &CheckArgs) -> Result<bool, Failure> {
    let app = stores.command_app(audit);
    let caller = Caller::system("check")?;
    if args.repair || args.undo_sweep {
        stores.announce(&[Kind::Orders]).await;
    }
    let is_well = match (args.repair, args.undo_sweep) {
        (true, _) => check::repair(&app, &caller, args.confirm).await,
        (_, true) => check::undo_sweep(&app, &caller, args.confirm).await,
        _ => check::check(&app).await,
    };
    stores.close().await;
    Ok(is_well?)
}

async fn migrate(stores: Stores, dry_run: bool, shared: bool) -> Result<bool, Failure> {
    // Asked first in any case, so that a database that does not answer is an error before anything is announced.
    let migrated = match stores.pending(shared).await {
        Ok(_) if !dry_run => {
            stores.announce(&[Kind::Clients, Kind::Orders]).await;
            stores.migrate(shared).await
        }
        pending => pending,
    };
    if let Ok(migrated) = &migrated {
        let done = if dry_run { "would apply" } else { "applied" };
        for Migrated { place, applied } in migrated {
            if applied.is_empty() {
                let _ = writeln!(io::stdout(), "{place}: up to date");
            }
            for name in applied {
                let _ = writeln!(io::stdout(), "{place}: {done}: {name}");
            }
        }
    }
    let is_free = match &migrated {
        Ok(pending) if dry_run => stores.preview(pending).await,
        _ => Ok(true),
    };
    stores.close().await;
    migrated?;
    is_free
}

async fn import(mut stores: Stores, audit: &AuditSettings, args: ImportArgs) -> Result<bool, Failure> {
    let what = import::Import { clients: args.clients, orders: args.orders, dry_run: args.dry_run };
    let caller = Caller::system("import")?;
    let app = stores.command_app(audit);
    if !what.dry_run {
        stores.announce(&[Kind::Clients, Kind::Orders]).await;
    }
    let imported = import::import(&app, &caller, &what, &mut import::Report::stderr()).await;
    stores.close().await;
    let summary = imported?;
    let _ = write!(io::stdout(), "{summary}");
    Ok(summary.failed() == 0)
}

async fn seed(mut stores: Stores, audit: &AuditSettings, args: &SeedArgs) -> Result<bool, Failure> {
    let what = seed::Seed { clients: args.clients, orders: args.orders, seed: args.seed, until: args.until };
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let app = stores.command_app(audit);
    if !args.yes
        && let Err(refusal) = seed::require_own_data(&app).await
    {
        stores.close().await;
        return Err(refusal.into());
    }
    stores.announce(&[Kind::Clients, Kind::Orders]).await;
    let seeded = seed::seed(&app, &Caller::system("seed")?, &what, &bar).await;
    stores.close().await;
    let _ = write!(io::stdout(), "{}", seeded?);
    Ok(true)
}
