//! Runs `tallyline_tests::fuzz::mdns`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tallyline_tests::fuzz::mdns::run(data));
