//! E-mail addresses and ids belong to one client at a time, whoever comes at the same moment.

use futures_util::future::join_all;
use provesi_core::{Client, Expected, StoreError, UniqueField};

use super::support::{Store, all, assert_stored, insert, nth};
use crate::{EditClient, instant};

const SPELLINGS: [&str; 4] =
    ["ana.pérez@example.com", "ANA.PÉREZ@EXAMPLE.COM", "Ana.Pérez@Example.com", "aNA.pÉREZ@example.COM"];

fn assert_taken<T: std::fmt::Debug>(answer: Result<T, StoreError>, expected: UniqueField) {
    let Err(StoreError::AlreadyExists { field }) = answer else { panic!("expected AlreadyExists, got {answer:?}") };
    assert_eq!(field, expected);
}

pub async fn an_email_is_taken_in_any_letter_case(store: Store) {
    let first = insert(&store, nth(1).with_email(SPELLINGS[0])).await;
    for (n, spelling) in (2..).zip(SPELLINGS) {
        assert_taken(store.insert(&nth(n).with_email(spelling)).await, UniqueField::Email);
        let found = store.find_by_email(&nth(n).with_email(spelling).email).await.expect("find answers");
        assert_eq!(found.as_ref(), Some(&first), "{spelling}");
        assert_eq!(all(&store).await, [first.clone()]);
    }
}

pub async fn an_id_is_taken(store: Store) {
    let first = insert(&store, nth(1)).await;
    assert_taken(store.insert(&nth(2).with_id(1)).await, UniqueField::ClientId);
    let twice = store.insert(&first).await;
    assert!(matches!(twice, Err(StoreError::AlreadyExists { .. })), "{twice:?}");
    assert_eq!(all(&store).await, [first.clone()]);
    assert_stored(&store, &first).await;
}

pub async fn an_update_cannot_take_the_email_of_another(store: Store) {
    let ana = insert(&store, nth(1).with_email(SPELLINGS[0])).await;
    let bea = insert(&store, nth(2).with_email("bea@example.com").with_phone("300")).await;
    for spelling in SPELLINGS {
        let grasping = bea.clone().with_email(spelling).with_name("Otra").with_phone("");
        assert_taken(store.update(&grasping, Expected::Any, instant(9)).await, UniqueField::Email);
        assert_taken(store.update(&grasping, bea.version().into(), instant(9)).await, UniqueField::Email);
        assert_stored(&store, &ana).await;
        assert_stored(&store, &bea).await;
    }
}

pub async fn an_update_may_change_the_letter_case_of_its_own_email(store: Store) {
    let mut ana = insert(&store, nth(1).with_email(SPELLINGS[0])).await;
    for (second, spelling) in (1..).zip(&SPELLINGS[1..]) {
        let changed = ana.clone().with_email(spelling);
        ana = store.update(&changed, ana.version().into(), instant(second)).await.expect("the address is its own");
        assert_eq!(ana.email, changed.email);
        assert_eq!(ana.updated_at, instant(second));
        assert_stored(&store, &ana).await;
    }
}

pub async fn an_email_is_free_again_once_its_client_changed_it_or_is_gone(store: Store) {
    let first = insert(&store, nth(1).with_email("ana@example.com")).await;
    let moved = first.with_email("ana@example.org");
    let moved = store.update(&moved, Expected::Any, instant(1)).await.expect("the client is there");
    let second = insert(&store, nth(2).with_email("ANA@example.com")).await;
    store.delete(moved.id, Expected::Any).await.expect("the client is there");
    let third = insert(&store, nth(3).with_email("ana@EXAMPLE.org")).await;
    let again = insert(&store, nth(1)).await;
    for client in [&second, &third, &again] {
        assert_stored(&store, client).await;
    }
}

pub async fn one_of_many_who_want_the_same_email_gets_it(store: Store) {
    for round in 0..10 {
        let rivals: Vec<Client> = (0..8)
            .map(|n| {
                nth(round * 100 + n).with_email(&format!("{round}.{}", SPELLINGS[usize::try_from(n % 4).unwrap_or(0)]))
            })
            .collect();
        let answers = at_once(&store, &rivals, |store, rival| async move { store.insert(&rival).await }).await;
        let winner = the_winner(&rivals, answers);
        assert_stored(&store, &winner).await;
        assert_eq!(u64::try_from(all(&store).await.len()), Ok(round + 1), "a loser left something");
    }
}

pub async fn one_of_many_who_move_to_the_same_email_gets_it(store: Store) {
    for round in 0..10 {
        let mut rivals = Vec::new();
        for n in 0..8 {
            rivals.push(insert(&store, nth(round * 100 + n)).await);
        }
        let spelled = |n: usize| format!("{round}.{}", SPELLINGS[n % 4]);
        let moves: Vec<Client> =
            rivals.iter().enumerate().map(|(n, rival)| rival.clone().with_email(&spelled(n)).with_phone("1")).collect();
        let answers = at_once(&store, &moves, |store, rival| async move {
            store.update(&rival, Expected::Any, instant(5)).await.map(drop)
        })
        .await;
        let winner = the_winner(&moves, answers);
        for (before, wanted) in rivals.iter().zip(&moves) {
            let stands =
                if wanted.id == winner.id { &Client { updated_at: instant(5), ..wanted.clone() } } else { before };
            assert_stored(&store, stands).await;
        }
    }
}

pub async fn one_of_many_who_insert_the_same_id_gets_it(store: Store) {
    for round in 0..10 {
        let rivals: Vec<Client> = (0..8).map(|n| nth(round * 100 + n).with_id(round)).collect();
        let answers = at_once(&store, &rivals, |store, rival| async move { store.insert(&rival).await }).await;
        let winner = the_winner(&rivals, answers);
        assert_stored(&store, &winner).await;
        assert_eq!(u64::try_from(all(&store).await.len()), Ok(round + 1), "a loser left something");
    }
}

/// Does the same for each client in a task of its own, all at once.
async fn at_once<F, Fut>(store: &Store, clients: &[Client], act: F) -> Vec<Result<(), StoreError>>
where
    F: Fn(Store, Client) -> Fut,
    Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let tasks = clients.iter().map(|client| tokio::spawn(act(Store::clone(store), client.clone())));
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(|joined| joined.expect("no task panics")).collect()
}

/// The one whose answer is not `AlreadyExists`.
fn the_winner(rivals: &[Client], answers: Vec<Result<(), StoreError>>) -> Client {
    let mut winners = Vec::new();
    for (rival, answer) in rivals.iter().zip(answers) {
        match answer {
            Ok(()) => winners.push(rival),
            Err(StoreError::AlreadyExists { .. }) => {}
            Err(other) => panic!("a loser got {other:?}"),
        }
    }
    let [winner] = winners[..] else { panic!("{} winners", winners.len()) };
    winner.clone()
}
