//! Compiles request body objects (OpenAPI 3.1, section 4.8.13).

use super::{Reading, RequestBody, RequestMedia};
#[cfg(feature = "multipart")]
use crate::document::Version;
use crate::{
    compat::Compat,
    diagnostics::DiagnosticCode,
    document::cursor::Cursor,
    operation::{
        compile::OperationCompiler,
        form::Form,
        media_type::{ANY_JSON, MediaType},
        parameter::{has, types},
    },
    schema::is_annotation,
};

impl OperationCompiler<'_, '_> {
    pub(in crate::operation) fn request_body(&mut self, place: &Cursor<'_>) -> RequestBody {
        let content = place.get("content");
        let is_empty = content
            .as_ref()
            .is_none_or(|content| content.members().next().is_none());
        if is_empty {
            let message = "the request body has no `content`";
            self.report(DiagnosticCode::MemberMissing, place, message);
        }
        // Python's connexion requires a `Content-Type`, and treats every JSON type as `application/json`.
        let is_python = self.document.compat == Compat::Connexion;
        // Implied entries come after those that the document declares.
        let (mut entries, mut implied) = (Vec::new(), Vec::new());
        for (name, place) in content.iter().flat_map(Cursor::members) {
            if !self.is_media_type(name, &place) {
                continue;
            }
            let media = self.media(name, &place);
            implied.extend(self.readable_within(&media.kind, &place));
            if is_python && media.kind.is_plain_json() {
                implied.push(self.implied(ANY_JSON, Reading::Json, &place));
            }
            entries.push(media);
        }
        if entries.is_empty() {
            // No entry is supported.
            entries.push(RequestMedia::new(MediaType::parse("*/*"), Reading::Stream));
        }
        entries.append(&mut implied);
        RequestBody {
            required: place.flag("required"),
            content: entries,
            needs_type: is_python,
        }
    }

    /// Returns entries of the types in a range that can be read: JSON, and those of the application.
    fn readable_within(&mut self, range: &MediaType, place: &Cursor<'_>) -> Vec<RequestMedia> {
        if !range.is_range() || !is_more_than_text(place) {
            return Vec::new();
        }
        let own = self.body_types.iter();
        let own = own.filter(|own| range.distance(own.kind.as_str()).is_some());
        let own = own.map(|own| (own.kind.as_str(), Reading::Decoded(own.clone())));
        let json = range.json_within().iter();
        let json = json.map(|name| (*name, Reading::Json));
        own.chain(json)
            .map(|(name, reading)| self.implied(name, reading, place))
            .collect()
    }

    fn implied(&mut self, name: &str, reading: Reading, place: &Cursor<'_>) -> RequestMedia {
        let media = RequestMedia::new(MediaType::parse(name), reading);
        RequestMedia {
            is_implied: true,
            ..self.described(media, place)
        }
    }

    /// Adds the schema of the document to an entry.
    fn described(&mut self, media: RequestMedia, place: &Cursor<'_>) -> RequestMedia {
        if matches!(media.reading, Reading::Stream) {
            return media;
        }
        let schema = self.schema(place, "schema");
        let is_json = matches!(media.reading, Reading::Json);
        let kept = schema.as_ref().filter(|_| is_json);
        let defaults = place.schema("schema").filter(|_| schema.is_some());
        RequestMedia {
            kept: kept.map(|schema| schema.property_filter()),
            defaults: defaults.map(|schema| self.compiler.defaults(&schema.pointer)),
            schema,
            ..media
        }
    }

    fn media(&mut self, name: &str, place: &Cursor<'_>) -> RequestMedia {
        let kind = MediaType::parse(name);
        if let Some(own) = self.body_type(&kind) {
            return self.described(RequestMedia::new(kind, Reading::Decoded(own)), place);
        }
        let reading = match kind.as_str() {
            _ if kind.is_json() => Reading::Json,
            "application/x-www-form-urlencoded" => Reading::Form(self.form(place, true)),
            #[cfg(feature = "multipart")]
            "multipart/form-data" => {
                // Since 3.1 only (OpenAPI 3.0, section 4.7.15.1, `style`).
                let has_styles = self.document.version != Version::OpenApi30;
                Reading::Multipart(self.form(place, has_styles))
            }
            #[cfg(not(feature = "multipart"))]
            "multipart/form-data" => {
                let message = format!(
                    "bodies of the type `{name}` need the feature `multipart` of connexion"
                );
                self.report(DiagnosticCode::Unsupported, place, message);
                Reading::Stream
            }
            _ => self.text_or_stream(name, &kind, place),
        };
        self.described(RequestMedia::new(kind, reading), place)
    }

    fn form(&mut self, place: &Cursor<'_>, has_styles: bool) -> Form {
        let (form, diagnostics) = Form::compile(place, has_styles, self.compiler);
        for (code, place, message) in diagnostics {
            self.report(code, &place, message);
        }
        form
    }

    /// Returns the reading of a type that is not decoded here: a string or a stream. Warns that the schema of a stream is
    /// not checked.
    fn text_or_stream(&mut self, name: &str, kind: &MediaType, place: &Cursor<'_>) -> Reading {
        let Some(schema) = place.get("schema") else {
            return if kind.is_text() {
                Reading::Text
            } else {
                Reading::Stream
            };
        };
        let is_string = types(&schema, 1).iter().all(|name| name == "string");
        let is_binary = is_string && schema.text("format") == Some("binary");
        if kind.is_text() && !is_binary {
            let types = types(&schema, 1);
            if types.is_empty() || has(&types, "string") {
                return Reading::Text;
            }
        }
        let says_nothing = |keyword: &str| {
            matches!(keyword, "type" | "format" | "contentMediaType") || is_annotation(keyword)
        };
        let mut keywords = schema.node.members();
        if !is_string || !keywords.all(|(keyword, _)| says_nothing(keyword)) {
            let are_not = if kind.json_within().is_empty() {
                "are not checked, but"
            } else {
                "are checked only if they are JSON, others are"
            };
            let message = format!(
                "bodies of the type `{name}` {are_not} passed to the handler as bytes; write \
                 `{{type: string, format: binary}}`"
            );
            self.report(DiagnosticCode::NotChecked, &schema, message);
        }
        Reading::Stream
    }
}

/// Returns whether the schema of an entry allows anything except a string.
pub(in crate::operation) fn is_more_than_text(media: &Cursor<'_>) -> bool {
    let schema = media.get("schema");
    schema.is_some_and(|schema| !types(&schema, 1).iter().all(|name| name == "string"))
}
