//! Client text in a line of a log: nothing in it may end the line, move a terminal's cursor, or change how the rest of the
//! line is read or shown.
//!
//! That is the case for control characters (C0, DEL, C1 with NEL), for line and paragraph separators, and for format
//! characters, such as those that reverse the direction of text. Rust's `escape_debug` knows them by the Unicode categories
//! Cc, Cf, Zl and Zp; it also escapes characters that show nothing or that attach to the one before.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// Whether a character is escaped wherever it stands.
fn is_hidden(character: char) -> bool {
    let is_shown = character.is_ascii_graphic() || character == ' ';
    !is_shown && character.escape_debug().len() > 1
}

/// Returns what a client sent as it may stand between double quotes. Bytes that are not UTF-8 are written as `\xNN`.
pub(super) fn quoted(bytes: &[u8]) -> Cow<'_, str> {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if let Ok(text) = str::from_utf8(bytes)
        && bytes.iter().all(plain)
    {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(2 * bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_hidden(character) || matches!(character, '"' | '\\') {
                escaped.extend(character.escape_debug());
            } else {
                escaped.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    Cow::Owned(escaped)
}

/// Returns a whole line, with the end of line, escaped as its format allows. Further lines of a message are indented, so
/// that none looks like a line of its own.
pub(super) fn line(line: &str, format: LogFormat) -> Cow<'_, str> {
    let text = line.strip_suffix('\n').unwrap_or(line);
    if is_printable(text.as_bytes()) {
        return Cow::Borrowed(line);
    }
    let mut escaped = String::with_capacity(line.len() + line.len() / 4);
    for character in text.chars() {
        match (character, format) {
            ('\n', LogFormat::Text) => escaped.push_str("\n  "),
            // Colours, which only a terminal gets; within messages they are escaped already.
            ('\u{1b}', LogFormat::Text) => escaped.push(character),
            (hidden, LogFormat::Text) if is_hidden(hidden) => {
                escaped.extend(hidden.escape_debug());
            }
            // Only within strings: JSON itself has none of them.
            (hidden, LogFormat::Json) if is_hidden(hidden) => {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            (shown, _) => escaped.push(shown),
        }
    }
    escaped.push_str(&line[text.len()..]);
    Cow::Owned(escaped)
}

/// Whether all bytes are ASCII and shown. Each change writes a line to the log, and most lines are such, so all bytes are
/// looked at, as vectors, instead of one by one up to the first that is not.
fn is_printable(bytes: &[u8]) -> bool {
    let is_shown = |byte: &u8| matches!(byte, b' '..=b'~');
    bytes.iter().fold(true, |all, byte| all & is_shown(byte))
}

/// The error log's writer: each write is a line.
#[derive(Debug)]
pub(super) struct Escaping<W> {
    pub(super) inner: W,
    pub(super) format: LogFormat,
}

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for Escaping<M> {
    type Writer = Escaping<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Escaping {
            inner: self.inner.make_writer(),
            format: self.format,
        }
    }
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if self.format == LogFormat::Text && is_printable(text) {
            self.inner.write_all(bytes)?;
            return Ok(bytes.len());
        }
        let text = String::from_utf8_lossy(bytes);
        let mut text = line(&text, self.format);
        // `tracing-subscriber` has no setting for this name, and the access log calls it `time`.
        if let Some(rest) = text.strip_prefix("{\"timestamp\":")
            && self.format == LogFormat::Json
        {
            text = Cow::Owned(format!("{{\"time\":{rest}"));
        }
        self.inner.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: &str = "\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{61c}\u{200b}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{fff9}\u{e0001}";

    #[test]
    fn hidden_characters_are_escaped_between_quotes() {
        assert_eq!(quoted(b"a b/c?d=e"), "a b/c?d=e");
        assert_eq!(quoted("Zoë 名\"\\\t".as_bytes()), "Zoë 名\\\"\\\\\\t");
        assert_eq!(quoted(b"\x85\xff"), "\\x85\\xff");
        for character in HIDDEN.chars() {
            let text = character.to_string();
            assert!(quoted(text.as_bytes()).is_ascii(), "{text:?}");
        }
    }

    #[test]
    fn a_line_stays_one_line_in_either_format() {
        let text = format!("a {HIDDEN} Zoë\n");
        let escaped = line(&text, LogFormat::Json);
        assert!(
            escaped.starts_with("a \\u001b\\u007f\\u0085\\u009b"),
            "{escaped}"
        );
        assert!(escaped.ends_with("\\udb40\\udc01 Zoë\n"), "{escaped}");
        let read: String = serde_json::from_str(&format!("\"{}\"", escaped.trim_end())).unwrap();
        assert_eq!(read, text.trim_end());
        assert_eq!(
            line("a\nb\r\u{2028}\n", LogFormat::Text),
            "a\n  b\\r\\u{2028}\n"
        );
    }
}
