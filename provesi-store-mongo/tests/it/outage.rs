//! A server that is gone, or hangs, and comes back: a proxy in front of the real one.

use provesi_testkit::data::with;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mongodb::options::{ClientOptions, ServerAddress};
use provesi_core::{
    ClientFilter, ClientListing, ClientRepository, ClientRepositoryExt, ClientRow, ClientWrite, Expected, PageLimit,
    PageRequest, StoreError,
};
use provesi_store_mongo::{MongoStore, client_options};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::common::{Fixture, at, client};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// Takes connections and says nothing more on any.
    Hangs,
    /// Takes no connections, and has closed those that there were.
    Down,
}

/// What stands between a store and the server.
struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
}

impl Proxy {
    async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, states) = watch::channel(State::Up);
        tokio::spawn(serve(listener, address, server, states));
        Self { address, state }
    }

    fn becomes(&self, state: State) {
        self.state.send(state).unwrap();
    }
}

async fn serve(first: TcpListener, address: SocketAddr, server: String, mut states: watch::Receiver<State>) {
    let mut listener = Some(first);
    loop {
        if *states.borrow_and_update() == State::Down {
            listener = None;
        } else if listener.is_none() {
            listener = Some(TcpListener::bind(address).await.unwrap());
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.unwrap().0,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            connection = accepted => drop(tokio::spawn(forward(connection, server.clone(), states.clone()))),
            changed = states.changed() => if changed.is_err() { return },
        }
    }
}

async fn forward(mut connection: TcpStream, server: String, mut states: watch::Receiver<State>) {
    let begun = *states.borrow_and_update();
    if begun == State::Up {
        let mut server = TcpStream::connect(server).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut connection, &mut server) => return,
            _ = states.changed() => {}
        }
    }
    // What hung is not taken up again: it is closed when the state changes once more.
    if *states.borrow_and_update() == State::Hangs {
        let _ = states.changed().await;
    }
}

/// A store that reaches the server of a fixture through a proxy.
async fn proxied(fixture: &Fixture) -> (Proxy, MongoStore) {
    let mut options: ClientOptions = client_options(fixture.url()).await.unwrap();
    let proxy = Proxy::start(options.hosts[0].to_string()).await;
    let (host, port) = (proxy.address.ip().to_string(), Some(proxy.address.port()));
    options.hosts = vec![ServerAddress::Tcp { host, port }];
    // Or the driver would ask a replica set for its members, and go to them.
    options.direct_connection = Some(true);
    options.repl_set_name = None;
    let client = mongodb::Client::with_options(options).unwrap();
    (proxy, MongoStore::new(&client.database(fixture.database.name())))
}

async fn assert_unavailable<T: std::fmt::Debug>(call: impl Future<Output = Result<T, StoreError>>) {
    let begun = Instant::now();
    let answer = call.await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// A write that was sent to a server that does not answer.
async fn assert_unknown<T: std::fmt::Debug>(call: impl Future<Output = Result<T, StoreError>>) {
    let begun = Instant::now();
    let answer = call.await;
    assert!(matches!(answer, Err(StoreError::OutcomeUnknown { .. })), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

async fn comes_back_from(state: State) {
    let fixture = Fixture::new().await;
    let (proxy, store) = proxied(&fixture).await;
    let kept = store.insert(&client(1)).await.unwrap();
    let (ids, another) = ([kept.id], client(2));
    let changed = with(client(3), |it| it.id = kept.id);
    let before = ClientRow::from(&kept);
    let writes = [
        ClientWrite::Replace { before: before.clone(), after: with(changed.clone(), |it| it.updated_at = at(5)) },
        ClientWrite::Delete {
            before: with(before, |it| {
                it.id = another.id;
                it.email = "x@x.co".to_owned();
            }),
        },
    ];
    for round in 0..2 {
        proxy.becomes(state);
        let (listing, filter) = (ClientListing::default(), ClientFilter::default());
        let request = PageRequest::first(PageLimit::MAX);
        tokio::join!(
            assert_unavailable(store.ping()),
            assert_unavailable(store.get(kept.id)),
            assert_unavailable(store.existing(&ids)),
            assert_unavailable(store.find_by_email(&kept.email)),
            async {
                match state {
                    State::Hangs => assert_unknown(store.insert(&another)).await,
                    _ => assert_unavailable(store.insert(&another)).await,
                }
            },
            async {
                let begun = Instant::now();
                for outcome in store.commit(&writes).await {
                    let is_unknown = matches!(outcome, Err(StoreError::OutcomeUnknown { .. }));
                    let is_expected = matches!(outcome, Err(StoreError::Unavailable { .. })) || is_unknown;
                    assert!(is_expected && is_unknown == (state == State::Hangs), "{outcome:?}");
                }
                assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
            },
            // These read first, so that nothing was sent that writes.
            assert_unavailable(store.update(&changed, Expected::Any, at(5))),
            assert_unavailable(store.delete(kept.id, Expected::Any)),
            assert_unavailable(store.page(&listing, &request)),
            assert_unavailable(store.count(&filter)),
        );
        proxy.becomes(State::Up);
        // At once, with the same store.
        assert_eq!(store.get(kept.id).await.unwrap(), Some(kept.clone()), "round {round}");
        store.ping().await.unwrap();
        assert_eq!(store.page(&listing, &request).await.unwrap().items, [(&kept).into()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_told_within_three_seconds_and_well_when_it_comes_back() {
    comes_back_from(State::Down).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_told_within_three_seconds_and_well_when_it_goes_on() {
    comes_back_from(State::Hangs).await;
}
