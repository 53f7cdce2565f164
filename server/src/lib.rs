//! The server behind the binary `status`.
