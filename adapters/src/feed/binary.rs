//! Every text frame of a websocket made a binary one, before the library sees it.
//!
//! Anybody may write to a feed, and what they write comes as it is. The library ends the connection
//! at a text that is not UTF-8, and there is no way to tell it not to; binary frames it hands over
//! unseen. So the kind of a frame is changed in its header on the way, four bits of it, and what it
//! holds is passed over by its length. A frame that continues another has no kind of its own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bits of a frame's first byte that say its kind.
const KIND: u8 = 0x0f;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// The bit of a frame's second byte that says that four bytes of a mask follow the length.
const MASKED: u8 = 0x80;

/// A stream whose other end writes frames.
#[derive(Debug)]
pub(super) struct AsBinary<S> {
    stream: S,
    next: Next,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug)]
enum Next {
    Kind,
    Length,
    /// One of so many bytes that a longer length is written in, after `so_far` and before `mask`.
    LongLength {
        left: u8,
        so_far: u64,
        mask: u64,
    },
    /// One of so many that mean nothing here.
    Content(u64),
}

impl<S> AsBinary<S> {
    /// What is read from `stream` from now on, after the beginning that came already.
    pub(super) fn new(stream: S, came: &mut [u8]) -> Self {
        let mut next = Next::Kind;
        next.pass(came);
        Self { stream, next }
    }
}

impl Next {
    /// Changes the kinds in the bytes that come next.
    fn pass(&mut self, mut bytes: &mut [u8]) {
        while let [byte, ..] = bytes {
            let mut passed = 1;
            *self = match *self {
                Self::Kind => {
                    if *byte & KIND == TEXT {
                        *byte ^= TEXT ^ BINARY;
                    }
                    Self::Length
                }
                Self::Length => Self::after_length(*byte),
                Self::LongLength { left, so_far, mask } => {
                    let so_far = so_far << 8 | u64::from(*byte);
                    match left {
                        ..=1 => Self::after_header(so_far.saturating_add(mask)),
                        _ => Self::LongLength { left: left - 1, so_far, mask },
                    }
                }
                Self::Content(left) => {
                    passed = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    Self::after_header(left - passed as u64)
                }
            };
            bytes = &mut bytes[passed..];
        }
    }

    fn after_length(byte: u8) -> Self {
        let mask = if byte & MASKED == 0 { 0 } else { 4 };
        match byte & !MASKED {
            126 => Self::LongLength { left: 2, so_far: 0, mask },
            127 => Self::LongLength { left: 8, so_far: 0, mask },
            length => Self::after_header(u64::from(length) + mask),
        }
    }

    fn after_header(content: u64) -> Self {
        if content == 0 { Self::Kind } else { Self::Content(content) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for AsBinary<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.next.pass(&mut buf.filled_mut()[before..]);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AsBinary<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame with this first byte, that holds so many bytes.
    fn frame(first: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { MASKED } else { 0 };
        let mut frame = vec![first];
        match u16::try_from(length) {
            Ok(length @ ..=125) => frame.push(mask | length.to_be_bytes()[1]),
            Ok(length) => {
                frame.push(mask | 126);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        // What it holds looks like headers of text frames.
        frame.resize(frame.len() + length + if masked { 4 } else { 0 }, 0x81);
        frame
    }

    proptest! {
        #[test]
        fn only_the_kinds_of_text_frames_change(
            frames in prop::collection::vec((any::<u8>(), prop_oneof![0..300_usize, 65_530..65_540_usize], any::<bool>()), 0..6),
            pieces in prop::collection::vec(1..70_000_usize, 1..9),
        ) {
            let all = |kind: fn(u8) -> u8| -> Vec<u8> {
                frames.iter().flat_map(|(first, length, masked)| frame(kind(*first), *length, *masked)).collect()
            };
            let expected = all(|first| if first & KIND == TEXT { first & !KIND | BINARY } else { first });
            let mut came = all(|first| first);
            let mut next = Next::Kind;
            let mut at = 0;
            for piece in pieces.iter().cycle() {
                let end = (at + piece).min(came.len());
                next.pass(&mut came[at..end]);
                at = end;
                if at == came.len() {
                    break;
                }
            }
            prop_assert!(came == expected);
        }
    }

    #[test]
    fn no_length_is_too_long() {
        let mut next = Next::Kind;
        next.pass(&mut [[0x81, 0xff].as_slice(), &[0xff; 8], &[0x81; 100]].concat());
        assert!(matches!(next, Next::Content(left) if left == u64::MAX - 100));
    }
}
