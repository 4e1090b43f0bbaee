//! Parameters: the text of path, query, header and cookie becomes the JSON values the document asks for.
//!
//! Styles other than the default one of each place, and values of type object, are refused at load.

use std::{collections::BTreeSet, sync::Arc};

use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::{
    document::Place,
    path::PathValues,
    problem::{In, Violation},
    schema::{Compiler, Schema},
};

/// One parameter of an operation.
#[derive(Debug)]
pub(crate) struct Parameter {
    name: String,
    location: In,
    required: bool,
    /// Whether an array's items are parameters of their own (`a=1&a=2`) instead of one text (`a=1,2`).
    explode: bool,
    shape: Shape,
    default: Option<Value>,
    schema: Arc<Schema>,
}

/// What the schema's type makes of a text.
#[derive(Debug)]
enum Shape {
    /// Types of a single value, as the schema names them.
    Single(Vec<String>),
    /// An array of such values.
    Array(Vec<String>),
}

impl Parameter {
    /// Compiles the parameter that stands at `place`; the error says what is wrong with it.
    pub(crate) fn compile(place: &Place<'_>, compiler: &Compiler<'_>) -> Result<Self, String> {
        let name = place.text("name").ok_or("a parameter has no `name`")?;
        let (location, style) = match place.text("in") {
            Some("path") => (In::Path, "simple"),
            Some("query") => (In::Query, "form"),
            Some("header") => (In::Header, "simple"),
            Some("cookie") => (In::Cookie, "form"),
            _ => {
                return Err(format!(
                    "`in` of the parameter `{name}` must be path, query, header or cookie"
                ));
            }
        };
        if place.text("style").is_some_and(|written| written != style) {
            return Err(format!(
                "the style of the parameter `{name}` is not supported"
            ));
        }
        if location == In::Path && !place.flag("required") {
            return Err(format!(
                "the path parameter `{name}` must say `required: true`"
            ));
        }
        let schema = place
            .get("schema")
            .ok_or_else(|| format!("the parameter `{name}` has no `schema`"))?;
        let written = place.schema("schema").unwrap_or_else(|| schema.clone());
        let validator = compiler.compile(&written.pointer);
        let validator =
            validator.map_err(|error| format!("the schema of the parameter `{name}`: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            location,
            required: place.flag("required"),
            explode: place
                .node
                .get("explode")
                .map_or(style == "form", |_| place.flag("explode")),
            shape: Shape::of(&schema).ok_or_else(|| {
                format!("the parameter `{name}` is an object, which is not supported")
            })?,
            default: schema.node.get("default").map(Value::from),
            schema: validator,
        })
    }

    /// Adds the parameter's value to `values`, or what is wrong with it to `violations`.
    fn read(
        &self,
        texts: &[&str],
        values: &mut Map<String, Value>,
        violations: &mut Vec<Violation>,
    ) {
        let Some(last) = texts.last() else {
            if self.required {
                let detail = format!("Missing {} parameter '{}'", self.place(), self.name);
                violations.push(self.violation("required", detail));
            } else if let Some(default) = &self.default {
                values.insert(self.name.clone(), default.clone());
            }
            return;
        };
        let value = match &self.shape {
            Shape::Single(types) => single(last, types),
            Shape::Array(types)
                if self.explode && matches!(self.location, In::Query | In::Cookie) =>
            {
                Value::Array(texts.iter().map(|text| single(text, types)).collect())
            }
            Shape::Array(types) => {
                Value::Array(last.split(',').map(|text| single(text, types)).collect())
            }
        };
        if self.schema.is_valid(&value) {
            values.insert(self.name.clone(), value);
            return;
        }
        for fault in self.schema.faults(&value, &value.to_string()) {
            let detail = match (&self.shape, fault.keyword.as_ref()) {
                (Shape::Single(types), "type") => {
                    let types = types.join("' or '");
                    format!(
                        "Wrong type, expected '{types}' for {} parameter '{}'",
                        self.place(),
                        self.name
                    )
                }
                _ => format!(
                    "{} for {} parameter '{}'",
                    fault.sentence,
                    self.place(),
                    self.name
                ),
            };
            violations.push(Violation {
                keyword: fault.keyword,
                ..self.violation("", detail)
            });
        }
    }

    fn place(&self) -> &'static str {
        match self.location {
            In::Path => "path",
            In::Query => "query",
            In::Header => "header",
            In::Cookie => "cookie",
            In::Body => "body",
        }
    }

    fn violation(&self, keyword: &'static str, detail: String) -> Violation {
        Violation {
            location: self.location,
            name: self.name.clone(),
            keyword: keyword.into(),
            detail,
        }
    }
}

impl Shape {
    /// The shape of the values a schema allows; `None` for an object.
    fn of(schema: &Place<'_>) -> Option<Self> {
        let types = types(schema);
        let is = |wanted: &str| types.iter().any(|name| name == wanted);
        if is("object") {
            return None;
        }
        let items = || {
            schema
                .get("items")
                .map(|items| self::types(&items))
                .unwrap_or_default()
        };
        Some(if is("array") {
            Self::Array(items())
        } else {
            Self::Single(types)
        })
    }
}

/// The types a schema allows; none means any.
fn types(schema: &Place<'_>) -> Vec<String> {
    let Some(node) = schema.node.get("type") else {
        return Vec::new();
    };
    let names = node
        .items()
        .iter()
        .chain([node])
        .filter_map(|node| node.as_str());
    names.map(str::to_owned).collect()
}

/// Reads a text as the first of `types` that it can be. What fits none stays a text, so that validation
/// reports it.
fn single(text: &str, types: &[String]) -> Value {
    let read = types.iter().find_map(|name| match name.as_str() {
        "integer" => text.parse::<i64>().ok().map(Value::from),
        "number" => text.parse::<i64>().map(Value::from).ok().or_else(|| {
            // Rust reads "inf" and "nan" as numbers too; JSON has no such values.
            text.parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map(Value::Number)
        }),
        "boolean" => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    });
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Where the texts of a request's parameters are found.
#[derive(Debug)]
pub(crate) struct Sources<'r> {
    path: &'r PathValues,
    query: Vec<(String, String)>,
    headers: &'r HeaderMap,
    cookies: Vec<(String, String)>,
}

impl<'r> Sources<'r> {
    pub(crate) fn new(path: &'r PathValues, query: Option<&str>, headers: &'r HeaderMap) -> Self {
        Self {
            path,
            query: pairs(query.unwrap_or_default()),
            headers,
            cookies: cookies(headers),
        }
    }

    /// Reads all parameters of an operation. Query parameters that the document does not have are refused;
    /// each violation has the sentence that clients know, which names them all.
    pub(crate) fn read(
        &self,
        parameters: &[Parameter],
        violations: &mut Vec<Violation>,
    ) -> Map<String, Value> {
        let known = |name: &str| {
            parameters
                .iter()
                .any(|one| one.location == In::Query && one.name == name)
        };
        let names = self.query.iter().map(|(name, _)| name.as_str());
        let extra: BTreeSet<&str> = names.filter(|name| !known(name)).collect();
        let names = extra.iter().copied().collect::<Vec<_>>().join(", ");
        violations.extend(extra.into_iter().map(|name| Violation {
            location: In::Query,
            name: name.to_owned(),
            keyword: "unknown".into(),
            detail: format!("Extra query parameter(s) {names} not in spec"),
        }));
        let mut values = Map::new();
        for parameter in parameters {
            parameter.read(&self.texts(parameter), &mut values, violations);
        }
        values
    }

    /// The texts that a request has for a parameter.
    fn texts(&self, parameter: &Parameter) -> Vec<&str> {
        let name = parameter.name.as_str();
        match parameter.location {
            In::Path => named_texts(self.path, name),
            In::Query => named_texts(&self.query, name),
            In::Cookie | In::Body => named_texts(&self.cookies, name),
            In::Header => self
                .headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .collect(),
        }
    }
}

fn named_texts<'p>(pairs: &'p [(String, String)], name: &str) -> Vec<&'p str> {
    pairs
        .iter()
        .filter(|(known, _)| known == name)
        .map(|(_, text)| text.as_str())
        .collect()
}

/// The pairs of a query string (WHATWG URL, section 5.1): `+` is a space, a name may stand alone.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, text)| (decode(name), decode(text)))
        .collect()
}

/// The pairs of the header `Cookie` (RFC 6265, section 4.2.1).
fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::to_str)
        .filter_map(Result::ok);
    let pairs = fields
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}
