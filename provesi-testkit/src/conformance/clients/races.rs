//! Several writers at once.

use std::time::Duration;

use futures_util::future::join_all;
use provesi_core::{Client, ClientName, ClientRepositoryExt, Expected, StoreError};

use crate::conformance::support::{Clients, all_clients, assert_record, assert_records, drop_at_wait, winners};
use crate::data::{at, client, client_id, phone, with};

pub async fn conditional_updates_at_once_are_all_counted(store: Clients) {
    const WRITERS: usize = 8;
    const UPDATES: usize = 25;
    store.insert(&client(1, "0")).await.expect("kept");
    let writer = |store: Clients| async move {
        for _ in 0..UPDATES {
            loop {
                let current = store.get(client_id(1)).await.expect("read").expect("there");
                let count: usize = current.name.as_str().parse().expect("a count");
                let name = ClientName::parse((count + 1).to_string()).expect("a name");
                let changed = with(current.clone(), |it| it.name = name);
                match store.update(&changed, current.version().into(), at(1)).await {
                    Ok(_) => break,
                    Err(StoreError::VersionConflict) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    };
    let writers = (0..WRITERS).map(|_| tokio::spawn(writer(store.clone())));
    for writer in join_all(writers).await {
        writer.expect("the writer ends well");
    }
    let counted = store.get(client_id(1)).await.expect("read").expect("there");
    assert_eq!(counted.name.as_str(), (WRITERS * UPDATES).to_string());
}

pub async fn one_of_many_inserts_of_an_email_wins(store: Clients) {
    for round in 0..10_u64 {
        let spellings = ["ana", "ANA", "Ana", "aNA"].map(|local| format!("{local}-{round}@example.com"));
        let inserts = (0..).zip(spellings).map(|(writer, email)| {
            let given = with(client(round * 10 + writer, "Ana"), |it| it.email = email.parse().expect("an address"));
            let store = store.clone();
            tokio::spawn(async move { store.insert(&given).await })
        });
        let results = join_all(inserts).await.into_iter().map(|insert| insert.expect("it ends well")).collect();
        let won = winners(results);
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(store.find_by_email(&won[0].email).await.expect("read").as_ref(), Some(&won[0]));
    }
    assert_eq!(all_clients(&store).await.len(), 10);
}

pub async fn one_of_two_updates_to_an_email_wins(store: Clients) {
    for round in 0..10_u64 {
        let clients = [client(round * 10, "Ana"), client(round * 10 + 1, "Bea")];
        for client in &clients {
            store.insert(client).await.expect("kept");
        }
        let updates = clients.iter().zip(["goal", "GOAL"]).map(|(client, goal)| {
            let email = format!("{goal}-{round}@example.com").parse().expect("an address");
            let (store, changed) = (store.clone(), with(client.clone(), |it| it.email = email));
            tokio::spawn(async move { store.update(&changed, Expected::Any, at(1)).await })
        });
        let results = join_all(updates).await.into_iter().map(|update| update.expect("it ends well")).collect();
        let won = winners(results);
        assert_eq!(won.len(), 1, "round {round}");
        for before in clients {
            let expected = if before.id == won[0].id { won[0].clone() } else { before };
            assert_eq!(store.get(expected.id).await.expect("read").as_ref(), Some(&expected));
            assert_record(store.find_by_email(&expected.email).await, Some(&expected));
        }
    }
}

pub async fn an_update_and_a_delete_at_once_leave_no_half_client(store: Clients) {
    for number in 0..20 {
        let given = client(number, "Ana");
        store.insert(&given).await.expect("kept");
        let changed = with(given.clone(), |it| it.name = ClientName::parse("Bea").expect("a name"));
        let (updated, deleted) =
            tokio::join!(store.update(&changed, Expected::Any, at(5)), store.delete(given.id, Expected::Any));
        assert!(matches!(updated, Ok(_) | Err(StoreError::NotFound)), "{updated:?}");
        deleted.expect("deleted");
        assert_record(store.get(given.id).await, None);
    }
    assert_records(&all_clients(&store).await, &[], "clients");
}

pub async fn a_dropped_insert_is_there_as_a_whole_or_not_at_all(store: Clients) {
    for number in 1..=20 {
        drop_at_wait(number, store.insert(&client(number as u64, "Ana"))).await;
    }
    // Whoever was dropped may still be written: until the store is done, nothing can be said.
    tokio::time::sleep(Duration::from_millis(100)).await;
    store.insert(&client(100, "Ana")).await.expect("writes go on");
    for kept in all_clients(&store).await {
        assert_record(store.get(kept.id).await, Some(&kept));
        assert_record(store.find_by_email(&kept.email).await, Some(&kept));
    }
}

pub async fn a_dropped_change_is_there_as_a_whole_or_not_at_all(store: Clients) {
    for number in 1..=8 {
        let before = client(number as u64, "Ana");
        store.insert(&before).await.expect("kept");
        let email = format!("bea-{number}@example.com").parse().expect("an address");
        let changed = with(before.clone(), |it| {
            it.name = ClientName::parse("Bea").expect("a name");
            it.email = email;
        });
        let after = with(changed.clone(), |it| it.updated_at = at(5));
        drop_at_wait(number, store.update(&changed, Expected::Any, at(5))).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let found = store.get(before.id).await.expect("read").expect("there");
        assert!(found == before || found == after, "expected {before:?} or {after:?}, got {found:?}");
        drop_at_wait(number, store.delete(before.id, Expected::Any)).await;
        settle(&store, &[before, after]).await;
        store.insert(&client(100 + number as u64, "Clara")).await.expect("writes go on");
    }
}

pub async fn acknowledged_writes_after_abandoned_ones_are_found(store: Clients) {
    const WRITES: u64 = 24;
    let before = client(1, "Ana");
    store.insert(&before).await.expect("kept");
    let abandoned = (0..WRITES).map(|n| {
        let (store, changed) = (store.clone(), with(before.clone(), |it| it.phone = phone(&format!("300 {n:04}"))));
        tokio::spawn(async move {
            let waits = 1 + usize::try_from(n / 3).expect("a small number");
            match n % 3 {
                0 => drop_at_wait(waits, store.insert(&client(100 + n, "Bea"))).await,
                1 => drop_at_wait(waits, store.update(&changed, Expected::Any, at(1))).await,
                _ => drop_at_wait(waits, store.delete(changed.id, Expected::Any)).await,
            }
        })
    });
    join_all(abandoned).await;
    let writes = (0..WRITES).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let kept = store.insert(&client(200 + n, "Clara")).await.expect("writes go on");
            assert_eq!(store.get(kept.id).await.expect("read").as_ref(), Some(&kept), "just acknowledged");
            kept
        })
    });
    let clients: Vec<Client> = join_all(writes).await.into_iter().map(|write| write.expect("it ends well")).collect();
    // Longer than a store may take to end what was abandoned.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for client in clients {
        assert_eq!(store.get(client.id).await.expect("read").as_ref(), Some(&client));
    }
}

/// Waits until every way to read a client says the same of it: one of the `versions`, or that it is not there. Whoever
/// was dropped may still be written, and a store on the other side of a network says to nobody when it is done.
async fn settle(store: &Clients, versions: &[Client]) {
    let mut disagreement = String::new();
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let left = store.get(versions[0].id).await.expect("read");
        assert!(left.as_ref().is_none_or(|left| versions.contains(left)), "expected one of {versions:?}, got {left:?}");
        disagreement.clear();
        for email in versions.iter().map(|version| &version.email) {
            let expected = left.clone().filter(|left| left.email == *email);
            let found = store.find_by_email(email).await.expect("read");
            if found != expected {
                disagreement = format!("{found:?} has the address of {expected:?}");
            }
        }
        if disagreement.is_empty() {
            return;
        }
    }
    panic!("{disagreement}");
}
