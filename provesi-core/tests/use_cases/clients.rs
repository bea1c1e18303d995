use provesi_core::{
    AppError, ClientChange, ClientName, ClientRepositoryExt, Expected, OrderRepositoryExt, Phone, Refusal, StoreError,
};

use crate::{ANY, World, draft, number};

#[tokio::test]
async fn a_client_is_kept_as_it_was_made() {
    let world = World::new();
    let made = world.client("Ana@Example.com").await;
    assert_eq!(made.email.as_str(), "Ana@example.com");
    assert_eq!(world.app.client(&world.caller, made.id).await.unwrap(), made.into());
}

#[tokio::test]
async fn a_taken_email_is_refused_in_any_letter_case() {
    let world = World::new();
    world.client("ana@example.com").await;
    let refused = world.app.create_client(&world.caller, draft("ANA@example.com")).await.unwrap_err();
    assert_eq!(refused.refusals(), [Refusal::EmailTaken]);
}

#[tokio::test]
async fn an_edit_changes_only_what_it_names() {
    let world = World::new();
    let made = world.client("ana@example.com").await;
    let change = ClientChange::builder().phone(Phone::parse("300").ok()).build();
    let edited = world.app.edit_client(&world.caller, made.id, &change, ANY).await.unwrap();
    assert_eq!((&edited.name, edited.phone.as_ref().unwrap().as_str()), (&made.name, "300"));
    let change = ClientChange::builder().phone(None).build();
    let cleared = world.app.edit_client(&world.caller, made.id, &change, ANY).await.unwrap();
    assert_eq!(cleared.phone, None);
    assert!(cleared.updated_at > edited.updated_at && edited.updated_at > made.updated_at);
}

#[tokio::test]
async fn an_edit_of_a_stale_version_is_shown_what_is_there() {
    let world = World::new();
    let made = world.client("ana@example.com").await;
    let named = |name: &str| ClientChange::builder().maybe_name(ClientName::parse(name).ok()).build();
    let version = Expected::Version(made.version());
    let edited = world.app.edit_client(&world.caller, made.id, &named("Bea"), version).await.unwrap();
    let refused = world.app.edit_client(&world.caller, made.id, &named("Clara"), version).await.unwrap_err();
    let AppError::ClientChanged { current } = refused else { panic!("{refused:?}") };
    assert_eq!(*current, edited.clone().into());
    let refused = world.app.delete_client(&world.caller, made.id, version).await.unwrap_err();
    assert!(matches!(refused, AppError::ClientChanged { .. }), "{refused:?}");
    assert_eq!(world.app.client(&world.caller, made.id).await.unwrap(), edited.into());
}

#[tokio::test]
async fn a_deleted_client_leaves_its_orders_without_one() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    world.order("A-1", Some(&client)).await;
    let deletion = world.app.delete_client(&world.caller, client.id, ANY).await.unwrap();
    assert_eq!((deletion.client, deletion.detached), (Some(client.clone().into()), Some(1)));
    let order = OrderRepositoryExt::find_by_number(&world.store, &number("a-1")).await.unwrap().unwrap();
    assert_eq!(order.client_id, None);
    assert_eq!(ClientRepositoryExt::get(&world.store, client.id).await.unwrap(), None);
    let again = world.app.delete_client(&world.caller, client.id, ANY).await.unwrap_err();
    assert!(matches!(again, AppError::ClientNotFound), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_different_fields_at_once_all_stay() {
    let world = World::new();
    let made = world.client("ana@example.com").await;
    for round in 0..50 {
        let name = ClientChange::builder().maybe_name(ClientName::parse(format!("Ana {round}")).ok()).build();
        let phone = ClientChange::builder().phone(Phone::parse(round.to_string()).ok()).build();
        let edits = tokio::join!(
            world.app.edit_client(&world.caller, made.id, &name, ANY),
            world.app.edit_client(&world.caller, made.id, &phone, ANY),
        );
        assert!(edits.0.is_ok() && edits.1.is_ok());
        let client = world.app.client(&world.caller, made.id).await.unwrap().valid().unwrap();
        assert_eq!((Some(client.name), Some(client.phone)), (name.name, phone.phone));
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_neither_empty_nor_not_found() {
    let world = World::new();
    let client = world.client("ana@example.com").await;
    let (app, faults) = crate::lists::with_faulty_clients(&world);
    faults.fail_all();
    let refused = app.client(&world.caller, client.id).await.unwrap_err();
    assert!(matches!(refused, AppError::Clients(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(refused.is_transient() && refused.is_fault());
}
