//! What every store must do, as one list of cases per port.
//!
//! [`client_repository_suite!`](crate::client_repository_suite),
//! [`order_repository_suite!`](crate::order_repository_suite) and [`audit_store_suite!`](crate::audit_store_suite) make
//! one named test of each case for a store. A case asserts what is in the store afterwards and not only what it was answered.

pub mod audit;
pub mod clients;
pub mod irregular;
pub mod orders;
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
    runtime.0.as_ref().expect("it has not ended").block_on(in_time).expect("the case ends in time");
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
                    let (store, _guard) = $fixture().await;
                    $crate::conformance::$port::$topic::$case(store.into()).await;
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

/// Makes a test of each case of the suite for stores of clients.
///
/// The argument is the path of an `async fn` without arguments that gives an empty store, as
/// `(Arc<dyn ClientRepository>, guard)`; the guard, such as a temporary folder, is kept until the case ends. Use it in a
/// module of its own. A store over a database without a collation for Spanish declares its order of names: as
/// `(Clients, guard)`, with [`Clients::new`](crate::conformance::clients::Clients::new).
#[macro_export]
macro_rules! client_repository_suite {
    ($fixture:path) => {
        $crate::__client_cases!($crate::__conformance_tests, $fixture);
    };
}

/// Makes a test of each case of the suite for stores of orders.
///
/// The argument is the path of an `async fn` without arguments that gives an empty store, as
/// `(Arc<dyn OrderRepository>, guard)`; the guard, such as a temporary folder, is kept until the case ends. Use it in a
/// module of its own.
#[macro_export]
macro_rules! order_repository_suite {
    ($fixture:path) => {
        $crate::__order_cases!($crate::__conformance_tests, $fixture);
    };
}

/// Makes a test of each case of the suite for stores of audit records.
///
/// The argument is the path of an `async fn` without arguments that gives an empty store, as
/// `(Arc<dyn AuditStore>, guard)`; the guard, such as a temporary folder, is kept until the case ends. Use it in a
/// module of its own.
#[macro_export]
macro_rules! audit_store_suite {
    ($fixture:path) => {
        $crate::__audit_cases!($crate::__conformance_cases, $fixture);
    };
}
