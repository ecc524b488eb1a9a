//! Runs `tallyline_tests::fuzz::frame`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::frame::run(data));
