//! The cases for stores of orders.

#![allow(missing_docs, reason = "the name of a case is what it checks")]

pub mod batches;
pub mod counts;
pub mod detach;
pub mod entries;
pub mod events;
pub mod history;
pub mod irregular;
pub mod listing;
pub mod lookup;
pub mod model;
pub mod races;
pub mod reopening;
pub mod returns;
pub mod round_trip;
pub mod streams;
pub mod uniqueness;

use std::sync::Arc;

use provesi_core::OrderRepository;

/// What a fixture gives, as the cases take it.
#[doc(hidden)]
pub fn under_test(store: impl OrderRepository) -> Arc<dyn OrderRepository> {
    Arc::new(store)
}

/// Makes a test of each case of the suite for stores of orders. Use it in a module of its own.
///
/// ```rust,ignore
/// provesi_testkit::order_repository_suite!(super::empty, reopen = super::reopen, plant = super::plant_orders);
/// ```
///
/// The first argument is the path of an `async fn() -> (S, G)` that gives an empty store `S`, or an `Arc` of
/// it; the guard `G`, such as a temporary folder, is kept until the case ends. Two optional hooks, in this order,
/// add cases:
///
/// - `reopen`, an `async fn(&G) -> S`, opens the store of `G` again, as the next process would. The case has dropped the
///   `S` from before, and reads what it wrote.
/// - `plant`, an `async fn(Vec<OrderRow>) -> (S, G)`, gives a store that has these rows, which another program wrote:
///   unchecked, without events, and with whatever the store looks them up by.
#[macro_export]
macro_rules! order_repository_suite {
    ($fixture:path $(, reopen = $reopen:path)? $(, plant = $plant:path)? $(,)?) => {
        $crate::__conformance_tests! {
            orders, $fixture,
            round_trip:
                every_field_comes_back_as_it_was_given,
                the_longest_fields_come_back,
                instants_come_back_to_the_microsecond,
                an_update_replaces_every_field,
                ids_are_never_given_twice;
            uniqueness:
                a_number_is_taken_in_any_letter_case_at_insert,
                a_number_is_taken_in_any_letter_case_at_update,
                the_own_number_may_change_its_letter_case,
                a_deleted_or_renamed_order_frees_its_number;
            batches:
                every_column_that_was_read_is_compared,
                each_write_of_a_batch_stands_alone,
                one_of_two_writes_to_an_order_or_a_number_is_made,
                a_batch_of_thousands_is_committed_and_read,
                an_empty_batch_does_nothing;
            entries:
                an_entry_is_put_replaced_and_removed,
                an_entry_that_is_not_as_it_was_read_is_not_changed,
                an_order_and_its_entries_are_written_together_or_not_at_all,
                each_write_of_a_batch_has_its_own_entries,
                one_of_many_writes_of_an_entry_is_made,
                one_of_two_writes_that_exclude_each_other_is_made,
                due_entries_come_in_pages,
                no_order_is_attached_to_a_retired_client,
                orders_are_detached_from_a_retired_client_only,
                no_order_is_attached_behind_a_retirement,
                a_deleted_order_is_restored_with_its_id,
                events_are_appended_without_a_change_and_rewritten,
                a_condition_is_required_whatever_the_write_is;
            races:
                conditional_updates_at_once_are_all_counted,
                unconditional_updates_at_once_follow_each_other,
                one_of_many_inserts_of_a_number_wins,
                one_of_two_renames_to_a_number_wins,
                an_update_and_a_delete_at_once_leave_no_half_order,
                a_dropped_write_is_there_as_a_whole_or_not_at_all,
                dropped_changes_and_their_events_are_there_both_or_not_at_all,
                acknowledged_writes_after_abandoned_ones_are_found;
            returns:
                reason_and_date_are_kept_and_cleared_together,
                a_return_without_a_reason_stays_readable,
                returns_without_a_date_are_listed_before_the_latest,
                a_reason_that_is_longer_than_one_may_be_given_stays_readable;
            events:
                every_change_leaves_its_events_in_order,
                a_refused_change_leaves_no_event,
                events_carry_the_stamp,
                the_feed_is_read_in_pieces,
                a_reader_of_the_feed_misses_nothing_while_writers_overlap,
                events_are_there_exactly_when_the_changes_are;
            history:
                a_history_follows_its_order_through_renumbering,
                the_history_of_a_deleted_order_stays,
                the_history_of_a_reused_number_is_that_of_its_owner,
                the_last_owner_of_a_free_number_is_told_of,
                a_history_is_read_in_pieces,
                a_number_that_nobody_had_has_no_history;
            lookup:
                an_order_is_found_by_its_number_in_any_letter_case,
                client_ids_are_told_once_each_and_ascending,
                the_store_answers_and_has_a_name;
            counts:
                an_empty_store_has_the_groups_that_are_always_there,
                counts_by_client_have_zeros,
                counts_by_client_take_any_number_of_ids,
                counts_agree_with_the_filter,
                orders_are_counted_by_status,
                orders_are_counted_by_the_day_of_their_creation,
                events_are_counted_by_day_and_kind,
                events_are_counted_by_actor_and_kind,
                a_period_of_events_includes_its_start_and_not_its_end;
            detach:
                a_detach_and_updates_at_once_lose_nothing;
            listing:
                pages_of_any_size_cover_each_order_once_by_every_sort,
                numbers_are_sorted_byte_by_byte,
                returns_of_a_period_are_those_of_its_instants,
                every_combination_of_filters_finds_what_matches,
                parts_of_numbers_are_found_in_any_letter_case,
                the_reversed_listing_walks_back_with_the_same_cursors,
                a_cursor_of_another_listing_is_refused,
                a_page_tells_only_of_a_next_one_that_has_something;
            streams:
                a_stream_of_client_ids_outlives_the_handle;
        }
        $(
            $crate::__reopening_cases!(
                orders, $fixture, $reopen,
                orders_and_events_are_there_after_reopening,
                entries_are_there_after_reopening,
                writes_are_compared_with_what_was_there_before_reopening,
                ids_go_on_after_reopening
            );
        )?
        $(
            $crate::__irregular_cases!(
                orders, $plant,
                irregular_orders_are_listed_and_repaired,
                irregular_orders_are_deleted,
                orders_without_events_are_found_by_the_number_that_they_give_up
            );
        )?
    };
}
