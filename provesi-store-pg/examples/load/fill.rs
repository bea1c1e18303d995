//! A database to measure.

use provesi_core::{fold, name_key};
use provesi_store_pg::PgStore;
use sqlx::{AssertSqlSafe, Executor};

use crate::{Failure, client_id};

/// As the Python system leaves it, with the statuses of a warehouse: nearly all delivered, few of them under way. Client 1
/// has a twentieth of all orders, client 2 three in a thousand, all of them old; the others have ten.
const FILL: &str = "
    INSERT INTO orders_order (order_number, client_id, status, return_reason, returned_at, created_at, updated_at)
    SELECT 'Ord-' || lpad(n::text, 7, '0'),
        lpad(to_hex(CASE
            WHEN n % 20 = 0 THEN 1
            WHEN n <= TOTAL / 16 AND n % 20 = 1 THEN 2
            ELSE (n * 7919) % (TOTAL / 10) END), 24, '0'),
        status,
        CASE WHEN status = 'returned' THEN 'Caja rota' END,
        CASE WHEN status = 'returned' THEN now() - (TOTAL - n) * interval '59 s' END,
        now() - (TOTAL - n) * interval '60 s', now() - (TOTAL - n) * interval '58 s'
    FROM generate_series(1::bigint, TOTAL) AS n, LATERAL (SELECT CASE
        WHEN n % 50 = 0 THEN 'returned'
        WHEN n < TOTAL / 3 AND n % 2 = 0 THEN 'cancelled'
        WHEN n > TOTAL - TOTAL / 100 THEN ('{received,picking,packing,shipped}'::text[])[(1 + n % 4)::int]
        ELSE 'delivered' END AS status) AS chosen";

const FIRST: [&str; 8] = ["Ana", "Beatriz", "Carlos", "Ñandú", "Zoe", "Óscar", "María", "Jose Maria"];
const LAST: [&str; 7] = ["Perez", "Gómez", "Rodríguez", "Muñoz", "Ferretería", "Quintero", "Vélez"];

pub(crate) async fn fill(store: &PgStore, orders: u64) -> Result<(), Failure> {
    let mut connection = store.pool().acquire().await?;
    connection.execute("SET statement_timeout = 0").await?;
    connection.execute(AssertSqlSafe(FILL.replace("TOTAL", &orders.to_string()))).await?;
    let (mut ids, mut names, mut keys, mut folded) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..orders / 10 {
        let (first, last) = (FIRST[usize::try_from(n % 8)?], LAST[usize::try_from(n % 7)?]);
        let name = format!("{first} {last} {n}");
        ids.push(client_id(n).to_string());
        keys.push(name_key(&name));
        folded.push(fold(&name));
        names.push(name);
    }
    sqlx::query(
        "INSERT INTO provesi_clients (id, name, name_key, name_search, email, email_folded, email_search, phone, \
             phone_digits, created_at, updated_at) \
         SELECT id, name, key, folded, mail, mail, mail, '300' || lpad(n::text, 7, '0'), '300' || lpad(n::text, 7, '0'), \
             now(), now() \
         FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) WITH ORDINALITY \
                 AS given (id, name, key, folded, n), \
             LATERAL (SELECT CASE WHEN n % 3 = 0 THEN 'cliente' || n ELSE replace(folded, ' ', '.') END \
                 || '@ejemplo.co' AS mail) AS made",
    )
    .bind(&ids)
    .bind(&names)
    .bind(&keys)
    .bind(&folded)
    .execute(&mut *connection)
    .await?;
    connection.execute("VACUUM (ANALYZE)").await?;
    connection.close_on_drop();
    Ok(())
}
