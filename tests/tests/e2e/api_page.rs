//! The page of the API, in a real browser.

use crate::browser::{self, Browser, Screen};
use crate::place::Place;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_api_shows_the_routes_and_fetches_nothing_from_elsewhere() {
    if !browser::wanted() {
        return;
    }
    let server = Server::start(Place::sqlite().await).await;
    let browser = Browser::open(Screen::Desk).await;
    browser.goto(&format!("http://{}/api/docs", server.address)).await;
    browser.find(".opblock-summary-path").await;
    assert!(browser.text("body").await.contains("/api/orders/returns"));
    browser.assert_keeps_to_itself().await;
    browser.picture("api-docs").await;
    // What the content security policy blocks is logged as an error.
    assert_eq!(browser.errors().await, Vec::<serde_json::Value>::new());
    browser.close().await;
}
