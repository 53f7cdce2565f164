//! Mock servers on loopback that speak like the real book, relay, jump and mail server.
//!
//! A [`Lab`] is the truth; [`Services`] are the four servers that tell of it, and each can be made
//! to fail in the ways that the real ones do.
//!
//! ```
//! use std::time::Duration;
//! use status_sim::mock::{BookFault, Lab, Services, ServicesOptions};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let lab = Lab::with_experiments(2, &["data", "video"]);
//! let services = Services::start(&lab, ServicesOptions::default()).await?;
//! for (variable, value) in services.environment() {
//!     println!("{variable}={value}"); // as `status serve` wants it
//! }
//! lab.silence("pend00-st-video");
//! services.book.set_fault(BookFault::Unavailable);
//! let came = services.smtp.wait_for_mails(1, Duration::from_millis(1)).await;
//! assert!(came.is_err(), "nobody runs who could send one");
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```

mod book;
pub mod clock;
mod feed;
mod go;
mod http;
mod lab;
mod net;
mod services;
mod smtp;
mod token;
mod wait;

pub use book::{Book, BookFault, BookOptions, BookRequest, BookState};
pub use feed::{Dialect, Feed, FeedFault, FeedOptions, FeedSeen};
pub use lab::Lab;
pub use services::{Services, ServicesOptions};
pub use smtp::{Mail, Smtp, SmtpFault, SmtpOptions, SmtpSeen, SmtpTls};
pub use wait::Late;

pub use crate::service::Flap;
