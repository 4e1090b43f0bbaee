//! Compiles the operations of a document, and reports what is invalid or not supported.

use std::sync::Arc;

use http::HeaderName;
use serde_json::{Map, Value};

use super::{
    BodyType, Operation, Rules,
    response::{Header, Response, StatusRange},
};
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode, Severity},
    document::{
        Document,
        cursor::{Cursor, OperationCursor, is_ignored_header, parameter_key, parameters},
        node::Node,
    },
    operation::{
        media_type::{MediaType, is_media_range},
        parameter::{Parameter, ParameterFormat},
        path::Template,
    },
    problem::ParameterLocation,
    schema::{Compiler, FormatCheck, Schema, Schemas},
    security::{self, SecurityRequirement},
};

/// Returns the extensions of an object (OpenAPI 3.1, section 4.9).
fn extensions(node: &Node) -> Map<String, Value> {
    let members = node.members().filter(|(key, _)| key.starts_with("x-"));
    members
        .map(|(key, node)| (key.to_owned(), node.into()))
        .collect()
}

/// Returns the types of successful responses; those of the default response if the operation declares no other.
fn produces(responses: &[(StatusRange, Response)]) -> Vec<MediaType> {
    let is_success =
        |range: &StatusRange| matches!(range, StatusRange::One(200..300) | StatusRange::Class(2));
    let has_success = responses.iter().any(|(range, _)| is_success(range));
    let chosen = responses
        .iter()
        .filter(|(range, _)| is_success(range) || !has_success && *range == StatusRange::Default);
    let mut all = Vec::new();
    for media in chosen.flat_map(|(_, response)| &response.content) {
        if !all.contains(&media.kind) {
            all.push(media.kind.clone());
        }
    }
    all
}

/// The context in which operations are compiled.
pub(super) struct OperationCompiler<'c, 'f> {
    pub(super) document: &'c Document,
    pub(super) compiler: &'c Compiler<'f>,
    pub(super) body_types: &'c [BodyType],
    pub(super) diagnostics: &'c mut Vec<Diagnostic>,
}

/// Compiles all operations, each with its rules. Adds the errors of operations and schemas to `diagnostics`. `formats` and
/// `body_types` are those of the application.
pub(crate) fn compile<'d>(
    document: &'d Document,
    schemas: &Schemas,
    (formats, body_types): (&[(String, FormatCheck)], &[BodyType]),
    rules: impl Fn(&OperationCursor<'d>) -> Rules,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(OperationCursor<'d>, Operation)> {
    let compiler = match Compiler::new(schemas, formats) {
        Ok(compiler) => compiler,
        Err(message) => {
            diagnostics.push(document.diagnostic(
                DiagnosticCode::SchemaInvalid,
                document.paths_at(),
                message,
            ));
            return Vec::new();
        }
    };
    diagnostics.extend(compiler.invalid_samples(document));
    let mut compile = OperationCompiler {
        document,
        compiler: &compiler,
        body_types,
        diagnostics,
    };
    let sources = document.operations().into_iter();
    let operations = sources
        .map(|source| {
            let operation = compile.operation(&source, rules(&source));
            (source, operation)
        })
        .collect();
    compiler.finish();
    operations
}

/// Returns the reason if a parameter or the body of an operation is a reference that can't be resolved.
fn unresolved(document: &Document, source: &OperationCursor<'_>) -> Option<String> {
    let parameters = parameters(&source.path_item, &source.cursor).into_iter();
    let mut all = parameters.chain(source.cursor.get("requestBody"));
    let reference = all.find_map(|place| place.text("$ref"))?;
    Some(format!(
        "`{}` does not exist",
        document.as_written(reference)
    ))
}

impl OperationCompiler<'_, '_> {
    fn operation(&mut self, source: &OperationCursor<'_>, rules: Rules) -> Operation {
        let place = &source.cursor;
        let before = self.diagnostics.len();
        let mut parameters = self.parameters(source);
        if rules.split_encoded_commas {
            parameters
                .iter_mut()
                .for_each(Parameter::split_encoded_commas);
        }
        let body = place
            .get("requestBody")
            .map(|body| self.request_body(&body));
        let unserved = self.unserved(source, before);
        let responses = place.get("responses");
        let responses: Vec<_> = responses
            .iter()
            .flat_map(Cursor::members)
            .filter_map(|(key, place)| self.response(key, &place))
            .collect();
        Operation {
            id: source.id().into(),
            handler: source.handler(),
            method: source.method.clone(),
            path: source.path.to_owned(),
            body,
            produces: produces(&responses),
            responses,
            security: SecurityRequirement::of(self.document, place).unwrap_or_default(),
            extensions: extensions(place.node),
            path_extensions: extensions(source.path_item.node),
            rules,
            parameters,
            unserved,
        }
    }

    /// Returns the reason if an operation of a lenient document can't be served. `before` is the number of diagnostics
    /// before its own.
    fn unserved(&mut self, source: &OperationCursor<'_>, before: usize) -> Option<String> {
        if !self.document.is_lenient() {
            return None;
        }
        // An operation with an invalid schema can be served.
        let is_error = |diagnostic: &&Diagnostic| {
            diagnostic.code.severity() == Severity::Error
                && diagnostic.code != DiagnosticCode::SchemaInvalid
        };
        let mut own = self.diagnostics.iter().skip(before);
        let reason = security::unenforceable(self.document, &source.cursor)
            .or_else(|| unresolved(self.document, source))
            .or_else(|| {
                own.find(is_error)
                    .map(|diagnostic| diagnostic.message.clone())
            })?;
        let message = format!(
            "the operation `{}` responds with 501: {reason}",
            source.id()
        );
        self.report(DiagnosticCode::OperationNotServed, &source.cursor, message);
        Some(reason)
    }

    fn parameters(&mut self, source: &OperationCursor<'_>) -> Vec<Parameter> {
        let mut compiled = Vec::new();
        let template = Template::parse(source.path).ok();
        let mut seen = Vec::new();
        for place in parameters(&source.path_item, &source.cursor) {
            let key = parameter_key(&place);
            let is_in_path = |name| {
                template
                    .iter()
                    .flat_map(Template::names)
                    .any(|known| known == name)
            };
            // `check` reports both errors; requests have no values for these.
            let is_extraneous = key.0 == Some("path") && !key.1.as_deref().is_none_or(is_in_path);
            if is_extraneous || key.1.is_some() && seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let mut warnings = Vec::new();
            match Parameter::compile(&place, self.compiler, &mut warnings) {
                Ok(parameter) => compiled.push(parameter),
                Err(message) => warnings.push((DiagnosticCode::ParameterInvalid, message)),
            }
            for (code, message) in warnings {
                self.report(code, &place, message);
            }
        }
        Parameter::qualify_keys(&mut compiled);
        compiled
    }

    fn response(&mut self, key: &str, place: &Cursor<'_>) -> Option<(StatusRange, Response)> {
        if key.starts_with("x-") {
            return None;
        }
        let Some(range) = StatusRange::parse(key) else {
            let message = format!("`{key}` is not a status; write '200', '2XX' or default");
            self.report(DiagnosticCode::StatusInvalid, place, message);
            // In a lenient document it may describe any response, so undeclared ones are not checked.
            let any = Response {
                headers: Vec::new(),
                content: Vec::new(),
            };
            return self
                .document
                .is_lenient()
                .then_some((StatusRange::Default, any));
        };
        let headers = place.get("headers");
        let headers = headers.iter().flat_map(Cursor::members);
        let headers = headers
            .filter_map(|(name, place)| self.header(name, &place))
            .collect();
        let content = place.get("content");
        let content = content.iter().flat_map(Cursor::members);
        let (mut entries, mut implied_entries) = (Vec::new(), Vec::new());
        for (name, place) in content {
            if !self.is_media_type(name, &place) {
                continue;
            }
            let (media, json) = self.response_media(name, &place);
            entries.push(media);
            implied_entries.extend(json);
        }
        entries.append(&mut implied_entries);
        let content = entries;
        Some((range, Response { headers, content }))
    }

    /// Returns whether a key of `content` is a media type. Reports it if not.
    pub(super) fn is_media_type(&mut self, name: &str, place: &Cursor<'_>) -> bool {
        let is_valid = is_media_range(name);
        if !is_valid {
            let message = format!(
                "`{name}` is not a media type such as `application/json`, so it is ignored"
            );
            self.report(DiagnosticCode::MediaTypeInvalid, place, message);
        }
        is_valid
    }

    /// Returns the application's decoder for bodies of this type.
    pub(super) fn body_type(&self, kind: &MediaType) -> Option<BodyType> {
        let mut all = self.body_types.iter().rev();
        all.find(|own| own.kind.as_str() == kind.as_str()).cloned()
    }

    fn header(&mut self, name: &str, place: &Cursor<'_>) -> Option<Header> {
        if is_ignored_header(self.document, name) {
            let message = format!(
                "the header `{name}` of a response is ignored; `content` and `security` describe it"
            );
            self.report(DiagnosticCode::ParameterIgnored, place, message);
            return None;
        }
        let field = name.parse::<HeaderName>();
        if field.is_err() {
            let message = format!("`{name}` is not a valid header name");
            self.report(DiagnosticCode::HeaderInvalid, place, message);
        }
        let format = ParameterFormat::compile(
            place,
            ParameterLocation::Header,
            &format!("header `{name}`"),
        );
        let format = format
            .map_err(|message| self.report(DiagnosticCode::HeaderInvalid, place, message))
            .ok();
        let value = format.and_then(|(format, schema)| {
            let is_known = schema.is_some() || format.is_json();
            let schema = schema.and_then(|schema| self.response_schema(&schema));
            is_known.then_some((format, schema))
        });
        Some(Header {
            name: name.to_owned(),
            field: field.ok()?,
            required: place.flag("required"),
            value,
        })
    }

    pub(super) fn schema(&mut self, place: &Cursor<'_>, key: &str) -> Option<Arc<Schema>> {
        self.request_schema(&place.schema(key)?)
    }

    /// Compiles a schema for requests.
    fn request_schema(&mut self, schema: &Cursor<'_>) -> Option<Arc<Schema>> {
        self.usable(self.compiler.compile(&schema.pointer), schema)
    }

    /// Compiles a schema for responses.
    pub(super) fn response_schema(&mut self, schema: &Cursor<'_>) -> Option<Arc<Schema>> {
        self.usable(self.compiler.compile_response(&schema.pointer), schema)
    }

    fn usable(
        &mut self,
        compiled: Result<Arc<Schema>, String>,
        schema: &Cursor<'_>,
    ) -> Option<Arc<Schema>> {
        compiled
            .map_err(|message| {
                let message = format!("the schema can't be used: {message}");
                self.report(DiagnosticCode::SchemaInvalid, schema, message);
            })
            .ok()
    }

    pub(super) fn report(
        &mut self,
        code: DiagnosticCode,
        place: &Cursor<'_>,
        message: impl Into<String>,
    ) {
        self.diagnostics
            .push(self.document.diagnostic(code, place.node.at, message));
    }
}
