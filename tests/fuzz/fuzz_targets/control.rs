//! Runs `tallyline_tests::fuzz::control`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::control::run(data));
