//! The text of a mail as it goes over the wire.

/// How much is written at a time, in bytes.
const BLOCK: usize = 16_384;

/// What ends a text.
pub(super) const END: &[u8] = b".\r\n";

/// The text with every line ended by CR and LF, also the last, and with the dots doubled that begin a line: so that
/// nothing in it can pass for its end (RFC 5321, 4.5.2).
pub(super) fn for_the_wire(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(text.len() + text.len() / 64 + 2);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
        if rest[0] == b'.' {
            wire.push(b'.');
        }
        wire.extend_from_slice(&rest[..end]);
        wire.extend_from_slice(b"\r\n");
        let skipped = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = rest.get(end + skipped..).unwrap_or_default();
    }
    wire
}

/// The text in blocks, each of which has its time.
pub(super) fn blocks(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    wire.chunks(BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_passes_for_its_end() {
        for (text, wire) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\r\n", "a\r\n"),
            ("a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd\r\n"),
            (".\r\n..\n.a\ra.", "..\r\n...\r\n..a\r\na.\r\n"),
            ("a\r\n.\r\nMAIL FROM:<e@f.org>\r\n", "a\r\n..\r\nMAIL FROM:<e@f.org>\r\n"),
            ("a\n.\nb\r.\rc", "a\r\n..\r\nb\r\n..\r\nc\r\n"),
            ("\n\r\n\r", "\r\n\r\n\r\n"),
        ] {
            assert_eq!(String::from_utf8(for_the_wire(text.as_bytes())).unwrap(), wire, "{text:?}");
        }
    }
}
