//! Inputs 7 to 13: signatures.

use super::check;

#[test]
fn input_07_another_encoding_of_the_same_entry_is_not_signed() {
    check(7);
}

#[test]
fn input_08_a_later_versions_field_is_relayed_byte_by_byte() {
    check(8);
}

#[test]
fn input_09_a_signature_one_bit_off_short_or_missing_is_dropped() {
    check(9);
}

#[test]
fn input_10_a_signature_above_the_groups_order_is_dropped() {
    check(10);
}

#[test]
fn input_11_an_admit_of_a_weak_key_admits_nobody() {
    check(11);
}

#[test]
fn input_12_a_signature_with_r_of_small_order_is_dropped() {
    check(12);
}

#[test]
fn input_13_a_signature_for_something_else_is_dropped() {
    check(13);
}
