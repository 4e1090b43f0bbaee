//! How fields are written in the error log as text: as `tracing-subscriber` writes them, only quicker.
//!
//! The fields of a request's span are written for every request, whether anything is logged of it or not, and through
//! `fmt` that takes a twentieth of a read by key. Nearly all of them are plain texts, which need no escapes.

use std::{fmt, mem};

use tracing::{
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FormatFields, FormattedFields,
        format::{DefaultFields, DefaultVisitor, Writer},
    },
};

/// Room for the fields of a request's span.
const ROOM: usize = 160;

/// Writes fields for people.
#[derive(Debug)]
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        if writer.has_ansi_escapes() {
            return DefaultFields::new().format_fields(writer, fields);
        }
        let mut text = Text(String::with_capacity(ROOM));
        fields.record(&mut text);
        writer.write_str(&text.0)
    }

    /// Without a text in between.
    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        if current.as_writer().has_ansi_escapes() {
            if !current.fields.is_empty() {
                current.fields.push(' ');
            }
            return self.format_fields(current.as_writer(), fields);
        }
        let mut text = Text(mem::take(&mut current.fields));
        fields.record(&mut text);
        current.fields = text.0;
        Ok(())
    }
}

struct Text(String);

impl Text {
    fn default(&mut self) -> DefaultVisitor<'_> {
        let is_empty = self.0.is_empty();
        DefaultVisitor::new(Writer::new(&mut self.0), is_empty)
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        let name = field.name();
        if name == "message" || name.starts_with("r#") || !is_plain(value) {
            return self.default().record_str(field, value);
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        for part in [name, "=\"", value, "\""] {
            self.0.push_str(part);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.default().record_error(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.default().record_debug(field, value);
    }
}

/// Whether nothing in it is escaped between quotes.
fn is_plain(text: &str) -> bool {
    let plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::{fmt, fmt::MakeWriter, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What is logged of all kinds of fields.
    fn logged<F>(fields: F, ansi: bool) -> String
    where
        F: for<'w> FormatFields<'w> + Send + Sync + 'static,
    {
        let log = Log::default();
        let layer = fmt::layer().without_time().with_ansi(ansi);
        let layer = layer.fmt_fields(fields).with_writer(log.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let empty = tracing::field::Empty;
            let wrong = "é\"\\\n\u{1b}[0m";
            let span = tracing::info_span!("request", operation = empty, id = "a-1", wrong);
            span.record("operation", "person.get");
            let _entered = span.enter();
            let error: &dyn std::error::Error = &std::io::Error::other("a fault");
            tracing::info!(error, who = "robot", %ansi, "a {wrong}");
            tracing::warn!(n = 1, r#type = "x", empty = "", tuple = ?(1, "b"));
            let _inner = tracing::info_span!("none").entered();
            tracing::error!("within");
        });
        let text = log.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn fields_are_written_as_ever() {
        for ansi in [false, true] {
            let ours = logged(Fields, ansi);
            assert_eq!(ours, logged(DefaultFields::new(), ansi));
            assert!(
                ours.contains("person.get") && ours.contains("within"),
                "{ours}"
            );
        }
    }
}
