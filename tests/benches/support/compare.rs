//! One kind of request, answered by our server and by others: who answers how many of them, how fast, and for how much
//! processor time.

use std::time::Duration;

use crate::load::{Requests, run};
use crate::process::{Running, databases_seconds};

/// The server's, so that the bare handlers have no slower one.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How many connections ask at the same time, where nothing else is said.
pub(crate) const CONNECTIONS: usize = 32;

/// A shared machine is faster in one second than in the next, so the sides take turns.
const TURNS: u32 = 5;
const TURN: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 2;

/// One program that answers.
pub(crate) struct Side<'s> {
    name: &'static str,
    server: &'s Running,
    requests: Requests,
    /// How many times its answers the first side is to give.
    wanted: Option<f64>,
}

impl<'s> Side<'s> {
    pub(crate) fn new(name: &'static str, server: &'s Running, requests: &Requests) -> Self {
        Self { name, server, requests: requests.clone(), wanted: None }
    }

    /// The first side is to answer at least that many times as fast.
    pub(crate) fn wanted(self, ratio: f64) -> Self {
        Self { wanted: Some(ratio), ..self }
    }
}

/// What came of the turns of a side in one round.
#[derive(Default)]
struct Sum {
    seconds: f64,
    micros: Vec<u32>,
    answers: usize,
    server_seconds: f64,
    databases_seconds: f64,
}

impl Sum {
    fn add(&mut self, side: &Side<'_>, connections: usize) {
        let before = (side.server.processor_seconds(), databases_seconds());
        let turn = run(side.server.address, connections, &side.requests, TURN);
        self.server_seconds += side.server.processor_seconds() - before.0;
        self.databases_seconds += databases_seconds() - before.1;
        self.seconds += TURN.as_secs_f64();
        self.micros.extend(turn.micros);
        self.answers += turn.answers;
    }

    fn figures(mut self) -> Figures {
        assert!(!self.micros.is_empty(), "no answer within a turn");
        self.micros.sort_unstable();
        let percentile = |part: usize| f64::from(self.micros[self.micros.len() * part / 100]) / 1e3;
        let micros = |seconds: f64| 1e6 * seconds / self.answers as f64;
        Figures {
            per_second: self.micros.len() as f64 / self.seconds,
            median: percentile(50),
            slow: percentile(99),
            server: micros(self.server_seconds),
            databases: micros(self.databases_seconds),
        }
    }
}

struct Figures {
    per_second: f64,
    /// The median and the 99th percentile of the time of an answer, in milliseconds.
    median: f64,
    slow: f64,
    /// The processor time of an answer, in microseconds.
    server: f64,
    databases: f64,
}

/// Prints the head of the table that [`compare`] fills.
pub(crate) fn print_head() {
    println!(
        "| request | answered by | answers per second | ours : this | wanted | p50, ms | p99, ms | processor, µs |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
}

/// Has the sides answer in turns, twice, and prints a row for each. The first is ours; the ratios are of its answers per second
/// to those of the others, with a single connection of the others' median time to its own.
pub(crate) fn compare(what: &str, connections: usize, sides: &[Side<'_>]) {
    let rounds: Vec<Vec<Figures>> = (0..ROUNDS).map(|_| round(connections, sides)).collect();
    for (at, side) in sides.iter().enumerate() {
        let each = |show: &dyn Fn(&Figures, &Figures) -> String| {
            rounds.iter().map(|figures| show(&figures[0], &figures[at])).collect::<Vec<_>>().join(", ")
        };
        let ratio = each(&|ours, it| {
            let ratio = if connections == 1 { it.median / ours.median } else { ours.per_second / it.per_second };
            format!("{ratio:.2}")
        });
        let processor = each(&|_, it| match it.databases {
            databases if databases < 0.5 => format!("{:.0}", it.server),
            databases => format!("{:.0} + {databases:.0}", it.server),
        });
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {processor} |",
            if at == 0 { what } else { "" },
            side.name,
            each(&|_, it| format!("{:.0}", it.per_second)),
            if at == 0 { "" } else { &ratio },
            side.wanted.map_or_else(String::new, |wanted| format!("≥ {wanted}")),
            each(&|_, it| format!("{:.2}", it.median)),
            each(&|_, it| format!("{:.2}", it.slow)),
        );
    }
}

fn round(connections: usize, sides: &[Side<'_>]) -> Vec<Figures> {
    let mut sums: Vec<Sum> = sides.iter().map(|_| Sum::default()).collect();
    for _ in 0..TURNS {
        for (side, sum) in sides.iter().zip(&mut sums) {
            sum.add(side, connections);
        }
    }
    sums.into_iter().map(Sum::figures).collect()
}
