#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| status_sim::fuzz::report_frame(bytes));
