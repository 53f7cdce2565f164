//! The whole server over real sockets: mock services on loopback, and limits so short that an
//! outage takes seconds. Each test runs a server of its own, in a runtime of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod api;
mod attention;
mod book;
mod driver;
mod events;
mod feeds;
mod garbage;
mod health;
mod large;
mod mail_server;
mod mails;
mod metrics;
mod observe;
mod old_client;
mod one_truth;
mod overview;
mod page;
mod startup;
mod stream;
mod support;
