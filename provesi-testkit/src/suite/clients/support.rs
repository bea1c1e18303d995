//! What the cases share.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use provesi_core::{Client, ClientListing, ClientRepository, PageLimit, PageRequest};

use crate::{EditClient, client};

pub(super) type Store = Arc<dyn ClientRepository>;

/// The client number `n`, with an e-mail address of its own.
pub(super) fn nth(n: u64) -> Client {
    client(&format!("Cliente {n}")).with_id(n)
}

/// Inserts a client and returns it.
pub(super) async fn insert(store: &Store, client: Client) -> Client {
    store.insert(&client).await.expect("the client is new");
    client
}

/// Inserts many clients, some at once, since each commit may take its time.
pub(super) async fn insert_all(store: &Store, clients: &[Client]) {
    stream::iter(clients)
        .map(|client| store.insert(client))
        .buffer_unordered(8)
        .try_collect::<()>()
        .await
        .expect("the clients are new");
}

/// All clients, by name: what is compared before and after a call that must change nothing.
pub(super) async fn all(store: &Store) -> Vec<Client> {
    pages(store, &ClientListing::default(), PageLimit::MAX).await
}

/// A listing read page by page, each page checked for its size and for whether another follows.
pub(super) async fn pages(store: &Store, listing: &ClientListing, limit: PageLimit) -> Vec<Client> {
    let mut request = PageRequest::first(limit);
    let mut all = Vec::new();
    loop {
        let page = store.page(listing, &request).await.expect("the page is read");
        assert!(page.items.len() <= limit.get(), "{} items on a page of {}", page.items.len(), limit.get());
        let last = page.items.last().map(|last| listing.cursor_at(last));
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        assert_eq!(Some(&next), last.as_ref(), "the next page starts after the last item");
        request.after = Some(next);
    }
}

/// Asserts that the store has this client, to the letter and whichever way one looks for it.
pub(super) async fn assert_stored(store: &Store, client: &Client) {
    assert_eq!(store.get(client.id).await.expect("get answers").as_ref(), Some(client));
    assert_eq!(store.find_by_email(&client.email).await.expect("find answers").as_ref(), Some(client));
    assert_eq!(store.get_many(&[client.id]).await.expect("get_many answers"), [client.clone()]);
    assert!(all(store).await.contains(client), "{client:?} is not listed as it is stored");
}
