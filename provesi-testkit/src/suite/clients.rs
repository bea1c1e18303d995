//! The cases for stores of clients.

pub mod round_trip;
mod support;
pub mod uniqueness;
pub mod versions;

/// The list of cases, handed to the macro named first with the arguments that follow, by topic. A case takes the
/// store; those under `on_many_stores` take the fixture.
#[macro_export]
macro_rules! client_repository_cases {
    ([$($callback:tt)*] [$($args:tt)*]) => {
        $($callback)* ! {
            [$($args)*]
            on_one_store {
                round_trip {
                    every_field_comes_back_as_it_was_given
                    the_longest_of_every_field_comes_back
                    instants_come_back_to_the_microsecond
                    an_update_keeps_every_field
                    an_unknown_id_is_none
                    a_deleted_client_is_answered_as_it_was_and_found_no_more
                    the_store_answers_and_has_a_name
                }
                uniqueness {
                    an_email_is_taken_in_any_letter_case
                    an_id_is_taken
                    an_update_cannot_take_the_email_of_another
                    an_update_may_change_the_letter_case_of_its_own_email
                    an_email_is_free_again_once_its_client_changed_it_or_is_gone
                    one_of_many_who_want_the_same_email_gets_it
                    one_of_many_who_move_to_the_same_email_gets_it
                    one_of_many_who_insert_the_same_id_gets_it
                }
                versions {
                    an_update_with_a_stale_version_changes_nothing
                    a_delete_with_a_stale_version_changes_nothing
                    a_stale_version_is_a_conflict_even_where_nothing_would_change
                    a_stale_version_is_told_before_a_taken_email
                    any_version_is_overwritten_where_that_is_asked_for
                    a_version_that_fits_is_written
                    an_update_of_an_unknown_client_is_not_found
                    a_second_delete_is_not_found
                    a_version_grows_even_if_the_clock_does_not
                    a_version_in_microseconds_is_compared_and_followed_exactly
                    an_update_that_changes_nothing_keeps_the_version
                    an_update_ignores_the_instants_it_is_given
                }
            }
            on_many_stores {}
        }
    };
}
