//! A server that stalls under writers and goes on: every write that was acknowledged is there, and stays.

use provesi_testkit::data::with;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use provesi_core::{
    AuditChain, AuditRecord, AuditStore, Client, ClientId, ClientRepositoryExt, Expected, Order, OrderRepositoryExt,
    OrderStatus, Phone, StoreAdmin,
};
use provesi_store_pg::{PgStore, connect_options, pool_options};
use provesi_testkit::audit;
use provesi_testkit::servers::{OwnServer, wanted};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::common::{at, begin, client, order, stamp};

/// One for each writer.
const CONNECTIONS: u32 = 64;
const WRITERS: usize = 64;
const INSERTS: usize = 30;

/// A call that is abandoned during a stall must have left its connection by the thaw, and not for so long that a check of
/// the connection fails: deadlines of about three and four seconds are tried.
const STALLS: [Duration; 2] = [Duration::from_millis(4_000), Duration::from_millis(4_500)];

/// How long PostgreSQL keeps an open transaction that nobody continues. The default is 10 s, which is long for a test.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(4);

fn late(n: usize) -> AuditRecord {
    let mut late = audit::record(1, vec![audit::order(&format!("Late-{n}"))]);
    late.caller.request_id = Some(format!("late-{n}").into());
    late
}

/// One write of a kind that depends on `n`, by every path that writes. Whether it succeeds is of no interest.
async fn write(store: &PgStore, n: usize, mine: &Order, my_client: &Client) {
    match n {
        // Few, because they wait for each other, and a call that waits for a lock has its BEGIN behind it.
        0..3 => drop(store.append(&AuditChain::plain(), &[late(10_000 + n)]).await),
        n if n % 3 == 0 => drop(OrderRepositoryExt::update(store, &toggled(mine, n), Expected::Any, &stamp(2)).await),
        n if n % 3 == 1 => {
            let mut changed = my_client.clone();
            changed.phone = Some(Phone::parse(format!("300 {}", rand_digits())).unwrap());
            drop(ClientRepositoryExt::update(store, &changed, Expected::Any, at(2)).await);
        }
        // A handler with a deadline of its own: its transaction is dropped wherever it stands.
        _ => drop(tokio::time::timeout(Duration::from_millis(2_900), in_own_transaction(store, n, mine)).await),
    }
}

fn rand_digits() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() % 10_000_000
}

fn toggled(order: &Order, n: usize) -> Order {
    with(order.clone(), |it| it.number = format!("W-{n}-{}", rand_digits()).parse().unwrap())
}

async fn in_own_transaction(store: &PgStore, n: usize, mine: &Order) -> Option<()> {
    let (transaction, inside) = begin(store).await.ok()?;
    OrderRepositoryExt::update(&inside, &toggled(mine, n), Expected::Any, &stamp(2)).await.ok()?;
    transaction.commit().await.ok()
}

/// The paths by which a record is inserted.
#[derive(Clone, Copy, Debug)]
enum Path {
    Orders,
    Clients,
    OwnTransaction,
    Audit,
}

const PATHS: [Path; 4] = [Path::Orders, Path::Clients, Path::OwnTransaction, Path::Audit];

impl Path {
    /// Inserts record `n`, and gives its name if that was acknowledged.
    async fn insert(self, store: &PgStore, n: usize) -> Option<String> {
        let number = format!("Late-{n}-{self:?}");
        let new = order(&number, OrderStatus::Received);
        match self {
            Self::Orders => OrderRepositoryExt::insert(store, &new, &stamp(3)).await.ok().map(|_| number),
            Self::Clients => {
                let email = format!("late{n}@ejemplo.co");
                let mut new = client(1);
                new.id = ClientId::from_bytes([128 + u8::try_from(n).unwrap(); 12]);
                new.email = email.parse().unwrap();
                ClientRepositoryExt::insert(store, &new).await.ok().map(|_| email)
            }
            Self::OwnTransaction => {
                let (transaction, inside) = begin(store).await.ok()?;
                OrderRepositoryExt::insert(&inside, &new, &stamp(3)).await.ok()?;
                transaction.commit().await.ok().map(|()| number)
            }
            Self::Audit => store.append(&AuditChain::plain(), &[late(n)]).await.ok().map(|_| format!("late-{n}")),
        }
    }
}

const NUMBERS: &str = "SELECT order_number::text FROM orders_order";
const EMAILS: &str = "SELECT email FROM provesi_clients";
const REQUESTS: &str = "SELECT request_id FROM provesi_audit";

/// The acknowledged writes that another connection does not see.
async fn missing(raw: &mut PgConnection, acknowledged: &[String]) -> Vec<String> {
    let mut stored: Vec<String> = Vec::new();
    for statement in [NUMBERS, EMAILS, REQUESTS] {
        stored.append(&mut sqlx::query_scalar(statement).fetch_all(&mut *raw).await.unwrap());
    }
    acknowledged.iter().filter(|name| !stored.contains(name)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_acknowledged_write_is_there_after_a_stall() {
    if !wanted("postgres") {
        return;
    }
    let server = OwnServer::postgres().start().await;
    let database = server.database().await;
    let idle = IDLE_IN_TRANSACTION.as_millis().to_string();
    let options =
        connect_options(database.url()).unwrap().options([("idle_in_transaction_session_timeout", idle.as_str())]);
    let store = PgStore::new(pool_options(CONNECTIONS).connect_lazy_with(options));
    store.migrate().await.unwrap();
    let mut raw: PgConnection = database.url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let mut owned = Vec::new();
    for n in 0..WRITERS {
        let new = order(&format!("W-{n}"), OrderStatus::Received);
        let mine = OrderRepositoryExt::insert(&store, &new, &stamp(1)).await.unwrap();
        let my_client = client(u8::try_from(n).unwrap());
        ClientRepositoryExt::insert(&store, &my_client).await.unwrap();
        owned.push((mine, my_client));
    }
    for (round, stall) in STALLS.into_iter().enumerate() {
        // Connections that were just used are trusted: the writers begin their transactions in the stall.
        drop(join_all((0..CONNECTIONS).map(|_| store.pool().acquire())).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let frozen = server.freeze().await;
        let stop = Arc::new(AtomicBool::new(false));
        let writers = owned.iter().cloned().enumerate().map(|(n, (mine, my_client))| {
            let (store, stop) = (store.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    write(&store, n, &mine, &my_client).await;
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(stall).await;
        // Before the thaw: a later write on a connection could end the transaction that an abandoned call left on it.
        stop.store(true, Ordering::Relaxed);
        frozen.thaw().await;
        join_all(writers).await;

        let mut acknowledged = Vec::new();
        for path in PATHS {
            for n in round * INSERTS..(round + 1) * INSERTS {
                acknowledged.extend(path.insert(&store, n).await);
            }
            assert_eq!(missing(&mut raw, &acknowledged).await, [""; 0], "{path:?}, after a stall of {stall:?}");
        }
        tokio::time::sleep(IDLE_IN_TRANSACTION + Duration::from_millis(500)).await;
        assert_eq!(missing(&mut raw, &acknowledged).await, [""; 0], "a while after a stall of {stall:?}");
        // The test shows nothing where PostgreSQL refused the inserts.
        assert!(acknowledged.len() >= PATHS.len() * INSERTS / 2, "{acknowledged:?}");
    }
}
