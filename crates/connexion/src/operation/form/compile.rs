//! Compiles a form from its media type object: its schema and its `encoding` (OpenAPI 3.1, section 4.8.15).

use std::sync::Arc;

use super::{
    Form,
    field::{Field, FieldFormat, FileRule, PartRule, UndeclaredFields},
};
use crate::{
    diagnostics::DiagnosticCode,
    document::{
        cursor::Cursor,
        node::{Kind, Node},
    },
    operation::{
        media_type::MediaType,
        parameter::{MAX_PARTS, ObjectShape, Parameter, Shape, all_types, has, parts},
    },
    schema::{Compiler, Schema},
};

/// A diagnostic of a form's description, with its location.
pub(crate) type FormDiagnostic<'d> = (DiagnosticCode, Cursor<'d>, String);

impl Form {
    /// Compiles the form described by the media type object `media`. `has_styles` is whether this version of OpenAPI
    /// defines `style` and `explode` there.
    pub(crate) fn compile<'d>(
        media: &Cursor<'d>,
        has_styles: bool,
        compiler: &Compiler<'_>,
    ) -> (Self, Vec<FormDiagnostic<'d>>) {
        let mut compiler = FormCompiler {
            media,
            has_styles,
            compiler,
            diagnostics: Vec::new(),
        };
        let form = compiler.form();
        (form, compiler.diagnostics)
    }
}

struct FormCompiler<'c, 'd, 'f> {
    media: &'c Cursor<'d>,
    has_styles: bool,
    compiler: &'c Compiler<'f>,
    diagnostics: Vec<FormDiagnostic<'d>>,
}

impl<'d> FormCompiler<'_, 'd, '_> {
    fn form(&mut self) -> Form {
        let schema = self.media.get("schema");
        let parts = schema
            .as_ref()
            .map_or_else(Vec::new, |schema| parts(schema, MAX_PARTS));
        let mut names: Vec<&'d str> = Vec::new();
        for properties in parts.iter().filter_map(|part| part.get("properties")) {
            for (name, _) in properties.members() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let (mut undeclared, undeclared_part) = undeclared(schema.as_ref(), &parts);
        // A schema that says nothing about the fields allows any.
        if names.is_empty()
            && parts
                .iter()
                .all(|part| part.get("additionalProperties").is_none())
        {
            undeclared.get_or_insert_with(any_string);
        }
        self.check_encodings(|name| names.contains(&name) || undeclared.is_some());
        let fields = names.into_iter();
        Form {
            compat: self.compiler.compat(),
            fields: fields.map(|name| self.field(name, &parts)).collect(),
            names: parts.iter().flat_map(required).collect(),
            undeclared,
            undeclared_part,
        }
    }

    /// Reports entries of `encoding` that have no effect.
    fn check_encodings(&mut self, is_known: impl Fn(&str) -> bool) {
        let encodings = self.media.get("encoding");
        for (name, encoding) in encodings.iter().flat_map(Cursor::members) {
            if !is_known(name) {
                let message = format!("`encoding` refers to the unknown property `{name}`");
                let diagnostic = (DiagnosticCode::MemberUnknown, encoding.clone(), message);
                self.diagnostics.push(diagnostic);
            }
            if let Some(headers) = encoding.get("headers") {
                let message = "the `headers` of a field are not checked".to_owned();
                let diagnostic = (DiagnosticCode::NotChecked, headers, message);
                self.diagnostics.push(diagnostic);
            }
        }
    }

    fn field(&mut self, name: &str, parts: &[Cursor<'d>]) -> Field {
        let encoding = self.media.get("encoding").and_then(|all| all.get(name));
        let mut field = Field {
            name: name.to_owned(),
            formats: Vec::new(),
            is_array: false,
            part: PartRule {
                file_rule: FileRule::Never,
                types: encoding.as_ref().map_or(Vec::new(), content_types),
            },
        };
        let mut seen = Vec::new();
        for properties in parts.iter().filter_map(|part| part.get("properties")) {
            let (Some(property), Some(place)) = (properties.get(name), properties.schema(name))
            else {
                continue;
            };
            if seen.contains(&place.pointer) {
                continue;
            }
            seen.push(place.pointer.clone());
            field.is_array |= has(&all_types(&property), "array");
            if field.part.file_rule == FileRule::Never {
                field.part.file_rule = file_rule(&property, &field.part.types);
            }
            // The schema of the form reports a schema that can't be compiled.
            let Ok(schema) = self.compiler.compile(&place.pointer) else {
                continue;
            };
            match field_format(name, encoding.as_ref(), self.has_styles, &property, schema) {
                Ok(format) => field.formats.push(format),
                Err(message) => {
                    let place = encoding.clone().unwrap_or(place);
                    self.diagnostics
                        .push((DiagnosticCode::Unsupported, place, message));
                }
            }
        }
        field
    }
}

/// Returns the notation of undeclared fields, if they are allowed, and the rule for undeclared parts.
fn undeclared(
    schema: Option<&Cursor<'_>>,
    parts: &[Cursor<'_>],
) -> (Option<UndeclaredFields>, PartRule) {
    let (mut fields, mut rule) = (None, PartRule::default());
    for part in parts {
        let additional = part
            .get("additionalProperties")
            .filter(|it| it.node.kind != Kind::Bool(false))
            .or_else(|| part.get("unevaluatedProperties"));
        if let Some(additional) = additional.filter(|it| it.node.kind != Kind::Bool(false)) {
            rule.file_rule = file_rule(&additional, &[]);
            fields = Some(match Shape::flat(&additional) {
                Some(shape) => UndeclaredFields::Strings(ObjectShape::of_any_name(shape)),
                None => UndeclaredFields::Json,
            });
        } else if part.get("patternProperties").is_some() {
            let shape = schema.and_then(ObjectShape::of_schema);
            let strings = shape.map_or_else(any_string, UndeclaredFields::Strings);
            fields.get_or_insert(strings);
        }
    }
    (fields, rule)
}

/// Returns the names of properties that a schema requires, or that are conditions of other requirements.
fn required(schema: &Cursor<'_>) -> Vec<String> {
    let listed = |names: &Cursor<'_>| -> Vec<String> {
        let names = names.node.items().iter().filter_map(Node::as_str);
        names.map(str::to_owned).collect()
    };
    let dependent = schema.get("dependentRequired");
    let dependent = dependent.iter().flat_map(Cursor::members);
    let dependent = dependent.flat_map(|(name, names)| {
        let mut all = listed(&names);
        all.push(name.to_owned());
        all
    });
    let triggers = schema.get("dependentSchemas");
    let triggers = triggers.iter().flat_map(Cursor::members);
    let triggers = triggers.map(|(name, _)| name.to_owned());
    let own = schema.get("required");
    let own = own.iter().flat_map(listed);
    own.chain(dependent).chain(triggers).collect()
}

/// Returns whether the parts of a property, or of its items, are files: those with the format `binary` or with a type
/// that is neither text nor JSON (OpenAPI 3.1, section 4.8.14.2).
fn file_rule(property: &Cursor<'_>, media_types: &[MediaType]) -> FileRule {
    let is_data = |kind: &MediaType| !kind.is_text() && !kind.is_json();
    let mut schemas = parts(property, MAX_PARTS);
    if has(&all_types(property), "array") {
        let items = schemas.iter().filter_map(|part| part.get("items"));
        schemas = items.flat_map(|items| parts(&items, MAX_PARTS)).collect();
    }
    let types: Vec<_> = schemas.iter().flat_map(all_types).collect();
    let keyword = |key: &str| schemas.iter().find_map(|schema| schema.text(key));
    let is_string = types.iter().all(|name| name == "string" || name == "null");
    if !is_string || keyword("contentEncoding").is_some() {
        return FileRule::Never;
    }
    let content = keyword("contentMediaType").map(MediaType::parse);
    let is_data = content.is_some_and(|kind| is_data(&kind))
        || !media_types.is_empty() && media_types.iter().all(is_data);
    match types.is_empty() {
        _ if is_data || keyword("format") == Some("binary") => FileRule::Always,
        true => FileRule::Inferred,
        false => FileRule::Never,
    }
}

fn any_string() -> UndeclaredFields {
    UndeclaredFields::Strings(ObjectShape::of_any_name(Shape::Single(Vec::new())))
}

/// Returns the notation of a property.
fn field_format(
    name: &str,
    encoding: Option<&Cursor<'_>>,
    has_styles: bool,
    property: &Cursor<'_>,
    schema: Arc<Schema>,
) -> Result<FieldFormat, String> {
    let types = all_types(property);
    let is_array = has(&types, "array");
    let media_types = encoding.map_or(Vec::new(), content_types);
    let is_json = media_types.iter().any(MediaType::is_json);
    let has_style = ["style", "explode"]
        .iter()
        .any(|key| encoding.is_some_and(|encoding| encoding.node.get(key).is_some()));
    let has_style = has_style && has_styles;
    // An object, or an array of objects, is not written as a string.
    let is_string = Shape::flat(property).is_some();
    if is_json || !is_string && !has_style {
        if !is_json && !media_types.is_empty() {
            return Err(format!(
                "the property `{name}` is an object or contains objects; write `contentType: application/json`"
            ));
        }
        return Ok(FieldFormat::Json {
            is_array,
            may_be_string: has(&types, "string") && !is_json,
            schema,
        });
    }
    if Shape::of(property).is_none() {
        return Err(format!(
            "the property `{name}` contains nested objects or arrays, which no style supports; write \
             `contentType: application/json`"
        ));
    }
    let encoding = encoding.filter(|_| has_styles);
    Parameter::of_form(name, encoding, property, schema)
        .map(Box::new)
        .map(FieldFormat::Style)
}

/// Returns the media types that an encoding allows.
fn content_types(encoding: &Cursor<'_>) -> Vec<MediaType> {
    let list = encoding.node.get("contentType").and_then(Node::as_str);
    let types = list.unwrap_or_default().split(',');
    types
        .filter(|name| !name.trim().is_empty())
        .map(MediaType::parse)
        .collect()
}
