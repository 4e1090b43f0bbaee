//! Parameters: the text of path, query, header and cookie becomes the JSON values the document asks for.
//!
//! Styles other than the default one of each place, and values of type object, are refused at load.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use http::{HeaderMap, HeaderName, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    node::Node,
    path::PathValues,
    place::Place,
    problem::{In, Violation},
    python::cut,
    schema::{Compiler, Schema},
};

/// More unknown query parameters than this are not listed: an answer must not grow without bound.
const MAX_UNKNOWN: usize = 100;

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
pub(crate) enum Shape {
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
            Some(other) => {
                return Err(format!(
                    "`in: {other}` of the parameter `{name}` is not supported"
                ));
            }
            None => return Err(format!("the parameter `{name}` has no `in`")),
        };
        if place.text("style").is_some_and(|written| written != style) {
            return Err(format!(
                "the style of the parameter `{name}` is not supported"
            ));
        }
        if location == In::Header && name.parse::<HeaderName>().is_err() {
            return Err(format!("`{name}` can't be the name of a header"));
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
        let default = written.node.get("default").or(schema.node.get("default"));
        let default = default.map(Value::from);
        if default
            .as_ref()
            .is_some_and(|value| !validator.is_valid(value))
        {
            return Err(format!(
                "the default of the parameter `{name}` breaks its schema"
            ));
        }
        let explode = place.node.get("explode").and_then(Node::as_bool);
        Ok(Self {
            name: name.to_owned(),
            location,
            required: place.flag("required"),
            explode: explode.unwrap_or(style == "form"),
            shape: Shape::of(&schema).ok_or_else(|| {
                format!(
                    "the parameter `{name}` holds objects or nested arrays, which is not supported"
                )
            })?,
            default,
            schema: validator,
        })
    }

    /// Adds the parameter's value to `values`, or what is wrong with it to `violations`.
    fn read(
        &self,
        texts: &[Cow<'_, str>],
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
            Shape::Array(types)
                if self.explode && matches!(self.location, In::Query | In::Cookie) =>
            {
                Value::Array(texts.iter().map(|text| single(text, types)).collect())
            }
            shape => shape.value(last),
        };
        if self.schema.is_valid(&value) {
            values.insert(self.name.clone(), value);
            return;
        }
        // A number is shown as it was sent.
        let is_json = value.is_number() && serde_json::from_str::<&RawValue>(last).is_ok();
        let text = if is_json {
            last.to_string()
        } else {
            value.to_string()
        };
        for fault in self.schema.faults(&value, &text) {
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
    /// The shape of the values a schema allows; `None` for objects and arrays of arrays.
    pub(crate) fn of(schema: &Place<'_>) -> Option<Self> {
        let types = types(schema, MAX_PARTS);
        let has = |types: &[String], wanted: &str| types.iter().any(|name| name == wanted);
        if has(&types, "object") {
            return None;
        }
        if !has(&types, "array") {
            return Some(Self::Single(types));
        }
        let items = schema.get("items");
        let items = items.map_or(Vec::new(), |items| self::types(&items, MAX_PARTS));
        let is_flat = !has(&items, "array") && !has(&items, "object");
        is_flat.then_some(Self::Array(items))
    }

    /// Reads a text in which an array's items stand with commas between them.
    pub(crate) fn value(&self, text: &str) -> Value {
        match self {
            Self::Single(types) => single(text, types),
            Self::Array(types) => {
                Value::Array(text.split(',').map(|text| single(text, types)).collect())
            }
        }
    }
}

/// How deep the parts of a schema are looked through for a type.
const MAX_PARTS: usize = 8;

/// The types a schema allows, itself or by its parts; none means any.
pub(crate) fn types(schema: &Place<'_>, depth: usize) -> Vec<String> {
    if let Some(node) = schema.node.get("type") {
        let names = node.items().iter().chain([node]);
        return names.filter_map(Node::as_str).map(str::to_owned).collect();
    }
    let parts = |key| {
        let below = depth.checked_sub(1)?;
        let parts = schema.get(key)?;
        let types = parts.items().map(|part| types(&part, below));
        Some(types.filter(|types| !types.is_empty()).collect::<Vec<_>>())
    };
    let all = parts("allOf").and_then(|types| types.into_iter().next());
    let any = || {
        parts("anyOf")
            .or_else(|| parts("oneOf"))
            .map(|types| types.concat())
    };
    all.or_else(any).unwrap_or_default()
}

/// Reads a text as the first of `types` that it can be. What fits none stays a text, so that validation
/// reports it.
fn single(text: &str, types: &[String]) -> Value {
    let read = types.iter().find_map(|name| match name.as_str() {
        "integer" => whole(text).or_else(|| {
            // Too large for a machine's integer, which is what validation then says.
            let is_whole = text
                .trim_start_matches('-')
                .bytes()
                .all(|byte| byte.is_ascii_digit());
            if is_whole { float(text) } else { None }
        }),
        "number" => whole(text).or_else(|| float(text)),
        "boolean" => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    });
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn whole(text: &str) -> Option<Value> {
    let signed = text.parse::<i64>().map(Value::from);
    signed
        .or_else(|_| text.parse::<u64>().map(Value::from))
        .ok()
}

/// Rust reads "inf" and "nan" as numbers too; JSON has no such values.
fn float(text: &str) -> Option<Value> {
    let number = serde_json::Number::from_f64(text.parse().ok()?);
    number.map(Value::Number)
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

    /// Takes query parameters that are no parameters of the operation, but credentials, out of the request.
    pub(crate) fn forget(&mut self, is_key: impl Fn(&str) -> bool, parameters: &[Parameter]) {
        let is_declared = |name: &str| {
            let mut all = parameters.iter();
            all.any(|one| one.location == In::Query && one.name == name)
        };
        self.query
            .retain(|(name, _)| !is_key(name) || is_declared(name));
    }

    /// Reads all parameters of an operation. Query parameters that the document does not have are refused;
    /// the first violation has the sentence that clients know, which names them all.
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
        let all = extra.iter().copied().collect::<Vec<_>>().join(", ");
        for (i, name) in extra.into_iter().take(MAX_UNKNOWN).enumerate() {
            let told = if i == 0 { &all } else { name };
            let detail = format!("Extra query parameter(s) {told} not in spec");
            violations.push(Violation {
                location: In::Query,
                name: name.to_owned(),
                keyword: "unknown".into(),
                detail: cut(detail),
            });
        }
        let mut values = Map::new();
        for parameter in parameters {
            parameter.read(&self.texts(parameter), &mut values, violations);
        }
        values
    }

    /// The texts that a request has for a parameter.
    fn texts(&self, parameter: &Parameter) -> Vec<Cow<'_, str>> {
        let name = parameter.name.as_str();
        match parameter.location {
            In::Path => named_texts(self.path, name),
            In::Query => named_texts(&self.query, name),
            In::Cookie | In::Body => named_texts(&self.cookies, name),
            In::Header => {
                let fields = self.headers.get_all(name).iter();
                let texts = fields.map(|value| String::from_utf8_lossy(value.as_bytes()));
                match parameter.shape {
                    Shape::Single(_) => texts.collect(),
                    // Several fields are one list (RFC 9110, section 5.3).
                    Shape::Array(_) => texts
                        .reduce(|a, b| Cow::Owned(format!("{a},{b}")))
                        .into_iter()
                        .collect(),
                }
            }
        }
    }
}

fn named_texts<'p>(pairs: &'p [(String, String)], name: &str) -> Vec<Cow<'p, str>> {
    pairs
        .iter()
        .filter(|(known, _)| known == name)
        .map(|(_, text)| text.as_str().into())
        .collect()
}

/// The pairs of a query string (WHATWG URL, section 5.1): `+` is a space, a name may stand alone.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
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
pub(crate) fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers.get_all(header::COOKIE).iter();
    let mut cookies = Vec::new();
    for field in fields.map(|value| String::from_utf8_lossy(value.as_bytes())) {
        let pairs = field
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        cookies.extend(pairs.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
    cookies
}
