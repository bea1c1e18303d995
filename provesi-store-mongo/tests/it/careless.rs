//! Documents that others wrote: what MongoEngine leaves out, and what breaks the rules.

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use provesi_core::{
    Address, Client, ClientKey, ClientListing, ClientName, ClientRepository, ClientRepositoryExt, ClientRow,
    ClientWrite, EmailFault, Expected, Field, Invalid, PageLimit, PageRequest, Phone, Rule, StoreError,
};
use provesi_testkit::data::{record, with};

use crate::common::{Fixture, at, client, date, filter, mongoengine, object_id};

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let Err(StoreError::Corrupt { source }) = &result else { panic!("{result:?}") };
    assert!(source.to_string().contains("client 0"), "it says which: {source}");
    assert!(!source.to_string().contains("example"), "it does not say what is in it: {source}");
}

#[tokio::test]
async fn a_document_of_mongoengine_is_read_as_it_is_and_written_back_in_its_fields() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let before = mongoengine(1, "muestra@example.com");
    fixture.raw().insert_one(&before).await.unwrap();
    let read = store.get(client(1).id).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.email.as_str()), ("Ana 001", "muestra@example.com"));
    assert_eq!(read.phone.as_ref().map(Phone::as_str), Some("(+57) 300 123 4567"));
    assert_eq!(read.address.as_ref().map(Address::as_str), Some("Cra 7 # 1-23"));
    assert_eq!((read.created_at, read.updated_at), (at(0), at(0)));

    let changed = with(read.clone(), |it| it.name = ClientName::parse("Bea").unwrap());
    store.update(&changed, read.version().into(), at(5)).await.unwrap();
    let mut expected = before;
    expected.insert("name", "Bea");
    expected.insert("updated_at", date(at(5)));
    assert_eq!(fixture.document(read.id).await, expected);
}

#[tokio::test]
async fn a_client_is_kept_in_the_fields_that_mongoengine_knows_and_in_no_other() {
    let fixture = Fixture::new().await;
    let whole = with(client(1), |it| it.phone = Phone::parse_optional("300").unwrap());
    let whole = with(whole, |it| it.address = Address::parse_optional("Cra 7").unwrap());
    fixture.store.insert(&whole).await.unwrap();
    let fields: Vec<String> = fixture.document(whole.id).await.keys().cloned().collect();
    assert_eq!(fields, ["_id", "name", "email", "phone", "address", "created_at", "updated_at"]);

    // What is not there is not there, as where MongoEngine saves `None`: neither null nor blank.
    fixture.store.insert(&client(2)).await.unwrap();
    let cleared = with(whole, |it| {
        it.phone = None;
        it.address = None;
    });
    fixture.store.update(&cleared, Expected::Any, at(5)).await.unwrap();
    for id in [client(1).id, client(2).id] {
        let fields: Vec<String> = fixture.document(id).await.keys().cloned().collect();
        assert_eq!(fields, ["_id", "name", "email", "created_at", "updated_at"]);
    }
}

#[tokio::test]
async fn a_phone_or_address_that_is_missing_null_or_blank_is_none_and_can_be_set() {
    let fixture = Fixture::new().await;
    for (n, nothing) in (1..).zip([None, Some(Bson::Null), Some("".into()), Some("  ".into())]) {
        let mut document = mongoengine(n, &format!("a{n}@example.com"));
        for field in ["phone", "address"] {
            document.remove(field);
            document.extend(nothing.clone().map(|nothing| (field.to_owned(), nothing)));
        }
        fixture.raw().insert_one(&document).await.unwrap();
        let read = fixture.store.get(client(n).id).await.unwrap().unwrap();
        assert_eq!((&read.phone, &read.address), (&None, &None));
        // Nothing is nothing: no change, nothing written.
        assert_eq!(fixture.store.update(&read, Expected::Any, at(5)).await.unwrap(), read);
        assert_eq!(fixture.document(read.id).await, document);
        let changed = with(read, |it| it.phone = Phone::parse_optional("300").unwrap());
        let changed = fixture.store.update(&changed, Expected::Any, at(6)).await.unwrap();
        assert_eq!(fixture.store.get(changed.id).await.unwrap(), Some(changed));
    }
    assert_eq!(fixture.store.count(&filter("300")).await.unwrap(), 4);
}

#[tokio::test]
async fn fields_that_nobody_knows_stay_and_are_no_fault() {
    let fixture = Fixture::new().await;
    let mut document = mongoengine(1, "a@example.com");
    document.insert("loyalty", doc! { "points": 7 });
    fixture.raw().insert_one(&document).await.unwrap();
    let read = fixture.store.get(client(1).id).await.unwrap().unwrap();
    let changed = with(read, |it| {
        it.name = ClientName::parse("Bea").unwrap();
        it.phone = None;
    });
    fixture.store.update(&changed, Expected::Any, at(5)).await.unwrap();
    assert_eq!(fixture.document(changed.id).await.get_document("loyalty").unwrap(), &doc! { "points": 7 });
}

#[tokio::test]
async fn an_address_in_upper_case_is_found_and_taken() {
    let fixture = Fixture::new().await;
    fixture.raw().insert_one(mongoengine(1, "ANA@EXAMPLE.COM")).await.unwrap();
    let found = fixture.store.find_by_email(&"ana@example.com".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.email.as_str(), "ANA@example.com");
    let taken = with(client(2), |it| it.email = found.email.clone());
    assert!(matches!(fixture.store.insert(&taken).await, Err(StoreError::AlreadyExists { .. })));
    // The domain is read in lower case; that alone is no change.
    fixture.store.update(&found, found.version().into(), at(5)).await.unwrap();
    assert_eq!(fixture.document(found.id).await.get_str("email").unwrap(), "ANA@EXAMPLE.COM");
}

#[tokio::test]
async fn a_date_is_read_whatever_its_fraction() {
    let fixture = Fixture::new().await;
    for (n, millis) in (1..).zip([0_i64, 1_700_000_000_000, 1_795_493_050_781, -1]) {
        let mut document = mongoengine(n, &format!("a{n}@example.com"));
        document.insert("updated_at", mongodb::bson::DateTime::from_millis(millis));
        fixture.raw().insert_one(document).await.unwrap();
        let read = fixture.store.get(client(n).id).await.unwrap().unwrap();
        assert_eq!(read.updated_at.micros(), millis * 1_000);
        fixture.store.delete(read.id, read.version().into()).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_is_listed_and_one_that_cannot_be_decoded_is_not() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let fault = |field, rule| Some(Invalid::new(field, rule));
    let broken: Vec<(&str, Option<Bson>, Option<Invalid>)> = vec![
        ("name", Some(Bson::Int32(7)), None),
        ("name", Some("  ".into()), fault(Field::Name, Rule::Blank)),
        ("name", Some("x".repeat(101).into()), fault(Field::Name, Rule::TooLong { max: 100 })),
        ("name", None, None),
        ("email", Some("nobody".into()), fault(Field::Email, Rule::Email(EmailFault::NoAt))),
        ("phone", Some(Bson::Int64(3_001_234_567)), None),
        ("phone", Some("1".repeat(21).into()), fault(Field::Phone, Rule::TooLong { max: 20 })),
        ("address", Some(Bson::Array(vec!["Cra 7".into()])), None),
        ("address", Some("ñ".repeat(1_001).into()), fault(Field::Address, Rule::TooLong { max: 1_000 })),
        ("created_at", Some("2026-11-24".into()), None),
        ("updated_at", None, None),
        ("updated_at", Some(Bson::Int64(1_700_000_000_000)), None),
    ];
    let count = u8::try_from(broken.len()).unwrap();
    let mut rows = Vec::new();
    for (n, (field, value, fault)) in (1..).zip(broken) {
        let mut document = mongoengine(n, &format!("a{n}@example.com"));
        document.remove(field);
        document.extend(value.map(|value| (field.to_owned(), value)));
        fixture.raw().insert_one(&document).await.unwrap();
        let id = client(n).id;
        assert_corrupt(store.get(id).await);
        let loaded = store.load(ClientKey::Id(id)).await;
        if let Some(fault) = fault {
            let loaded = loaded.unwrap().unwrap();
            assert_eq!(loaded.faults(), [fault]);
            rows.push(loaded.row);
        } else {
            assert_corrupt(loaded);
            for expected in [Expected::Any, Expected::Version(client(n).version())] {
                assert_corrupt(store.update(&client(n), expected, at(5)).await);
                assert_corrupt(store.delete(id, expected).await);
            }
        }
        assert_eq!(fixture.document(id).await, document, "nothing was changed");
    }
    assert_corrupt(store.find_by_email(&"A1@example.com".parse().unwrap()).await);
    assert_corrupt(store.find_by_email(&"A2@example.com".parse().unwrap()).await);
    for n in [101, 102, 103] {
        rows.push(ClientRow::from(&store.insert(&client(n)).await.unwrap()));
    }
    let ids: Vec<_> = (1..=count).chain([101, 103]).map(|n| client(n).id).collect();
    assert_eq!(store.existing(&ids).await.unwrap(), ids.into_iter().collect());
    for listing in [ClientListing::default(), ClientListing::default().reversed()] {
        rows.sort_by(|a, b| listing.compare(a, b));
        let valid: Vec<Client> = store.stream(&listing).try_collect().await.unwrap();
        assert_eq!(valid, rows.iter().filter_map(|row| row.check().ok()).collect::<Vec<_>>());
        // A page has as many as it should, whatever is left out of it.
        for limit in [1, 2, 3] {
            let (mut all, mut request) = (Vec::new(), PageRequest::first(PageLimit::new(limit).unwrap()));
            loop {
                let page = store.page(&listing, &request).await.unwrap();
                assert!(page.next.is_none() || page.items.len() == request.limit.get());
                all.extend(page.items);
                let Some(next) = page.next else { break };
                request.after = Some(next);
            }
            assert_eq!(all, rows, "pages of {limit}");
        }
    }
    assert_eq!(rows.len(), 8);
    assert_eq!(store.count(&filter("ana")).await.unwrap(), 6);
}

#[tokio::test]
async fn an_id_that_is_none_of_ours_disturbs_nobody() {
    let fixture = Fixture::new().await;
    for id in [Bson::from("ana@example.com"), Bson::Int32(7)] {
        let mut document = mongoengine(1, &format!("{id}x@example.com").replace('"', ""));
        document.insert("_id", id);
        fixture.raw().insert_one(document).await.unwrap();
    }
    fixture.store.insert(&client(2)).await.unwrap();
    let all: Vec<Client> = fixture.store.stream(&ClientListing::default()).try_collect().await.unwrap();
    assert_eq!(all, [client(2)]);
}

#[tokio::test]
async fn a_document_that_cannot_be_decoded_is_corrupt_at_its_position_alone() {
    let fixture = Fixture::new().await;
    for n in 1..=3 {
        fixture.store.insert(&client(n)).await.unwrap();
    }
    let numeric = doc! { "$set": { "name": 7 } };
    fixture.raw().update_one(doc! { "_id": object_id(client(2).id) }, numeric).await.unwrap();
    let id = |n| ClientKey::Id(client(n).id);
    let email = |text: &str| ClientKey::Email(text.parse().unwrap());
    let keys =
        [id(3), id(2), id(4), email("ANA2@ejemplo.co"), email("ana1@EJEMPLO.co"), id(3), email("ana4@ejemplo.co")];
    let [third, second, none, second_too, first, third_too, none_too] =
        fixture.store.get_many(&keys).await.try_into().unwrap();
    assert_corrupt(second);
    assert_corrupt(second_too);
    for (row, expected) in [(third, Some(3)), (none, None), (first, Some(1)), (third_too, Some(3)), (none_too, None)] {
        assert_eq!(row.unwrap(), expected.map(|n| ClientRow::from(&client(n))));
    }
}

#[tokio::test]
async fn a_row_has_the_texts_as_they_are_stored() {
    let fixture = Fixture::new().await;
    let mut document = mongoengine(1, "ANA@EXAMPLE.COM");
    document.extend(doc! { "name": "  ", "phone": "", "address": Bson::Null });
    fixture.raw().insert_one(document).await.unwrap();
    let rows = fixture.store.get_many(&[ClientKey::Id(client(1).id)]).await;
    let row = rows.into_iter().next().unwrap().unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.email.as_str()), ("  ", "ANA@EXAMPLE.COM"));
    assert_eq!((row.phone.as_deref(), row.address.as_deref()), (Some(""), None));
    // The store does not check the rules: an irregular row can be repaired.
    let repaired = with(client(1), |it| it.updated_at = at(1));
    let repair = ClientWrite::Replace { before: row.clone(), after: repaired.clone() };
    fixture.store.commit_one(repair.clone()).await.unwrap();
    assert_eq!(fixture.store.get(client(1).id).await.unwrap(), Some(repaired));
    for stale in [repair, ClientWrite::Delete { before: row }] {
        let refused = fixture.store.commit_one(stale).await;
        assert!(matches!(refused, Err(StoreError::VersionConflict)), "{refused:?}");
    }
}

/// As Django's `QuerySet.update()` and MongoEngine's `update()` do it.
#[tokio::test]
async fn a_foreign_write_that_keeps_updated_at_is_a_version_conflict() {
    let fixture = Fixture::new().await;
    for (n, (field, value)) in (1..).zip([
        ("name", Some("Bea".into())),
        ("email", Some("ANA2@ejemplo.co".into())),
        ("phone", Some("300 7".into())),
        ("address", None),
        ("created_at", Some(Bson::DateTime(date(at(1))))),
    ]) {
        fixture.raw().insert_one(mongoengine(n, &format!("Ana{n}@ejemplo.co"))).await.unwrap();
        let id = client(n).id;
        let before = fixture.store.load(ClientKey::Id(id)).await.unwrap().unwrap();
        let change = match value {
            Some(value) => doc! { "$set": { field: value } },
            None => doc! { "$unset": { field: "" } },
        };
        fixture.raw().update_one(doc! { "_id": object_id(id) }, change).await.unwrap();
        let changed = fixture.document(id).await;
        let content = with(record(&before), |it| it.name = ClientName::parse("Cleo").unwrap());
        let after = before.with_content(content.clone(), at(5)).unwrap();
        for refused in [
            fixture.store.commit_one(ClientWrite::replace(before.clone(), after)).await,
            fixture.store.commit_one(ClientWrite::delete(before.clone())).await,
            fixture.store.update(&content, before.version().into(), at(5)).await.map(drop),
            fixture.store.delete(id, before.version().into()).await.map(drop),
        ] {
            assert!(matches!(refused, Err(StoreError::VersionConflict)), "{field}: {refused:?}");
        }
        assert_eq!(fixture.document(id).await, changed, "{field}");
    }
}

#[tokio::test]
async fn a_null_phone_and_a_missing_one_are_the_same_value() {
    let fixture = Fixture::new().await;
    let (unset, set_null) = (doc! { "$unset": { "phone": "" } }, doc! { "$set": { "phone": null } });
    for (n, read, later) in [(1, &unset, &set_null), (2, &set_null, &unset)] {
        let same = doc! { "_id": object_id(client(n).id) };
        fixture.raw().insert_one(mongoengine(n, &format!("a{n}@example.com"))).await.unwrap();
        fixture.raw().update_one(same.clone(), read.clone()).await.unwrap();
        let before = fixture.store.load(ClientKey::Id(client(n).id)).await.unwrap().unwrap();
        fixture.raw().update_one(same, later.clone()).await.unwrap();
        fixture.store.commit_one(ClientWrite::delete(before)).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_beside_ours_is_noticed() {
    let fixture = Fixture::new().await;
    fixture.raw().insert_one(mongoengine(1, "a@example.com")).await.unwrap();
    let read = fixture.store.get(client(1).id).await.unwrap().unwrap();
    // As MongoEngine's `save()` does it.
    let same: Document = doc! { "_id": object_id(read.id) };
    let save = doc! { "$set": { "phone": "3001234567", "updated_at": date(at(1)) } };
    fixture.raw().update_one(same, save).await.unwrap();
    let changed = with(read.clone(), |it| it.name = ClientName::parse("Bea").unwrap());
    let refused = fixture.store.update(&changed, read.version().into(), at(5)).await;
    assert!(matches!(refused, Err(StoreError::VersionConflict)), "{refused:?}");
    let refused = fixture.store.delete(read.id, read.version().into()).await;
    assert!(matches!(refused, Err(StoreError::VersionConflict)), "{refused:?}");
    assert_eq!(fixture.document(read.id).await.get_str("phone").unwrap(), "3001234567");
}
