use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt;
use provesi_core::{
    Client, ClientListing, ClientRepositoryExt, EventId, Order, OrderListing, OrderRepositoryExt, OrderStatus,
    PageLimit, StoreAdmin,
};
use provesi_store_sqlite::SqliteStore;
use provesi_testkit::{Call, Fault, FaultyStore, MemoryStore};
use tempfile::TempDir;

use super::*;

/// Takes what a report tells.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    dir: TempDir,
    app: App,
}

/// All that the stores hold.
#[derive(Debug, PartialEq)]
struct Content {
    clients: Vec<Client>,
    orders: Vec<Order>,
    last_event: Option<EventId>,
    events: usize,
}

impl Bench {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = SqliteStore::open_or_create(dir.path().join("t.db"), 2).await.unwrap();
        store.migrate().await.unwrap();
        let store = Arc::new(store);
        Self { app: App::new(Arc::clone(&store) as _, store as _), dir }
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn run(&self, what: &Import) -> Result<(Summary, Vec<String>), ImportError> {
        let told = Told::default();
        let caller = Caller::system("import").unwrap();
        let summary = import(&self.app, &caller, what, &mut Report::to(told.clone())).await?;
        let text = String::from_utf8(told.0.lock().unwrap().clone()).unwrap();
        // Without the directory, which is another each time.
        let dir = format!("{}/", self.dir.path().display());
        Ok((summary, text.lines().map(|line| line.replace(&dir, "")).collect()))
    }

    async fn content(&self) -> Content {
        let mut events = Vec::new();
        while let page = self.app.orders().feed(events.last().copied(), PageLimit::MAX).await.unwrap()
            && !page.is_empty()
        {
            events.extend(page.into_iter().map(|event| event.id));
        }
        Content {
            clients: self.app.clients().stream(&ClientListing::default()).try_collect().await.unwrap(),
            orders: self.app.orders().stream(&OrderListing::default()).try_collect().await.unwrap(),
            last_event: events.last().copied(),
            events: events.len(),
        }
    }
}

fn tally(new: u64, already_there: u64, differ: u64, failed: u64) -> Option<Tally> {
    Some(Tally { new, already_there, differ, failed })
}

const CLIENTS: &str = "name,email,phone,address,created_at\n\
    Ana Núñez,ana@example.com,300 123 4567,\"Cra 7 # 12-34\nBogotá\",2020-01-31 10:00\n\
    Luz,Luz@Example.com,,,\n";
const ORDERS: &str = "client_email;order_number;status;return_reason;created_at;updated_at;returned_at\n\
    ANA@example.com;A-1;Devuelto;Dañado;2020-02-01;2020-02-03T00:00:00Z;2020-02-02\n\
    luz@example.com;A-2;;;;;\n\
    ;A-3;EMPAQUE;;;;\n";

#[tokio::test]
async fn rows_become_records_with_the_instants_that_they_give() {
    let bench = Bench::new().await;
    let clients = Some(bench.file("c.csv", CLIENTS));
    let orders = Some(bench.file("o.csv", ORDERS));
    let (summary, told) = bench.run(&Import { clients, orders, dry_run: false }).await.unwrap();
    assert_eq!((summary.clients, summary.orders, told), (tally(2, 0, 0, 0), tally(3, 0, 0, 0), vec![]));
    let content = bench.content().await;
    let [ana, luz] = &content.clients[..] else { panic!("{content:?}") };
    assert_eq!(ana.address.as_ref().unwrap().as_str(), "Cra 7 # 12-34\nBogotá");
    assert_eq!((ana.created_at, ana.updated_at), ("2020-01-31T15:00:00Z".parse().unwrap(), ana.created_at));
    assert_eq!((luz.email.as_str(), &luz.phone), ("Luz@example.com", &None));
    let order = bench.app.orders().find_by_number(&"a-1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((order.client_id, order.status()), (Some(ana.id), OrderStatus::Returned));
    let info = order.return_info().unwrap();
    assert_eq!((info.reason.as_str(), info.returned_at.to_string().as_str()), ("Dañado", "2020-02-02T05:00:00.000Z"));
    assert_eq!(order.updated_at.to_string(), "2020-02-03T00:00:00.000Z");
    let history = bench.app.orders().feed(None, PageLimit::MAX).await.unwrap();
    assert!(history.iter().all(|event| event.actor.to_string() == "system:import"));
    let order = bench.app.orders().find_by_number(&"A-3".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((order.client_id, order.status()), (None, OrderStatus::Packing));
}

#[tokio::test]
async fn an_insert_that_is_not_confirmed_is_looked_for_and_made_once() {
    let mut bench = Bench::new().await;
    let clients = Some(bench.file("c.csv", CLIENTS));
    let orders = Some(bench.file("o.csv", ORDERS));
    let (client_store, client_faults) = FaultyStore::new(MemoryStore::new());
    let (order_store, order_faults) = FaultyStore::new(MemoryStore::new());
    bench.app = App::new(Arc::new(client_store), Arc::new(order_store));
    client_faults.arm(Call::Commit, Fault::FailAfter, 1);
    order_faults.arm(Call::Commit, Fault::FailAfter, 1);
    let (summary, told) = bench.run(&Import { clients, orders, dry_run: false }).await.unwrap();
    assert_eq!((summary.clients, summary.orders, told), (tally(1, 1, 0, 0), tally(2, 1, 0, 0), vec![]));
    let content = bench.content().await;
    assert_eq!((content.clients.len(), content.orders.len(), content.events), (2, 3, 3));
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_says_what_differs() {
    let bench = Bench::new().await;
    let clients = Some(bench.file("c.csv", CLIENTS));
    let orders = Some(bench.file("o.csv", ORDERS));
    let what = Import { clients, orders, dry_run: false };
    bench.run(&what).await.unwrap();
    let before = bench.content().await;
    let (summary, _) = bench.run(&what).await.unwrap();
    assert_eq!((summary.clients, summary.orders), (tally(0, 2, 0, 0), tally(0, 3, 0, 0)));
    bench.file("c.csv", CLIENTS.replace("Ana Núñez", "Ana Peña"));
    bench.file("o.csv", ORDERS.replace("A-1", "a-1").replace("EMPAQUE", "delivered"));
    let (summary, _) = bench.run(&what).await.unwrap();
    assert_eq!((summary.clients, summary.orders), (tally(0, 2, 1, 0), tally(0, 3, 2, 0)));
    assert!(summary.to_string().starts_with("clients: 0 new, 2 already there (1 of them differ"), "{summary}");
    assert_eq!(bench.content().await, before);
}

#[tokio::test]
async fn every_fault_of_a_row_is_a_line_and_the_good_rows_come_in() {
    let bench = Bench::new().await;
    let clients = "email,name,phone,note,address\n\
        ,\"\n\",123456789012345678901,x,\n\
        a@example.com,Ana\n\
        a@example.com,Ana,,,\n\
        A@example.com,Otra,,,\n";
    let orders = "order_number,client_email,status,return_reason,created_at,updated_at\n\
        A 1,nobody,lost,,x,\n\
        A-1,b@example.com,,,2026-01-02,2026-01-01\n\
        A-2,b@example.com,,,,\n\
        A-3,a@example.com,devuelto, ,,\n\
        A-4,a@example.com,,,,\n\
        a-4,a@example.com,,,,\n";
    let clients = Some(bench.file("c.csv", clients));
    let orders = Some(bench.file("o.csv", orders));
    for dry_run in [true, false] {
        let what = Import { clients: clients.clone(), orders: orders.clone(), dry_run };
        let (summary, told) = bench.run(&what).await.unwrap();
        assert_eq!((summary.clients, summary.orders), (tally(1, 0, 0, 3), tally(1, 0, 0, 5)));
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        assert_eq!(
            told,
            [
                "c.csv:1: warning: unknown columns are not read: note",
                "c.csv:2: column name: must not be blank",
                "c.csv:2: column email: must be an e-mail address: there is no @",
                "c.csv:2: column phone: must have at most 20 characters",
                "c.csv:4: the row has 2 fields, the header has 5",
                "c.csv:6: column email: the same stands in line 5 already",
                "o.csv:2: column order_number: may contain letters A-Z, digits and hyphens only",
                "o.csv:2: column client_email: must be an e-mail address: there is no @",
                "o.csv:2: column status: must be one of received (Recibido), picking (Alistamiento), packing (Empaque), \
                 shipped (Despachado), delivered (Entregado), returned (Devuelto), cancelled (Cancelado)",
                "o.csv:2: column created_at: must be an instant such as 2026-01-31T15:00:00Z, 2026-01-31 10:00 or \
                 2026-01-31",
                "o.csv:3: column updated_at: must not be before created_at",
                "o.csv:4: column client_email: no client has this e-mail address",
                "o.csv:5: column return_reason: a return needs a reason",
                "o.csv:7: column order_number: the same stands in line 6 already",
            ]
        );
    }
    let content = bench.content().await;
    assert_eq!((content.clients.len(), content.orders.len(), content.events), (1, 1, 1));
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_knows_the_clients_it_would_make() {
    let bench = Bench::new().await;
    let clients = Some(bench.file("c.csv", CLIENTS));
    let orders = Some(bench.file("o.csv", ORDERS));
    let empty = bench.content().await;
    let (summary, told) = bench.run(&Import { clients, orders: orders.clone(), dry_run: true }).await.unwrap();
    assert_eq!((summary.clients, summary.orders, told.len()), (tally(2, 0, 0, 0), tally(3, 0, 0, 0), 0));
    assert!(summary.to_string().ends_with("dry run: nothing was written\n"));
    assert_eq!(bench.content().await, empty);
    let (summary, _) = bench.run(&Import { clients: None, orders, dry_run: true }).await.unwrap();
    assert_eq!((summary.clients, summary.orders), (None, tally(1, 0, 0, 2)));
}

#[tokio::test]
async fn windows_1252_with_semicolons_and_crlf_comes_in_as_it_was_meant() {
    let bench = Bench::new().await;
    let clients = bench.file("c.csv", b"name;email\r\nPe\xf1a & C\xeda;x@example.com\r\n");
    let (_, told) = bench.run(&Import { clients: Some(clients), ..Import::default() }).await.unwrap();
    assert_eq!(told, ["c.csv: note: it is not UTF-8, so it is read as windows-1252"]);
    assert_eq!(bench.content().await.clients[0].name.as_str(), "Peña & Cía");
}

#[tokio::test]
async fn a_row_that_cannot_be_kept_is_a_bad_row_and_no_more() {
    let bench = Bench::new().await;
    let rows = format!("a,a@example.com\n{},b@example.com\nc,c@example.com{}\n", "b".repeat(300_000), ",".repeat(300));
    let file = bench.file("c.csv", format!("name,email\n{rows}d,d@example.com\n\"e,e@example.com\n"));
    let (summary, told) = bench.run(&Import { clients: Some(file), ..Import::default() }).await.unwrap();
    assert_eq!(summary.clients, tally(2, 0, 0, 3));
    let lines: Vec<_> = told.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["c.csv:3", "c.csv:4", "c.csv:6"], "{told:?}");
    assert!(told[2].contains("never closed"), "{told:?}");
}

#[tokio::test]
async fn a_broken_file_stops_the_import_before_anything_is_written() {
    let bench = Bench::new().await;
    let clients = Some(bench.file("c.csv", CLIENTS));
    let orders = Some(bench.file("o.csv", "number,email\n"));
    let refused = bench.run(&Import { clients, orders, dry_run: false }).await.unwrap_err().to_string();
    assert!(
        refused.ends_with("o.csv:1: needs the columns order_number, client_email; it has number, email"),
        "{refused}"
    );
    assert_eq!(bench.content().await.clients, []);
}

#[tokio::test]
async fn more_rows_than_a_batch_come_in_and_the_first_of_equal_rows_wins() {
    use std::fmt::Write;
    let bench = Bench::new().await;
    let (mut clients, mut orders) = ("name,email\n".to_owned(), "order_number,client_email\n".to_owned());
    for at in 0..2_500 {
        writeln!(clients, "Client {at},c{}@example.com", at % 2_400).unwrap();
        writeln!(orders, "N-{at},c{}@example.com", at % 2_400).unwrap();
    }
    let clients = Some(bench.file("c.csv", clients));
    let orders = Some(bench.file("o.csv", orders));
    let (summary, told) = bench.run(&Import { clients, orders, dry_run: false }).await.unwrap();
    assert_eq!((summary.clients, summary.orders), (tally(2_400, 0, 0, 100), tally(2_500, 0, 0, 0)));
    assert_eq!(told[0], "c.csv:2402: column email: the same stands in line 2 already");
    let first = bench.app.clients().find_by_email(&"c0@example.com".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(first.name.as_str(), "Client 0");
}

/// Real files, where they lie beside the workspace.
#[tokio::test]
async fn northwind_comes_in_whole_and_a_second_time_changes_nothing() {
    let Some(data) = northwind() else { return };
    let bench = Bench::new().await;
    let file = |name: &str| Some(data.join(name));
    let (clients, orders) = (file("northwind-clients.csv"), file("northwind-orders.csv"));
    let what = Import { clients, orders, dry_run: false };
    let (summary, told) = bench.run(&what).await.unwrap();
    assert_eq!((summary.clients, summary.orders, told.len()), (tally(91, 0, 0, 0), tally(830, 0, 0, 0), 0));
    let before = bench.content().await;
    assert_eq!((before.clients.len(), before.orders.len(), before.events), (91, 830, 830));
    let (summary, _) = bench.run(&what).await.unwrap();
    assert_eq!((summary.clients, summary.orders), (tally(0, 91, 0, 0), tally(0, 830, 0, 0)));
    assert_eq!(bench.content().await, before);
}

fn northwind() -> Option<PathBuf> {
    // As cargo says it now: what was compiled in may be of a checkout that is gone.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let above = Path::new(&here).ancestors();
    above.map(|dir| dir.join("shared/data")).find(|dir| dir.join("northwind-orders.csv").is_file())
}
