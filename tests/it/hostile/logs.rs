//! Inputs 14 to 19, 45 to 47 and 55: logs, forks, receipts, quotas.

use super::check;

#[test]
fn input_14_a_replayed_entry_is_stored_once_and_acknowledged_each_time() {
    check(14);
}

#[test]
fn input_15_two_entries_at_one_sequence_are_a_proven_fork() {
    check(15);
}

#[test]
fn input_16_of_a_thousand_branches_all_nodes_keep_the_same_proof() {
    check(16);
}

#[test]
fn input_17_gaps_and_impossible_sequences_are_refused() {
    check(17);
}

#[test]
fn input_18_an_entry_that_continues_another_past_is_dropped() {
    check(18);
}

#[test]
fn input_19_an_entry_after_the_end_is_late_and_a_rewritten_one_a_fork() {
    check(19);
}

#[test]
fn input_45_false_receipts_turn_nothing_green() {
    check(45);
}

#[test]
fn input_46_boasts_turn_nothing_green() {
    check(46);
}

#[test]
fn input_47_a_lying_cloud_turns_green_only_what_it_signs_for() {
    check(47);
}

#[test]
fn input_55_a_member_that_writes_for_ever_fills_its_own_quota_only() {
    check(55);
}
