//! Runs `tallyline_tests::fuzz::structure`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::structure::run(data));
