//! What is asked of a MongoDB server: does it answer, drop a database. One is made by the first write to it.

use std::time::Duration;

use mongodb::Client;
use mongodb::bson::doc;
use mongodb::error::Error;
use mongodb::options::ClientOptions;

/// A server that is starting is asked again and again; the driver's own wait would be half a minute.
const SELECTION: Duration = Duration::from_secs(3);

async fn connect(url: &str) -> Result<Client, Error> {
    let mut options = ClientOptions::parse(url).await?;
    options.server_selection_timeout = Some(SELECTION);
    options.connect_timeout = Some(SELECTION);
    Client::with_options(options)
}

/// The version of the server.
pub(super) async fn ping(url: &str) -> Result<String, Error> {
    let server = connect(url).await?;
    let info = server.database("admin").run_command(doc! { "buildInfo": 1 }).await?;
    server.shutdown().await;
    Ok(info.get_str("version").unwrap_or("of unknown version").to_owned())
}

pub(super) async fn drop(url: &str, name: &str) -> Result<(), Error> {
    let server = connect(url).await?;
    server.database(name).drop().await?;
    server.shutdown().await;
    Ok(())
}

/// Drops the databases that `is_stale` tells by their names, as far as that goes.
pub(super) async fn sweep(url: &str, is_stale: fn(&str) -> bool) -> Result<(), Error> {
    let server = connect(url).await?;
    for name in server.list_database_names().await?.iter().filter(|name| is_stale(name)) {
        server.database(name).drop().await?;
    }
    server.shutdown().await;
    Ok(())
}
