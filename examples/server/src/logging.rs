//! Logs, and the audit that goes to them.

mod audit;

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::settings::LogSettings;
pub(crate) use audit::LogAudit;

/// The target of what belongs to the audit: records, heads of the chain, alarms.
const AUDIT: &str = "provesi::audit";

/// Starts logging to standard error, so that standard output holds what a command was asked for and nothing else.
pub(crate) fn start(settings: LogSettings) {
    // A second start, in tests, leaves the first as it is.
    let _ = subscriber(settings, io::stderr, io::stderr().is_terminal()).try_init();
}

/// The audit has a layer of its own, which no level and no directive of `--log` reaches: `--audit off` switches it off.
fn subscriber<W>(settings: LogSettings, writer: W, ansi: bool) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
{
    let LogSettings { filter, json } = settings;
    let not_audit = format!("{AUDIT}=off").parse().expect("a directive of a target and a level");
    let audit = Targets::new().with_target(AUDIT, LevelFilter::INFO);
    Registry::default()
        .with(layer(json, writer.clone(), ansi).with_filter(filter.add_directive(not_audit)))
        .with(layer(json, writer, ansi).with_filter(audit))
}

fn layer<S, W>(json: bool, writer: W, ansi: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    if json { layer.json().boxed() } else { layer.with_ansi(ansi).boxed() }
}
