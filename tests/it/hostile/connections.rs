//! Inputs 36 to 40 and 42 to 44: certificates, strangers, first packets, discovery.

use super::check;

#[test]
fn input_36_wrong_certificates_are_refused_and_dates_ignored() {
    check(36);
}

#[test]
fn input_37_a_copied_certificate_opens_nothing() {
    check(37);
}

#[test]
fn input_38_old_tls_is_refused_and_no_ticket_given() {
    check(38);
}

#[test]
fn input_39_a_stranger_stays_five_seconds_and_leaves_nothing() {
    check(39);
}

#[test]
fn input_40_a_cloned_device_is_served_twice_and_shown() {
    check(40);
}

#[test]
fn input_41_a_revoked_device_is_cut_off_within_a_second() {
    check(41);
}

#[test]
fn input_42_a_flood_of_first_packets_keeps_nobody_out() {
    check(42);
}

#[test]
fn input_43_a_handshake_in_crumbs_costs_little() {
    check(43);
}

#[test]
fn input_44_forged_records_neither_mislead_nor_keep_anybody_out() {
    check(44);
}
