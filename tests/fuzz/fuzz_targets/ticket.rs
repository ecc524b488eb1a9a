//! Runs `tallyline_tests::fuzz::ticket`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::ticket::run(data));
