//! Runs `tallyline_tests::fuzz::bundle`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::bundle::run(data));
