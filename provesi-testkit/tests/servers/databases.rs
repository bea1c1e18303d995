//! Databases on the server that the tests of a process share.

use provesi_testkit::servers::{self, Kind, TestDatabase};

use crate::rows::{KINDS, client, count, has_database, put};

async fn database(kind: Kind) -> TestDatabase {
    match kind {
        Kind::Postgres => servers::postgres().await,
        Kind::MongoDb => servers::mongodb().await,
    }
}

#[tokio::test]
async fn each_call_gives_an_empty_database_of_its_own() {
    for kind in KINDS {
        let (first, second) = (database(kind).await, database(kind).await);
        put(kind, first.url(), 1).await;
        assert_ne!(first.name(), second.name());
        assert_eq!(count(kind, second.url()).await, Ok(0));
        assert!(first.url().contains(first.name()));
        assert_eq!(first.origin(), second.origin());
    }
}

#[test]
fn tests_on_runtimes_of_their_own_share_one_server() {
    for kind in KINDS {
        let ask = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let database = database(kind).await;
                put(kind, database.url(), 1).await;
                assert_eq!(count(kind, database.url()).await, Ok(1));
                database.url().replace(database.name(), "")
            })
        };
        let asking: Vec<_> = (0..4).map(|_| std::thread::spawn(ask)).collect();
        let urls: std::collections::HashSet<_> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(urls.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_database_is_dropped_although_connections_to_it_are_open() {
    let other = database(Kind::Postgres).await;
    let database = database(Kind::Postgres).await;
    let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
    let busy = pool.clone();
    let busy = tokio::spawn(async move { sqlx::query("SELECT pg_sleep(60)").execute(&busy).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;

    let name = database.name().to_owned();
    drop(database);

    assert!(!has_database(Kind::Postgres, other.url(), &name).await);
    assert!(busy.await.unwrap().is_err());
}

#[tokio::test]
async fn a_database_of_mongodb_is_dropped_although_a_client_is_open() {
    let other = database(Kind::MongoDb).await;
    let database = database(Kind::MongoDb).await;
    put(Kind::MongoDb, database.url(), 1).await;
    let open = client(database.url()).await;
    let name = database.name().to_owned();
    assert!(open.list_database_names().await.unwrap().contains(&name));

    drop(database);

    assert!(!has_database(Kind::MongoDb, other.url(), &name).await);
}

#[tokio::test]
async fn neither_debug_nor_origin_shows_the_password() {
    let database = database(Kind::Postgres).await;
    let password = database.url().split([':', '@']).nth(2).unwrap();
    assert!(!format!("{database:?} {}", database.origin()).contains(password));
}
