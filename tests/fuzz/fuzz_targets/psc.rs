//! Runs `tallyline_tests::fuzz::psc`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::psc::run(data));
