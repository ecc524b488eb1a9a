//! Inputs 1 to 6, 48 and 49: frames and what is in them.

use super::check;

#[test]
fn input_01_rubbish_is_refused_and_ends_the_connection_at_the_tenth() {
    check(1);
}

#[test]
fn input_02_a_frame_of_four_gibibytes_is_refused_before_anything_is_allocated() {
    check(2);
}

#[test]
fn input_03_a_byte_a_second_is_given_up_after_ten_seconds() {
    check(3);
}

#[test]
fn input_04_of_a_hundred_idle_streams_sixteen_are_granted() {
    check(4);
}

#[test]
fn input_05_thousands_of_empty_messages_are_refused_without_memory() {
    check(5);
}

#[test]
fn input_06_groups_nested_too_deep_are_malformed_or_kept_unread() {
    check(6);
}

#[test]
fn input_48_a_structure_with_another_hash_or_too_large_is_refused() {
    check(48);
}

#[test]
fn input_49_frames_of_unknown_kinds_are_skipped_since_media_never_come_as_frames() {
    check(49);
}
