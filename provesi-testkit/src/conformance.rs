//! What every store must do, as one list of cases per port.
//!
//! [`client_repository_suite!`](crate::client_repository_suite), [`order_repository_suite!`](crate::order_repository_suite),
//! [`orders_with_clients_suite!`](crate::orders_with_clients_suite) and [`audit_store_suite!`](crate::audit_store_suite) make one
//! named test of each case for a store. A case asserts what is in the store afterwards and not only what it was answered.
//! Where it says `left` and `right`, left is what the store gave and right what it has to give.

pub mod audit;
pub mod clients;
pub mod orders;
pub mod orders_with_clients;
mod support;

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Runtime;

/// How long a case may take: a store that hangs is a store that fails.
const CASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Ends a runtime, also where the case failed, without waiting for ever for a thread in which the store hangs.
struct EndedInTime(Option<Runtime>);

impl Drop for EndedInTime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}

/// Runs a case on a runtime of its own with several threads, and ends it as failed where it takes too long.
///
/// # Panics
/// Where the case fails.
pub fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = EndedInTime(Some(runtime.expect("a runtime")));
    let in_time = async { tokio::time::timeout(CASE_TIMEOUT, case).await };
    runtime
        .0
        .as_ref()
        .expect("it has not ended")
        .block_on(in_time)
        .unwrap_or_else(|_| panic!("no end within {CASE_TIMEOUT:?}"));
}

/// Makes a test of each case that a list hands over.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    ($port:ident, $fixture:path, $($topic:ident: $($case:ident),+;)+) => {
        $($(
            #[test]
            fn $case() {
                $crate::conformance::run(async {
                    use $crate::conformance::$port::{$topic, under_test};
                    let (store, _guard) = $fixture().await;
                    $topic::$case(under_test(store)).await;
                });
            }
        )+)+
    };
}

/// Makes a test of each case that a list hands over, and one of random commands.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($port:ident, $fixture:path, $($list:tt)+) => {
        $crate::__conformance_cases!($port, $fixture, $($list)+);

        /// Random commands get the same answers as the reference store gives.
        #[test]
        fn random_commands_are_answered_as_by_the_reference_store() {
            $crate::conformance::run($crate::conformance::$port::model::random_commands($fixture));
        }
    };
}

/// Makes a test of each case that opens the store again.
#[doc(hidden)]
#[macro_export]
macro_rules! __reopening_cases {
    ($port:ident, $fixture:path, $reopen:path, $($case:ident),+) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::run(async {
                    use $crate::conformance::$port::{reopening, under_test};
                    let (store, guard) = $fixture().await;
                    reopening::$case(under_test(store), async || under_test($reopen(&guard).await)).await;
                });
            }
        )+
    };
}

/// Makes a test of each case that starts from irregular rows.
#[doc(hidden)]
#[macro_export]
macro_rules! __irregular_cases {
    ($port:ident, $plant:path, $($case:ident),+) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::run(async {
                    use $crate::conformance::$port::{irregular, under_test};
                    let (store, _guard) = $plant(irregular::rows()).await;
                    irregular::$case(under_test(store)).await;
                });
            }
        )+
    };
}
