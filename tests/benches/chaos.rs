//! A long run of the chaos harness, see `docs/chaos.md`:
//!
//! ```sh
//! cargo bench -p provesi-tests --bench chaos -- --kills 1000 --freezes 200
//! ```

use std::path::PathBuf;
use std::time::Duration;

use provesi_testkit::servers::OwnServer;
use provesi_tests::chaos::{Databases, Figures, Round, RoundOptions, Stores, check, history, report};

#[derive(Debug)]
struct Arguments {
    kills: u64,
    freezes: u64,
    seconds: u64,
    seed: u64,
    stores: String,
    binary: Option<PathBuf>,
    check: Option<String>,
    verbose: bool,
}

fn main() {
    let arguments = arguments();
    if let Some(path) = &arguments.check {
        let text = std::fs::read(path).expect("the history can be read");
        let history: history::History = serde_json::from_slice(&text).expect("it is a history");
        let violations = check::check(&history);
        print!("{}", report::summary(&violations));
        std::process::exit(i32::from(!violations.is_empty()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let violations = runtime.block_on(run(&arguments));
    std::process::exit(i32::from(violations > 0));
}

/// Rounds on one file and on the pair by turns, until there were enough kills and freezes.
async fn run(arguments: &Arguments) -> u64 {
    let binary = arguments.binary.clone().unwrap_or_else(|| provesi_tests::server_binary(true));
    let pair = if arguments.stores == "sqlite" {
        None
    } else {
        let (postgres, mongodb) =
            tokio::join!(OwnServer::postgres().durable().start(), OwnServer::mongodb().durable().start());
        println!("{} and {}", postgres.origin(), mongodb.origin());
        Some(Databases { postgres, mongodb })
    };
    let both = arguments.stores == "both";
    let mut total = Figures::default();
    let mut parts = [Figures::default(), Figures::default()];
    for round in 0.. {
        if total.kills >= arguments.kills && total.freezes() >= arguments.freezes {
            break;
        }
        let stores = pair.as_ref().filter(|_| !both || round % 2 == 1).map_or(Stores::OneFile, Stores::Pair);
        let mut options = RoundOptions::new(arguments.seed + round, Duration::from_secs(arguments.seconds));
        options.verbose = arguments.verbose;
        let (figures, _) = Round::run(&binary, stores, &options).await.finish().await;
        total += &figures;
        parts[usize::from(matches!(stores, Stores::Pair(_)))] += &figures;
        println!("round {round}, seed {}: {figures}", options.seed);
    }
    for (name, figures) in ["one file", "pair", "total"].iter().zip(parts.iter().chain([&total])) {
        println!("{name}: {figures}");
    }
    total.violations
}

fn arguments() -> Arguments {
    let mut arguments = Arguments {
        kills: 1000,
        freezes: 200,
        seconds: 30,
        seed: u64::from(rand::random::<u32>()),
        stores: "both".to_owned(),
        binary: None,
        check: None,
        verbose: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().unwrap_or_else(|| usage(&name));
        let number = |value: String| value.parse().unwrap_or_else(|_| usage(&value));
        match name.as_str() {
            // Cargo adds it.
            "--bench" => {}
            "--kills" => arguments.kills = number(value()),
            "--freezes" => arguments.freezes = number(value()),
            "--seconds" => arguments.seconds = number(value()),
            "--seed" => arguments.seed = number(value()),
            "--stores" => arguments.stores = value(),
            "--binary" => arguments.binary = Some(value().into()),
            "--verbose" => arguments.verbose = true,
            "--check" => arguments.check = Some(value()),
            _ => usage(&name),
        }
    }
    if !["sqlite", "pair", "both"].contains(&arguments.stores.as_str()) {
        usage(&arguments.stores);
    }
    arguments
}

fn usage(wrong: &str) -> ! {
    eprintln!(
        "{wrong}: usage: chaos [--kills N] [--freezes N] [--seconds N] [--seed N] [--stores sqlite|pair|both] [--binary SERVER] [--verbose] \
         | --check HISTORY"
    );
    std::process::exit(2)
}
