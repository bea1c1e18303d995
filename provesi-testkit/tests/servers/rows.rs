//! Rows and documents, to see whether a database is there, whose it is, and what it kept.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use provesi_testkit::servers::Kind;
use sqlx::{Connection, PgConnection};

pub(crate) const KINDS: [Kind; 2] = [Kind::Postgres, Kind::MongoDb];

/// Puts a row into a table that is made with the first.
pub(crate) async fn put(kind: Kind, url: &str, row: i64) {
    match kind {
        Kind::Postgres => {
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::query("CREATE TABLE IF NOT EXISTS kept (id bigint)").execute(&mut database).await.unwrap();
            sqlx::query("INSERT INTO kept VALUES ($1)").bind(row).execute(&mut database).await.unwrap();
        }
        Kind::MongoDb => {
            let kept = collection(url).await;
            kept.insert_one(doc! { "_id": row }).await.unwrap();
        }
    }
}

/// How many rows there are; an error where the server does not answer.
pub(crate) async fn count(kind: Kind, url: &str) -> Result<i64, String> {
    match kind {
        Kind::Postgres => {
            let mut database = PgConnection::connect(url).await.map_err(|error| error.to_string())?;
            let is_there = "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'";
            let is_there: i64 = sqlx::query_scalar(is_there).fetch_one(&mut database).await.unwrap();
            if is_there == 0 {
                return Ok(0);
            }
            Ok(sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut database).await.unwrap())
        }
        Kind::MongoDb => {
            let counted = collection(url).await.count_documents(doc! {}).await;
            counted.map(|count| count.try_into().unwrap()).map_err(|error| error.to_string())
        }
    }
}

/// Whether the server that `on` is on has a database of this name.
pub(crate) async fn has_database(kind: Kind, on: &str, name: &str) -> bool {
    match kind {
        Kind::Postgres => {
            let mut server = PgConnection::connect(on).await.unwrap();
            let find = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)");
            find.bind(name).fetch_one(&mut server).await.unwrap()
        }
        Kind::MongoDb => client(on).await.list_database_names().await.unwrap().iter().any(|found| found == name),
    }
}

pub(crate) async fn client(url: &str) -> mongodb::Client {
    let mut options = ClientOptions::parse(url).await.unwrap();
    options.server_selection_timeout = Some(Duration::from_secs(1));
    // On the disk, so that a crash keeps it.
    options.write_concern =
        Some(WriteConcern::builder().w(Some(mongodb::options::Acknowledgment::Majority)).journal(true).build());
    mongodb::Client::with_options(options).unwrap()
}

async fn collection(url: &str) -> mongodb::Collection<Document> {
    client(url).await.default_database().unwrap().collection("kept")
}
