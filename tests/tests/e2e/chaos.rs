//! The chaos harness: a minute of it, its checker on histories made by hand, and faults that are planted on purpose.

mod checker;
mod planted;

use std::time::Duration;

use provesi_testkit::servers::{OwnServer, wanted};
use provesi_tests::chaos::{Databases, Round, RoundOptions, Stores, report::summary};
use provesi_tests::tested_server;

const TIME: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn kills_and_freezes_lose_nothing_on_one_file() {
    if wanted("sqlite") {
        runs_clean(Stores::OneFile).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_and_freezes_of_the_server_and_its_databases_lose_nothing_on_the_pair() {
    if wanted("postgres") && wanted("mongodb") {
        let (postgres, mongodb) =
            tokio::join!(OwnServer::postgres().durable().start(), OwnServer::mongodb().durable().start());
        runs_clean(Stores::Pair(&Databases { postgres, mongodb })).await;
    }
}

async fn runs_clean(stores: Stores<'_>) {
    let options = RoundOptions::new(rand::random::<u32>().into(), TIME);
    let (figures, violations) = Round::run(tested_server(), stores, &options).await.finish().await;
    assert!(violations.is_empty(), "{}", summary(&violations));
    assert!(figures.acknowledged > 0 && figures.kills > 0, "{figures}");
}
