//! The file of clients.

use std::path::Path;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use provesi_core::{
    Address, AuditAction, Client, ClientId, ClientKey, ClientName, ClientRepositoryExt, Email, Field, IdSource, Phone,
    StoreError, Subject, Timestamp,
};

use super::csv::{Columns, CsvFile, Record};
use super::values::{Fault, Faults};
use super::{Fate, INSERTS_IN_FLIGHT, ImportError, LOOKUPS_IN_FLIGHT, Run, Seen, Tally, batches, patiently};

const COLUMNS: [&str; 6] = ["name", "email", "phone", "address", "created_at", "updated_at"];

type Opened = (CsvFile, Columns<6>, Vec<Box<str>>);

pub(super) fn open(path: &Path) -> Result<Opened, ImportError> {
    let file = CsvFile::open(path)?;
    let (columns, unknown) = file.columns(COLUMNS, &["name", "email"])?;
    Ok((file, columns, unknown))
}

pub(super) async fn import(run: &mut Run<'_>, file: CsvFile, columns: Columns<6>) -> Result<Tally, ImportError> {
    let (path, size, now) = (file.path().to_owned(), file.progress().0, run.now);
    let mut tally = Tally::default();
    let mut seen = Seen::default();
    let mut batches = batches(file, move |record| check(record, &columns, now));
    while let Some(batch) = batches.next().await? {
        run.report.at(batch.consumed);
        let rows = seen.sift(batch, "email", |row| row.email.folded());
        run.report.bad_rows(&path, rows.bad, &mut tally)?;
        let run = &*run;
        let in_flight = if run.dry_run { LOOKUPS_IN_FLIGHT } else { INSERTS_IN_FLIGHT };
        let mut fates = stream::iter(rows.good).map(|(_, row)| run.keep(row)).buffered(in_flight);
        let (mut made, mut seen) = (Vec::new(), Vec::new());
        while let Some((fate, id)) = fates.try_next().await.map_err(ImportError::Clients)? {
            tally.count(fate);
            let subjects = if fate == Fate::New { &mut made } else { &mut seen };
            subjects.extend(id.map(Subject::Client));
        }
        run.recorded(AuditAction::ClientCreate, &[Field::Name, Field::Email, Field::Phone, Field::Address], made)
            .await?;
        run.recorded(AuditAction::ClientList, &[], seen).await?;
    }
    run.report.file_done(size);
    run.emails = seen;
    Ok(tally)
}

/// A client as the file tells it.
struct ClientRow {
    name: ClientName,
    email: Email,
    phone: Option<Phone>,
    address: Option<Address>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ClientRow {
    fn with_id(self, id: ClientId) -> Client {
        let Self { name, email, phone, address, created_at, updated_at } = self;
        let client = Client::builder().id(id).name(name).email(email).maybe_phone(phone).maybe_address(address);
        client.created_at(created_at).updated_at(updated_at).build()
    }
}

fn check(record: &Record, columns: &Columns<6>, now: Timestamp) -> Result<ClientRow, Vec<Fault>> {
    let [name, email, phone, address, created_at, updated_at] =
        columns.pick(record).map_err(|why| vec![Fault::row(why)])?;
    let mut faults = Faults::default();
    let name = faults.take("name", ClientName::parse(name));
    let email = faults.take("email", Email::parse(email));
    let phone = faults.take("phone", Phone::parse_optional(phone));
    let address = faults.take("address", Address::parse_optional(address));
    let (created_at, updated_at) = faults.take_instants(created_at, updated_at, now);
    let row =
        || Some(ClientRow { name: name?, email: email?, phone: phone?, address: address?, created_at, updated_at });
    let row = row();
    faults.finish(row)
}

impl Run<'_> {
    /// Inserts first and looks only where the store says no: the store alone knows what is there. Hands back which client
    /// was made or seen.
    async fn keep(&self, row: ClientRow) -> Result<(Fate, Option<ClientId>), StoreError> {
        let client = row.with_id(self.ids.client_id(self.now));
        let clients = self.app.clients();
        if !self.dry_run {
            match patiently(|| clients.insert(&client)).await {
                Ok(made) => return Ok((Fate::New, Some(made.id))),
                // Of an address, or of the id of an earlier attempt that was not confirmed.
                Err(StoreError::AlreadyExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        // A client that was deleted between the refusal and this look was there, and is left as it is: gone.
        Ok(match clients.load(ClientKey::Email(client.email.clone())).await? {
            None if self.dry_run => (Fate::New, None),
            None => (Fate::AlreadyThere { differs: true }, None),
            Some(there) => {
                let differs = !there.record.is_ok_and(|there| there.same_content(&client));
                (Fate::AlreadyThere { differs }, Some(there.row.id))
            }
        })
    }
}
