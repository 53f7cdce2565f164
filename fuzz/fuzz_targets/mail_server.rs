#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| status_sim::fuzz::mail_server(bytes));
