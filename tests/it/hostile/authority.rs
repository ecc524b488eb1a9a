//! Inputs 20 to 34: who may say what.

use super::check;

#[test]
fn input_20_a_log_under_an_unknown_grant_waits_outside() {
    check(20);
}

#[test]
fn input_21_a_grant_by_somebody_else_grants_nothing() {
    check(21);
}

#[test]
fn input_22_of_two_grants_for_one_cell_all_nodes_see_the_same_one_live() {
    check(22);
}

#[test]
fn input_23_an_assign_that_closes_what_is_not_there_is_invalid() {
    check(23);
}

#[test]
fn input_24_a_cut_at_an_unknown_hash_holds_what_comes_up_to_it() {
    check(24);
}

#[test]
fn input_25_an_owner_cannot_revoke_itself() {
    check(25);
}

#[test]
fn input_26_a_revoked_key_is_never_a_member_again() {
    check(26);
}

#[test]
fn input_27_a_transfer_that_nobody_agreed_to_is_void() {
    check(27);
}

#[test]
fn input_28_an_old_owner_says_nothing_any_more() {
    check(28);
}

#[test]
fn input_29_a_recovery_by_an_unlisted_key_is_refused() {
    check(29);
}

#[test]
fn input_30_a_flood_of_statements_is_the_owners_alone() {
    check(30);
}

#[test]
fn input_31_what_a_stolen_device_writes_past_its_cut_is_quarantined() {
    check(31);
}

#[test]
fn input_32_what_a_dead_device_wrote_past_its_cut_is_late() {
    check(32);
}

#[test]
fn input_33_a_void_by_somebody_else_undoes_nothing() {
    check(33);
}

#[test]
fn input_34_a_score_outside_the_structure_is_kept_and_not_counted() {
    check(34);
}
