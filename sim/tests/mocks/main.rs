//! Whether the mocks answer what the real services answered, and fail as they should.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps the tests fails as they do")]

mod book;
mod captures;
mod feed;
mod smtp;
mod wire;
