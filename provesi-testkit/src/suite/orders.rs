//! The cases for stores of orders.

pub mod round_trip;
mod support;
pub mod uniqueness;

/// The list of cases, handed to the macro named first with the arguments that follow, by topic. A case takes the
/// store; those under `on_many_stores` take the fixture.
#[macro_export]
macro_rules! order_repository_cases {
    ([$($callback:tt)*] [$($args:tt)*]) => {
        $($callback)* ! {
            [$($args)*]
            on_one_store {
                round_trip {
                    every_field_comes_back_as_it_was_given
                    the_longest_of_every_field_comes_back
                    instants_come_back_to_the_microsecond
                    every_status_comes_back
                    a_return_without_a_reason_comes_back_as_one
                    an_update_keeps_every_field
                    ids_are_positive_and_never_those_of_deleted_orders
                    an_unknown_order_is_none
                    a_deleted_order_is_answered_as_it_was_and_found_no_more
                    the_store_answers_and_has_a_name
                }
                uniqueness {
                    a_number_is_taken_in_any_letter_case
                    an_update_cannot_take_the_number_of_another
                    an_update_may_change_the_letter_case_of_its_own_number
                    a_number_is_free_again_once_its_order_changed_it_or_is_gone
                    one_of_many_who_want_the_same_number_gets_it
                    one_of_many_who_renumber_to_the_same_number_gets_it
                }
            }
            on_many_stores {}
        }
    };
}
