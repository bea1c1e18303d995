//! The suites of the testkit, each case in a database of its own.

use provesi_core::{ClientRow, OrderRow, StoreAdmin, Timestamp, fold, name_key, phone_digits};
use provesi_runtime::Batched;
use provesi_store_pg::{PgStore, SharedTransaction};

use crate::common::{CONNECTIONS, Fixture};

async fn empty() -> (PgStore, Fixture) {
    let fixture = Fixture::new().await;
    (fixture.store.clone(), fixture)
}

async fn reopen(fixture: &Fixture) -> PgStore {
    fixture.store.close().await;
    PgStore::open(fixture.database.url(), CONNECTIONS).unwrap()
}

fn instant(at: Timestamp) -> String {
    at.to_string()
}

async fn plant_orders(rows: Vec<OrderRow>) -> (PgStore, Fixture) {
    let (store, fixture) = empty().await;
    let mut raw = fixture.raw().await;
    for row in rows {
        let insert = "INSERT INTO orders_order (id, order_number, client_id, status, return_reason, returned_at, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, $5, $6::timestamptz, $7::timestamptz, $8::timestamptz)";
        sqlx::query(insert)
            .bind(row.id.get())
            .bind(row.number)
            .bind(row.client_id)
            .bind(row.status)
            .bind(row.return_reason)
            .bind(row.returned_at.map(instant))
            .bind(instant(row.created_at))
            .bind(instant(row.updated_at))
            .execute(&mut raw)
            .await
            .unwrap();
    }
    (store, fixture)
}

async fn plant_clients(rows: Vec<ClientRow>) -> (PgStore, Fixture) {
    let (store, fixture) = empty().await;
    let mut raw = fixture.raw().await;
    for row in rows {
        let insert = "INSERT INTO provesi_clients (id, name, name_key, name_search, email, email_folded, email_search, \
             phone, phone_digits, address, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::timestamptz, $12::timestamptz)";
        sqlx::query(insert)
            .bind(row.id.to_string())
            .bind(&row.name)
            .bind(name_key(&row.name))
            .bind(fold(&row.name))
            .bind(&row.email)
            .bind(row.email.to_lowercase())
            .bind(fold(&row.email))
            .bind(&row.phone)
            .bind(row.phone.as_deref().map(phone_digits))
            .bind(&row.address)
            .bind(instant(row.created_at))
            .bind(instant(row.updated_at))
            .execute(&mut raw)
            .await
            .unwrap();
    }
    (store, fixture)
}

async fn joined() -> (Batched<PgStore>, Fixture) {
    let (store, fixture) = empty().await;
    (Batched::new(store), fixture)
}

async fn in_transaction() -> (PgStore, (Fixture, SharedTransaction)) {
    begin(Fixture::new().await).await
}

async fn begin(fixture: Fixture) -> (PgStore, (Fixture, SharedTransaction)) {
    let transaction = fixture.store.begin().await.unwrap();
    (fixture.store.in_transaction(&transaction), (fixture, transaction))
}

/// What was written in the transaction is there once it is committed.
async fn commit((fixture, transaction): &(Fixture, SharedTransaction)) -> PgStore {
    transaction.commit().await.unwrap();
    fixture.store.clone()
}

async fn plant_orders_before(rows: Vec<OrderRow>) -> (PgStore, (Fixture, SharedTransaction)) {
    begin(plant_orders(rows).await.1).await
}

async fn plant_clients_before(rows: Vec<ClientRow>) -> (PgStore, (Fixture, SharedTransaction)) {
    begin(plant_clients(rows).await.1).await
}

mod of_audit {
    provesi_testkit::audit_store_suite!(super::empty);
}

mod of_clients {
    provesi_testkit::client_repository_suite!(super::empty, reopen = super::reopen, plant = super::plant_clients);
}

mod of_orders {
    provesi_testkit::order_repository_suite!(super::empty, reopen = super::reopen, plant = super::plant_orders);
}

mod of_clients_in_a_transaction {
    provesi_testkit::client_repository_suite!(
        super::in_transaction,
        reopen = super::commit,
        plant = super::plant_clients_before
    );
}

mod of_orders_in_a_transaction {
    provesi_testkit::order_repository_suite!(
        super::in_transaction,
        reopen = super::commit,
        plant = super::plant_orders_before
    );
}

mod of_clients_joined {
    provesi_testkit::client_repository_suite!(super::joined);
}

mod of_orders_joined {
    provesi_testkit::order_repository_suite!(super::joined);
}

mod of_both {
    provesi_testkit::orders_with_clients_suite!(super::empty, plant = super::plant_orders);
}

mod of_both_in_a_transaction {
    provesi_testkit::orders_with_clients_suite!(super::in_transaction, plant = super::plant_orders_before);
}
