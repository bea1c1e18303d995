//! Servers that a test stops and starts, by every way that is possible here.

use std::time::{Duration, Instant};

use provesi_testkit::servers::{Kind, OwnServer, Way};

use crate::rows::{count, put};
use crate::ways::server_by;

async fn a_stop_keeps_port_and_data(kind: Kind, way: Way) {
    let Some(server) = server_by(kind, way).await else { return };
    let database = server.database().await;
    put(kind, database.url(), 1).await;

    server.stop().await;
    assert!(count(kind, database.url()).await.is_err(), "it is stopped");
    server.start().await;
    assert_eq!(count(kind, database.url()).await, Ok(1), "after a stop");

    put(kind, database.url(), 2).await;
    server.crash().await;
    assert!(count(kind, database.url()).await.is_err(), "it has crashed");
    server.start().await;
    assert_eq!(count(kind, database.url()).await, Ok(2), "after a crash");
}

#[tokio::test]
async fn postgres_in_a_container_is_stopped_and_started() {
    a_stop_keeps_port_and_data(Kind::Postgres, Way::Container).await;
}

#[tokio::test]
async fn mongodb_in_a_container_is_stopped_and_started() {
    a_stop_keeps_port_and_data(Kind::MongoDb, Way::Container).await;
}

#[tokio::test]
async fn postgres_of_the_machine_is_stopped_and_started() {
    a_stop_keeps_port_and_data(Kind::Postgres, Way::Local).await;
}

#[tokio::test]
async fn mongodb_of_the_machine_is_stopped_and_started() {
    a_stop_keeps_port_and_data(Kind::MongoDb, Way::Local).await;
}

#[tokio::test]
async fn mongodb_from_pypi_is_stopped_and_started() {
    a_stop_keeps_port_and_data(Kind::MongoDb, Way::Pypi).await;
}

async fn a_frozen_server_says_nothing_and_goes_on(kind: Kind, way: Way) {
    let Some(server) = server_by(kind, way).await else { return };
    let database = server.database().await;
    put(kind, database.url(), 1).await;
    let frozen = server.freeze().await;
    let asked = tokio::time::timeout(Duration::from_millis(1_500), count(kind, database.url())).await;
    assert!(!matches!(asked, Ok(Ok(_))), "it says nothing: {asked:?}");
    frozen.thaw().await;
    assert_eq!(count(kind, database.url()).await, Ok(1));
    drop(server.freeze().await);
    assert_eq!(count(kind, database.url()).await, Ok(1));
}

#[tokio::test]
async fn postgres_in_a_container_is_frozen_and_thawed() {
    a_frozen_server_says_nothing_and_goes_on(Kind::Postgres, Way::Container).await;
}

#[tokio::test]
async fn postgres_of_the_machine_is_frozen_and_thawed() {
    a_frozen_server_says_nothing_and_goes_on(Kind::Postgres, Way::Local).await;
}

#[tokio::test]
async fn mongodb_in_a_container_is_frozen_and_thawed() {
    a_frozen_server_says_nothing_and_goes_on(Kind::MongoDb, Way::Container).await;
}

#[tokio::test]
async fn durability_is_a_choice() {
    for (builder, fsync) in [(OwnServer::postgres(), "off"), (OwnServer::postgres().durable(), "on")] {
        let database = builder.start().await.database().await;
        let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
        let set: String = sqlx::query_scalar("SHOW fsync").fetch_one(&pool).await.unwrap();
        assert_eq!(set, fsync);
    }
}

#[tokio::test]
async fn a_server_lives_as_long_as_a_database_on_it() {
    let server = OwnServer::postgres().start().await;
    let database = server.database().await;
    drop(server);
    assert_eq!(count(Kind::Postgres, database.url()).await, Ok(0));
    let url = database.url().to_owned();
    drop(database);
    assert!(count(Kind::Postgres, &url).await.is_err(), "and no longer");
}

#[tokio::test]
async fn a_database_on_a_stopped_server_is_let_go_at_once() {
    let server = OwnServer::postgres().start().await;
    let database = server.database().await;
    server.stop().await;
    let start = Instant::now();
    drop(database);
    assert!(start.elapsed() < Duration::from_secs(1));
}
