//! Runs `tallyline_tests::fuzz::registration`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::registration::run(data));
