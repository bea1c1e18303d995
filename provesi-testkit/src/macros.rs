//! The macros that make tests of cases.

/// One test per case of the suite for stores of clients, on a fixture of one's own: the path of an
/// `async fn() -> Fixture<S>` that gives an empty store each time. Used inside a module of its own:
///
/// ```
/// mod memory {
///     use provesi_testkit::{Fixture, MemoryStore};
///
///     async fn store() -> Fixture<MemoryStore> {
///         Fixture::new(MemoryStore::new())
///     }
///
///     provesi_testkit::client_repository_suite!(store);
/// }
/// ```
#[macro_export]
macro_rules! client_repository_suite {
    ($fixture:path) => {
        $crate::client_repository_cases! { [$crate::__tests] [$fixture, clients] }
    };
}

/// One test per case of the suite for stores of orders, as
/// [`client_repository_suite!`](crate::client_repository_suite).
#[macro_export]
macro_rules! order_repository_suite {
    ($fixture:path) => {
        $crate::order_repository_cases! { [$crate::__tests] [$fixture, orders] }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (
        [$fixture:path, $port:ident]
        on_one_store { $($topic:ident { $($case:ident)* })* }
        on_many_stores { $($topic_f:ident { $($case_f:ident)* })* }
    ) => {
        $($(
            #[test]
            fn $case() {
                $crate::run(async {
                    let (store, _guard) = $crate::Share::share($fixture().await);
                    $crate::suite::$port::$topic::$case(store).await;
                });
            }
        )*)*
        $($(
            #[test]
            fn $case_f() {
                $crate::run($crate::suite::$port::$topic_f::$case_f($fixture));
            }
        )*)*
    };
}
