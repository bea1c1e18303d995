//! The indexes that the store needs, and how they come to be. They stand beside those that MongoEngine made, which it
//! would make again.

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Collation, IndexOptions};
use mongodb::{Collection, IndexModel};
use provesi_core::{MAX_CONFLICTS, StoreError};

use crate::collations;
use crate::error::{is_duplicate, server_code, store_error};

type Clients = Collection<RawDocumentBuf>;

/// How many addresses, and how many clients of each, are listed where addresses are not unique.
const LISTED: usize = 20;

/// `NamespaceNotFound`: there is no collection yet.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// An index that the store needs.
struct Needed {
    name: &'static str,
    key: Document,
    collation: Collation,
    unique: bool,
}

fn needed() -> [Needed; 2] {
    [
        Needed { name: "provesi_email", key: doc! { "email": 1 }, collation: collations::emails(), unique: true },
        Needed {
            name: "provesi_name",
            key: doc! { "name": 1, "_id": 1 },
            collation: collations::names(),
            unique: false,
        },
    ]
}

impl Needed {
    fn model(&self) -> IndexModel {
        let options = IndexOptions::builder()
            .name(self.name.to_owned())
            .collation(self.collation.clone())
            .unique(self.unique.then_some(true))
            .build();
        IndexModel::builder().keys(self.key.clone()).options(options).build()
    }

    /// Whether an index does what this one is needed for. Servers tell a collation with all that goes without saying.
    fn is_met_by(&self, index: &IndexModel) -> bool {
        let options = index.options.clone().unwrap_or_default();
        let same_collation = options.collation.is_some_and(|collation| {
            collation.locale == self.collation.locale
                && strength(&collation) == strength(&self.collation)
                && collation.normalization == self.collation.normalization
        });
        same_collation
            && same_key(&index.keys, &self.key)
            && options.unique.unwrap_or(false) == self.unique
            && options.partial_filter_expression.is_none()
            && !options.sparse.unwrap_or(false)
            && !options.hidden.unwrap_or(false)
    }
}

fn strength(collation: &Collation) -> Option<u32> {
    collation.strength.map(u32::from)
}

/// Whether the fields are the same in the same order; servers tell a direction as a number of any kind.
fn same_key(a: &Document, b: &Document) -> bool {
    let fields = |key: &Document| -> Vec<(String, bool)> {
        key.iter().map(|(field, direction)| (field.clone(), is_ascending(direction))).collect()
    };
    fields(a) == fields(b)
}

fn is_ascending(direction: &Bson) -> bool {
    match direction {
        Bson::Int32(direction) => *direction == 1,
        Bson::Int64(direction) => *direction == 1,
        Bson::Double(direction) => *direction == 1.0,
        _ => false,
    }
}

/// The indexes of a collection; none if there is no collection yet.
pub(crate) async fn indexes(collection: &Collection<RawDocumentBuf>) -> Result<Vec<IndexModel>, StoreError> {
    match collection.list_indexes().await {
        Ok(indexes) => indexes.try_collect().await.map_err(store_error),
        Err(error) if server_code(&error) == Some(NAMESPACE_NOT_FOUND) => Ok(Vec::new()),
        Err(error) => Err(store_error(error)),
    }
}

pub(crate) fn name(index: &IndexModel) -> Option<&str> {
    index.options.as_ref()?.name.as_deref()
}

async fn missing(clients: &Clients) -> Result<Vec<Needed>, StoreError> {
    let existing = indexes(clients).await?;
    let mut missing = Vec::new();
    for needed in needed() {
        if existing.iter().any(|index| needed.is_met_by(index)) {
            continue;
        }
        if existing.iter().any(|index| name(index) == Some(needed.name)) {
            return Err(StoreError::backend(format!(
                "the index {} is not the one that this version makes; drop it, and migrate again",
                needed.name
            )));
        }
        missing.push(needed);
    }
    Ok(missing)
}

/// The names of the indexes that are missing.
pub(crate) async fn pending(clients: &Clients) -> Result<Vec<String>, StoreError> {
    Ok(missing(clients).await?.iter().map(|needed| needed.name.to_owned()).collect())
}

/// Makes the indexes that are missing: all of them in one pass over the documents, or none where these forbid one.
pub(crate) async fn run(clients: &Clients) -> Result<(), StoreError> {
    let missing = missing(clients).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let Err(error) = clients.create_indexes(missing.iter().map(Needed::model)).await else { return Ok(()) };
    // Looked for only where the build found some: that takes longer than the build itself.
    if is_duplicate(&error) {
        refuse_duplicates(clients).await?;
    }
    Err(match store_error(error) {
        // No record was to be written: it came and went between the build and the list.
        StoreError::AlreadyExists { .. } => StoreError::backend("an e-mail address is not unique"),
        other => other,
    })
}

/// The clients that have one address in several letter cases, or none: the ids of each address on a line. Addresses are of
/// people, and not named.
async fn duplicates(clients: &Clients, limit: usize) -> Result<Vec<String>, StoreError> {
    let groups = vec![
        doc! { "$group": { "_id": "$email", "clients": { "$sum": 1 } } },
        doc! { "$match": { "clients": { "$gt": 1 } } },
        doc! { "$limit": i64::try_from(limit).unwrap_or(i64::MAX) },
    ];
    let groups = clients.aggregate(groups).collation(collations::emails()).allow_disk_use(true);
    let groups: Vec<Document> = groups.await.map_err(store_error)?.try_collect().await.map_err(store_error)?;
    let documents = clients.clone_with_type::<Document>();
    let mut lines = Vec::new();
    for group in groups {
        // Bound as a value: null finds those without an address, as the index sees them.
        let same = doc! { "email": { "$eq": group.get("_id").cloned().unwrap_or(Bson::Null) } };
        let same = documents.find(same).collation(collations::emails());
        let same = same.projection(doc! { "_id": 1 }).sort(doc! { "_id": 1 }).limit(20);
        let same: Vec<Document> = same.await.map_err(store_error)?.try_collect().await.map_err(store_error)?;
        let ids: Vec<String> = same.iter().filter_map(|client| client.get("_id")).map(id_text).collect();
        lines.push(ids.join(" "));
    }
    Ok(lines)
}

/// A line for each address that several clients have, and one if there may be more.
pub(crate) async fn conflicts(clients: &Clients) -> Result<Vec<String>, StoreError> {
    let found = duplicates(clients, MAX_CONFLICTS + 1).await?;
    let is_more = found.len() > MAX_CONFLICTS;
    let line = |ids: String| {
        format!("several clients have the same e-mail address in different letter cases, or have none: clients {ids}")
    };
    let mut lines: Vec<String> = found.into_iter().take(MAX_CONFLICTS).map(line).collect();
    if is_more {
        lines.push("more clients with the same e-mail address".to_owned());
    }
    Ok(lines)
}

/// # Errors
/// [`StoreError::Backend`] with the first of those that have an address in common.
async fn refuse_duplicates(clients: &Clients) -> Result<(), StoreError> {
    let lines = duplicates(clients, LISTED).await?;
    if lines.is_empty() {
        return Ok(());
    }
    Err(StoreError::backend(format!(
        "clients have one e-mail address in several letter cases, or none; nothing was changed. \
         At most {LISTED} addresses, and at most {LISTED} clients of each, by their ids: {}",
        lines.join("; ")
    )))
}

fn id_text(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => id.to_hex(),
        other => format!("(an id of type {:?})", other.element_type()),
    }
}
