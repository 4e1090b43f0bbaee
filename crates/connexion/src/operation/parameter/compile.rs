//! Compiles parameter objects (OpenAPI 3.1, section 4.8.12) and properties of forms.

use std::sync::Arc;

use http::HeaderName;
use serde_json::{Map, Value};

use super::{MAX_PARTS, Parameter, ParameterFormat, parts};
use crate::{
    diagnostics::DiagnosticCode,
    document::{cursor::Cursor, node::push},
    problem::ParameterLocation,
    schema::{Compiler, Schema},
};

impl Parameter {
    /// Compiles a parameter object; the error is a message. Adds warnings for its author to `warnings`.
    pub(crate) fn compile(
        place: &Cursor<'_>,
        compiler: &Compiler<'_>,
        warnings: &mut Vec<(DiagnosticCode, String)>,
    ) -> Result<Self, String> {
        let name = place.text("name").ok_or("a parameter has no `name`")?;
        let location = location(place, name)?;
        let (mut format, written) =
            ParameterFormat::compile(place, location, &format!("parameter `{name}`"))?;
        let warning = format.warning.take();
        warnings.extend(warning.map(|warning| (DiagnosticCode::StyleMismatch, warning)));
        if location == ParameterLocation::Header && name.parse::<HeaderName>().is_err() {
            return Err(format!("`{name}` is not a valid header name"));
        }
        if location == ParameterLocation::Path && !place.flag("required") {
            return Err(format!(
                "the path parameter `{name}` must have `required: true`"
            ));
        }
        let may_be_empty = place.flag("allowEmptyValue");
        if may_be_empty && location != ParameterLocation::Query {
            return Err(format!(
                "`allowEmptyValue` of the parameter `{name}` is for query parameters only; leave it out"
            ));
        }
        if written.is_none() && !format.is_content() {
            return Err(format!("the parameter `{name}` has no `schema`"));
        }
        let schema = written
            .as_ref()
            .map(|schema| compiler.compile(&schema.pointer));
        let schema = schema
            .transpose()
            .map_err(|error| format!("the schema of the parameter `{name}`: {error}"))?;
        let mut parameter = Self {
            name: name.to_owned(),
            key: name.to_owned(),
            location,
            required: place.flag("required"),
            may_be_empty,
            format,
            default: None,
            schema,
        };
        parameter.set_defaults(default(place, written.as_ref()), warnings);
        Ok(parameter)
    }

    /// Stores the valid defaults of the document. An invalid default must not become an error of the client, which did not
    /// send it.
    fn set_defaults(
        &mut self,
        written: Option<Value>,
        warnings: &mut Vec<(DiagnosticCode, String)>,
    ) {
        if let Some(schema) = &self.schema {
            let is_valid = |path: &[&str], value: &Value| {
                let mut pointer = String::new();
                for name in path {
                    push(&mut pointer, name);
                }
                let value = path.iter().rev().fold(value.clone(), |value, name| {
                    Map::from_iter([((*name).to_owned(), value)]).into()
                });
                let mut violations = schema.violations(&value, None).into_iter();
                !violations.any(|violation| {
                    let below = violation.pointer.strip_prefix(&pointer);
                    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
                })
            };
            let branches = self.format.branches.iter_mut();
            for shape in branches.chain([&mut self.format.shape]) {
                shape.retain_defaults(&is_valid);
            }
        }
        let is_written = written.is_some();
        let of_properties = || {
            self.format
                .shape
                .default()
                .filter(|_| self.format.is_spread())
        };
        self.default = written.or_else(of_properties).and_then(|mut value| {
            let schema = self.schema.as_ref();
            let is_valid = schema.is_none_or(|schema| schema.accept(&mut value));
            is_valid.then_some(value)
        });
        if is_written && self.default.is_none() {
            let message = format!(
                "the default of the parameter `{}` does not conform to its schema and is not used",
                self.name
            );
            warnings.push((DiagnosticCode::DefaultInvalid, message));
        }
    }

    /// Compiles a property of a form, which is written like a query parameter. `encoding` has its style, if any.
    pub(crate) fn of_form(
        name: &str,
        encoding: Option<&Cursor<'_>>,
        property: &Cursor<'_>,
        schema: Arc<Schema>,
    ) -> Result<Self, String> {
        let what = format!("property `{name}`");
        Ok(Self {
            name: name.to_owned(),
            key: name.to_owned(),
            location: ParameterLocation::Query,
            required: false,
            may_be_empty: false,
            format: ParameterFormat::of_style(
                encoding,
                Some(property),
                ParameterLocation::Query,
                &what,
            )?,
            default: None,
            schema: Some(schema),
        })
    }
}

/// Returns the location of the parameter `name`.
fn location(place: &Cursor<'_>, name: &str) -> Result<ParameterLocation, String> {
    match place.text("in") {
        Some("path") => Ok(ParameterLocation::Path),
        Some("query") => Ok(ParameterLocation::Query),
        Some("header") => Ok(ParameterLocation::Header),
        Some("cookie") => Ok(ParameterLocation::Cookie),
        Some(other) => Err(format!(
            "`in: {other}` of the parameter `{name}` is not supported"
        )),
        None => Err(format!("the parameter `{name}` has no `in`")),
    }
}

/// Returns the default of a parameter, from any of its subschemas.
fn default(place: &Cursor<'_>, written: Option<&Cursor<'_>>) -> Option<Value> {
    let subschemas = place.get("schema").map(|schema| parts(&schema, MAX_PARTS));
    let subschemas = subschemas.unwrap_or_default();
    let mut schemas = written.into_iter().chain(&subschemas);
    let default = schemas.find_map(|schema| schema.node.get("default"));
    default.map(Value::from)
}
