//! Random commands, against the store and against the reference store.

use std::future::Future;
use std::sync::Arc;

use proptest::prelude::*;
use provesi_core::{Client, ClientListing, ClientRepository, ClientRepositoryExt, Expected, StoreError};

use crate::MemoryStore;
use crate::conformance::support::{Clients, all_clients, assert_same, check_random};
use crate::data::{at, client, client_id, phone, with};

/// Few ids, names and addresses, so that commands meet.
#[derive(Clone, Debug)]
enum Command {
    Insert(Client),
    Update(Client, Expects, i64),
    Delete(u64, Expects),
    Read(u64),
}

#[derive(Clone, Copy, Debug)]
enum Expects {
    Any,
    Current,
    Stale,
}

fn a_client() -> impl Strategy<Value = Client> {
    let email = prop::sample::select(vec!["a@x.co", "A@x.co", "b@x.co", "B@X.co", "c@x.co"]);
    (0..4_u64, prop::sample::select(vec!["Ana", "ana", "Ñandú", "Nube"]), email, any::<bool>()).prop_map(
        |(id, name, email, has_phone)| {
            with(client(id, name), |it| {
                it.email = email.parse().expect("an address");
                it.phone = phone("300").filter(|_| has_phone);
            })
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let expects = prop::sample::select(vec![Expects::Any, Expects::Current, Expects::Stale]);
    prop_oneof![
        3 => a_client().prop_map(Command::Insert),
        4 => (a_client(), expects.clone(), -2..5_i64).prop_map(|(client, e, now)| Command::Update(client, e, now)),
        1 => (0..4_u64, expects).prop_map(|(id, e)| Command::Delete(id, e)),
        1 => (0..4_u64).prop_map(Command::Read),
    ]
}

async fn expected(reference: &MemoryStore, id: u64, expects: Expects) -> Expected {
    match (expects, ClientRepositoryExt::get(reference, client_id(id)).await) {
        (Expects::Any, _) => Expected::Any,
        (Expects::Current, Ok(Some(client))) => client.version().into(),
        _ => provesi_core::Version::of_none().into(),
    }
}

async fn answer(
    store: &dyn ClientRepository,
    command: &Command,
    expected: Expected,
) -> Result<Option<Client>, StoreError> {
    match command {
        Command::Insert(client) => store.insert(client).await.map(Some),
        Command::Update(client, _, now) => store.update(client, expected, at(*now)).await.map(Some),
        Command::Delete(id, _) => store.delete(client_id(*id), expected).await?.valid().map(Some),
        Command::Read(id) => store.get(client_id(*id)).await,
    }
}

async fn play(store: Clients, commands: Vec<Command>) -> Result<(), TestCaseError> {
    let reference = MemoryStore::new();
    for command in &commands {
        let expected = match command {
            Command::Update(client, expects, _) => {
                expected(&reference, u64::from(client.id.as_bytes()[11]), *expects).await
            }
            Command::Delete(id, expects) => expected(&reference, *id, *expects).await,
            _ => Expected::Any,
        };
        let (ours, theirs) = (answer(&*store, command, expected).await, answer(&reference, command, expected).await);
        // Where both are taken, a store may name either the id or the address.
        match (&ours, &theirs) {
            (Err(StoreError::AlreadyExists { .. }), Err(StoreError::AlreadyExists { .. })) => {}
            _ => assert_same(command, &ours, &theirs)?,
        }
    }
    let reference = all_clients(&Arc::new(reference).into()).await;
    prop_assert_eq!(all_clients(&store).await, store.in_order(reference, &ClientListing::default()));
    Ok(())
}

/// Plays random commands on stores that `fixture` makes and on the reference store, and compares.
pub async fn random_commands<F, Fut, S, G>(fixture: F)
where
    F: Fn() -> Fut + Send + 'static,
    Fut: Future<Output = (S, G)> + Send,
    S: Into<Clients> + Send,
    G: Send,
{
    check_random(prop::collection::vec(command(), 1..40), fixture, |store, commands| play(store.into(), commands))
        .await;
}
