use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::TryStreamExt;
use provesi_core::{ClientListing, OrderListing, OrderStatus, StoreAdmin};
use provesi_store_sqlite::SqliteStore;

use super::*;

const SEED: Seed = Seed { clients: 300, orders: 4_000, seed: 1, until: until() };

const fn until() -> Timestamp {
    // 2026-11-01T05:00:00Z
    match Timestamp::from_micros(1_793_509_200_000_000) {
        Ok(at) => at,
        Err(_) => Timestamp::MAX,
    }
}

fn owners(seed: &Seed) -> Vec<Owner> {
    Clients::new(seed).map(|client| Owner { id: client.id, since: client.created_at }).collect()
}

#[test]
fn the_same_seed_makes_the_same_data() {
    let clients = |seed: &Seed| Clients::new(seed).collect::<Vec<_>>();
    let orders = |seed: &Seed| Orders::new(seed, owners(seed)).collect::<Vec<_>>();
    assert_eq!(clients(&SEED), clients(&SEED));
    assert_eq!(orders(&SEED), orders(&SEED));
    let other = Seed { seed: 2, ..SEED };
    assert_ne!(clients(&SEED), clients(&other));
    assert_ne!(orders(&SEED), orders(&other));
}

/// Whoever changes this changes the data of everybody who counts on a seed.
#[test]
fn what_seed_1_makes_is_pinned() {
    let client = Clients::new(&SEED).next().unwrap();
    let shown = format!("{} {} {}", client.id, client.name.as_str(), client.email);
    assert_eq!(shown, "6514fe97611830d364000000 Valentina Ordóñez Cárdenas valentina.ordonez@mensajes.example");
    let clients = Clients::new(&SEED).map(|client| {
        let phone = client.phone.as_ref().map_or("", |phone| phone.as_str());
        let address = client.address.as_ref().map_or("", |address| address.as_str());
        format!("{} {} {} {phone} {address} {}", client.id, client.name.as_str(), client.email, client.updated_at)
    });
    let orders = Orders::new(&SEED, owners(&SEED)).map(|order| {
        let owner = order.client_id.map(|id| id.to_string()).unwrap_or_default();
        let reason = order.state.return_info().map_or("", |info| info.reason.as_str());
        format!("{} {owner} {} {reason} {} {}", order.number, order.state.status(), order.created_at, order.updated_at)
    });
    assert_eq!((mark(clients), mark(orders)), (8_453_031_542_592_360_450, 17_203_606_327_894_265_308));
}

/// FNV-1a over all texts.
fn mark(texts: impl Iterator<Item = String>) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    texts.flat_map(String::into_bytes).fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn orders_are_of_clients_who_were_there_and_end_in_time() {
    let since: HashMap<ClientId, Timestamp> = owners(&SEED).into_iter().map(|owner| (owner.id, owner.since)).collect();
    assert_eq!(since.len(), 300);
    let mut last = Timestamp::MIN;
    let mut statuses = BTreeMap::<OrderStatus, u32>::new();
    for order in Orders::new(&SEED, owners(&SEED)) {
        assert!(order.created_at >= last && order.updated_at >= order.created_at && order.updated_at <= SEED.until);
        assert!(order.client_id.is_none_or(|id| since[&id] <= order.created_at));
        last = order.created_at;
        *statuses.entry(order.state.status()).or_default() += 1;
    }
    assert_eq!(statuses.len(), 7, "{statuses:?}");
    assert!(statuses[&OrderStatus::Delivered] > 3_200, "{statuses:?}");
}

#[test]
fn addresses_and_numbers_are_unique() {
    let many = Seed { clients: 20_000, ..SEED };
    let emails: BTreeSet<String> = Clients::new(&many).map(|client| client.email.folded()).collect();
    assert_eq!(emails.len(), 20_000);
    let numbers: BTreeSet<String> = Orders::new(&SEED, owners(&SEED)).map(|order| order.number.folded()).collect();
    assert_eq!(numbers.len(), 4_000);
}

/// An application over a new store, and the folder of its file.
async fn app() -> (App, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_or_create(dir.path().join("t.db"), 2).await.unwrap();
    store.migrate().await.unwrap();
    let store = Arc::new(store);
    (App::new(Arc::clone(&store) as _, store as _), dir)
}

async fn content(app: &App) -> (Vec<Client>, Vec<provesi_core::Order>) {
    let clients = app.clients().stream(&ClientListing::default()).try_collect().await.unwrap();
    (clients, app.orders().stream(&OrderListing::default()).try_collect().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_fills_two_stores_alike_ids_included() {
    let caller = Caller::system("seed").unwrap();
    let mut contents = Vec::new();
    for _ in 0..2 {
        let (app, _dir) = app().await;
        seed(&app, &caller, &SEED, &ProgressBar::hidden()).await.unwrap();
        contents.push(content(&app).await);
    }
    assert_eq!(contents[0].1.len(), 4_000);
    assert!(contents[0] == contents[1]);
}

#[tokio::test]
async fn seeding_twice_adds_nothing_the_second_time() {
    let (app, _dir) = app().await;
    let caller = Caller::system("seed").unwrap();
    let small = Seed { clients: 50, orders: 1_200, ..SEED };
    let run = async || seed(&app, &caller, &small, &ProgressBar::hidden()).await.unwrap();
    assert_eq!(run().await.to_string(), "clients: 50 new, 0 already there\norders: 1200 new, 0 already there\n");
    let before = content(&app).await;
    assert_eq!((before.0.len(), before.1.len()), (50, 1_200));
    assert!(run().await.to_string().ends_with("nothing was added: these data were seeded before\n"));
    assert_eq!(content(&app).await, before);
    assert!(app.check_integrity(|_| {}).await.unwrap().dangling_orders == 0);
}
