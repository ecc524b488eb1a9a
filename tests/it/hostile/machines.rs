//! Inputs 50 to 52: disks and key files.

use super::check;

#[test]
fn input_50_a_full_disk_acknowledges_nothing_and_recovers() {
    check(50);
}

#[test]
fn input_51_a_damaged_store_is_moved_aside_and_fetched_again() {
    check(51);
}

#[test]
fn input_52_a_bad_key_file_stops_the_node_with_words() {
    check(52);
}
