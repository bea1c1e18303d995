//! Wrappers of stores.

/// Writes the named methods of an [`OrderRepository`](crate::OrderRepository) so that they call the store inside. A store
/// around another, such as one that counts writes, implements the others itself:
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// # use provesi_core::{OrderId, OrderRepository, OrderWrite, StoreError};
/// # use async_trait::async_trait;
///
/// #[derive(Debug)]
/// struct Counted<S> {
///     inner: S,
///     writes: AtomicUsize,
/// }
///
/// #[async_trait]
/// impl<S: OrderRepository> OrderRepository for Counted<S> {
///     async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
///         self.writes.fetch_add(writes.len(), Ordering::Relaxed);
///         self.inner.commit(writes).await
///     }
///
///     provesi_core::forward_order_repository!(
///         |store| &store.inner;
///         database, get_many, page, count, client_ids, events, entries, ping
///     );
/// }
/// ```
#[macro_export]
macro_rules! forward_order_repository {
    (@database $($to:tt)+) => { $crate::__forward!(OrderRepository, $($to)+); };
    (@get_many $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; get_many<'a>(keys: &'a [$crate::OrderKey])
            -> Vec<Result<Option<$crate::OrderRow>, $crate::StoreError>>);
    };
    (@commit $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; commit<'a>(writes: &'a [$crate::OrderWrite])
            -> Vec<Result<Option<$crate::OrderId>, $crate::StoreError>>);
    };
    (@try_commit $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; try_commit<'a>(writes: &'a [$crate::OrderWrite])
            -> Vec<Result<Option<$crate::OrderId>, $crate::StoreError>>);
    };
    (@page $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; page<'a, 'b>(
            listing: &'a $crate::OrderListing,
            request: &'b $crate::PageRequest<$crate::OrderCursor>
        ) -> Result<$crate::Page<$crate::OrderRow, $crate::OrderCursor>, $crate::StoreError>);
    };
    (@count $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; count<'a>(query: &'a $crate::OrderCount)
            -> Result<$crate::OrderCounts, $crate::StoreError>);
    };
    (@client_ids $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; client_ids<'a>(request: &'a $crate::PageRequest<$crate::ClientId>)
            -> Result<$crate::Page<$crate::ClientId, $crate::ClientId>, $crate::StoreError>);
    };
    (@events $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; events<'a>(query: &'a $crate::EventQuery)
            -> Result<Vec<$crate::OrderEvent>, $crate::StoreError>);
    };
    (@entries $($to:tt)+) => {
        $crate::__forward!(OrderRepository, $($to)+; entries<'a>(query: &'a $crate::EntryQuery)
            -> Result<Vec<$crate::Entry>, $crate::StoreError>);
    };
    (@ping $($to:tt)+) => { $crate::__forward!(OrderRepository, $($to)+; ping<>() -> Result<(), $crate::StoreError>); };
    (|$store:ident| $inner:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward_order_repository!(@$method |$store| $inner);)+
    };
}

/// Writes the named methods of a [`ClientRepository`](crate::ClientRepository) so that they call the store inside, as
/// [`forward_order_repository!`](crate::forward_order_repository) does.
#[macro_export]
macro_rules! forward_client_repository {
    (@database $($to:tt)+) => { $crate::__forward!(ClientRepository, $($to)+); };
    (@get_many $($to:tt)+) => {
        $crate::__forward!(ClientRepository, $($to)+; get_many<'a>(keys: &'a [$crate::ClientKey])
            -> Vec<Result<Option<$crate::ClientRow>, $crate::StoreError>>);
    };
    (@commit $($to:tt)+) => {
        $crate::__forward!(ClientRepository, $($to)+; commit<'a>(writes: &'a [$crate::ClientWrite])
            -> Vec<Result<(), $crate::StoreError>>);
    };
    (@try_commit $($to:tt)+) => {
        $crate::__forward!(ClientRepository, $($to)+; try_commit<'a>(writes: &'a [$crate::ClientWrite])
            -> Vec<Result<(), $crate::StoreError>>);
    };
    (@page $($to:tt)+) => {
        $crate::__forward!(ClientRepository, $($to)+; page<'a, 'b>(
            listing: &'a $crate::ClientListing,
            request: &'b $crate::PageRequest<$crate::ClientCursor>
        ) -> Result<$crate::Page<$crate::ClientRow, $crate::ClientCursor>, $crate::StoreError>);
    };
    (@count $($to:tt)+) => {
        $crate::__forward!(ClientRepository, $($to)+; count<'a>(filter: &'a $crate::ClientFilter)
            -> Result<u64, $crate::StoreError>);
    };
    (@ping $($to:tt)+) => { $crate::__forward!(ClientRepository, $($to)+; ping<>() -> Result<(), $crate::StoreError>); };
    (|$store:ident| $inner:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward_client_repository!(@$method |$store| $inner);)+
    };
}

/// Writes one method as `async_trait` does, which does not look into macros.
#[doc(hidden)]
#[macro_export]
macro_rules! __forward {
    ($port:ident, |$store:ident| $inner:expr) => {
        fn database(&self) -> String {
            let $store = self;
            $crate::$port::database($inner)
        }
    };
    (
        $port:ident, |$store:ident| $inner:expr;
        $method:ident<$($life:lifetime),*>($($arg:ident: $type:ty),*) -> $output:ty
    ) => {
        fn $method<'store, $($life,)* 'all>(
            &'store self, $($arg: $type),*
        ) -> std::pin::Pin<Box<dyn std::future::Future<Output = $output> + Send + 'all>>
        where
            'store: 'all, $($life: 'all,)*
            Self: 'all,
        {
            let $store = self;
            $crate::$port::$method($inner, $($arg),*)
        }
    };
}
