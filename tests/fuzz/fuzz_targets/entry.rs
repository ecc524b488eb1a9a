//! Runs `tallyline_tests::fuzz::entry`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::entry::run(data));
