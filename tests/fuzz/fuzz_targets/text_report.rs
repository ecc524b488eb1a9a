//! Runs `tallyline_tests::fuzz::text_report`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::text_report::run(data));
