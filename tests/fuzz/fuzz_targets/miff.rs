//! Runs `tallyline_tests::fuzz::miff`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::miff::run(data));
