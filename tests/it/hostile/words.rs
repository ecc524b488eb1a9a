//! Inputs 35, 53 and 54: times, tickets, labels.

use super::check;

#[test]
fn input_35_impossible_times_decide_nothing() {
    check(35);
}

#[test]
fn input_53_a_bad_ticket_changes_nothing() {
    check(53);
}

#[test]
fn input_54_a_label_that_deceives_is_refused_everywhere() {
    check(54);
}
