//! The cases for stores of clients.

#![allow(missing_docs, reason = "the name of a case is what it checks")]

pub mod batches;
pub mod irregular;
pub mod listing;
pub mod lookup;
pub mod model;
mod name_order;
pub mod races;
pub mod reopening;
pub mod round_trip;
pub mod uniqueness;

pub use name_order::{Clients, NameOrder};

/// What a fixture gives, as the cases take it.
#[doc(hidden)]
pub fn under_test(store: impl Into<Clients>) -> Clients {
    store.into()
}

/// Makes a test of each case of the suite for stores of clients. Use it in a module of its own.
///
/// ```rust,ignore
/// provesi_testkit::client_repository_suite!(super::empty, reopen = super::reopen, plant = super::plant_clients);
/// ```
///
/// The first argument is the path of an `async fn() -> (S, G)` that gives an empty store `S`, or an `Arc` of
/// it; the guard `G`, such as a temporary folder, is kept until the case ends. A store over a database without a
/// collation for Spanish declares its order of names: there `S` is
/// [`Clients`](crate::conformance::clients::Clients). Two optional hooks, in this order, add cases:
///
/// - `reopen`, an `async fn(&G) -> S`, opens the store of `G` again, as the next process would. The case has dropped the
///   `S` from before, and reads what it wrote.
/// - `plant`, an `async fn(Vec<ClientRow>) -> (S, G)`, gives a store that has these rows, which another program wrote:
///   unchecked, and with whatever the store looks them up by.
#[macro_export]
macro_rules! client_repository_suite {
    ($fixture:path $(, reopen = $reopen:path)? $(, plant = $plant:path)? $(,)?) => {
        $crate::__conformance_tests! {
            clients, $fixture,
            round_trip:
                every_field_comes_back_as_it_was_given,
                the_longest_fields_come_back,
                instants_come_back_to_the_millisecond,
                what_is_finer_than_a_store_keeps_is_cut_and_told,
                a_version_is_compared_as_it_comes_back,
                an_update_replaces_every_field;
            uniqueness:
                an_id_is_taken_once,
                an_email_is_taken_in_any_letter_case_at_insert,
                an_email_is_taken_in_any_letter_case_at_update,
                the_own_email_may_change_its_letter_case,
                a_deleted_client_frees_its_email;
            batches:
                every_field_that_was_read_is_compared,
                each_write_of_a_batch_stands_alone,
                a_batch_of_thousands_is_committed_and_read,
                an_empty_batch_does_nothing;
            races:
                conditional_updates_at_once_are_all_counted,
                one_of_many_inserts_of_an_email_wins,
                one_of_two_updates_to_an_email_wins,
                an_update_and_a_delete_at_once_leave_no_half_client,
                a_dropped_insert_is_there_as_a_whole_or_not_at_all,
                a_dropped_change_is_there_as_a_whole_or_not_at_all,
                acknowledged_writes_after_abandoned_ones_are_found;
            lookup:
                a_client_is_found_by_email_in_any_letter_case,
                counts_agree_with_the_filter,
                the_store_answers_and_has_a_name;
            listing:
                names_are_in_the_declared_order,
                names_that_sort_alike_are_in_the_order_of_their_ids,
                pages_of_any_size_cover_each_client_once,
                the_reversed_listing_walks_back_with_the_same_cursors,
                a_cursor_of_another_listing_is_refused,
                a_search_finds_what_matches_and_nothing_else,
                a_search_lists_what_starts_with_the_text_first;
        }
        $(
            $crate::__reopening_cases!(
                clients, $fixture, $reopen,
                clients_are_there_after_reopening,
                writes_are_compared_with_what_was_there_before_reopening
            );
        )?
        $(
            $crate::__irregular_cases!(
                clients, $plant,
                irregular_clients_are_listed_and_repaired,
                irregular_clients_are_deleted
            );
        )?
    };
}
