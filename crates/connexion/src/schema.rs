//! A schema of the document, compiled once into a validator. The only file that names the `jsonschema`
//! crate.
//!
//! The whole document is registered as one resource and each schema is reached by a reference into it, so
//! references between schemas, cycles too, need no work of ours. One keyword is stricter than in JSON Schema
//! 2020-12: a number written `40.0` or `4e1` is not an integer, as it was not for the clients of Python's
//! connexion.

use std::{borrow::Cow, cell::RefCell, collections::HashMap, sync::Arc};

use jsonschema::{Keyword, Registry, Validator, error::ValidationErrorKind, paths::Location};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    dialect::{FormatCheck, WHOLE, adapt, resolve},
    document::Document,
    node::{escape, unescape},
    plain::Plain,
    problem::{In, Violation},
    python::{at_pointer, repr},
};

/// The name under which the document is registered; its references are relative to it.
const ROOT: &str = "urn:openapi:document";

/// More faults than this in one value are not reported: an answer must not grow without bound.
const MAX_FAULTS: usize = 1_000;

/// A value is shown in a sentence up to about this many bytes.
const MAX_SHOWN: usize = 2_000;

/// Compiles the schemas of one document.
pub(crate) struct Compiler<'f> {
    root: Arc<Value>,
    registry: Registry<'static>,
    formats: &'f [(String, FormatCheck)],
    /// Most answers of an API share a few schemas: each is compiled once.
    compiled: RefCell<HashMap<String, Arc<Schema>>>,
}

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    /// The same schema for typed values, if it is plain enough.
    plain: Option<Plain>,
    /// The document and where in it the schema stands: faults are reported in its order.
    root: Arc<Value>,
    pointer: String,
}

/// How a value breaks its schema.
#[derive(Debug)]
pub(crate) struct SchemaFault {
    /// JSON Pointer into the value; a missing member is pointed at as if it were there.
    pub(crate) pointer: String,
    pub(crate) keyword: Cow<'static, str>,
    /// In Python's words and notation.
    pub(crate) sentence: String,
}

impl<'f> Compiler<'f> {
    pub(crate) fn new(
        document: &Document,
        formats: &'f [(String, FormatCheck)],
    ) -> Result<Self, String> {
        let mut root = Value::from(&document.root);
        adapt(&mut root, false);
        let registry = Registry::new()
            .add(ROOT, root.clone())
            .and_then(jsonschema::RegistryBuilder::prepare);
        Ok(Self {
            root: Arc::new(root),
            registry: registry.map_err(|error| error.to_string())?,
            formats,
            compiled: RefCell::default(),
        })
    }

    /// Compiles the schema at a JSON Pointer into the document.
    pub(crate) fn compile(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        if let Some(schema) = self.compiled.borrow().get(pointer) {
            return Ok(Arc::clone(schema));
        }
        let mut options = jsonschema::draft202012::options()
            .offline()
            .with_registry(&self.registry)
            .with_keyword("type", types)
            .with_keyword(WHOLE, whole)
            .should_validate_formats(true);
        for (name, check) in self.formats {
            options = options.with_format(name.clone(), *check);
        }
        let fragment = percent_encoding::utf8_percent_encode(pointer, FRAGMENT);
        let schema = json!({"$ref": format!("{ROOT}#{fragment}")});
        let validator = options.build(&schema).map_err(|error| error.to_string())?;
        let root = Arc::clone(&self.root);
        let plain = root.pointer(pointer);
        let plain = plain.and_then(|schema| Plain::compile(&root, schema, self.formats));
        let pointer = pointer.to_owned();
        let schema = Arc::new(Schema {
            validator,
            plain,
            root,
            pointer,
        });
        let known = schema.pointer.clone();
        self.compiled
            .borrow_mut()
            .insert(known, Arc::clone(&schema));
        Ok(schema)
    }
}

/// What must be encoded in the fragment of a reference (RFC 3986, section 3.5).
const FRAGMENT: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'{')
    .add(b'}');

impl Schema {
    /// Whether a value certainly conforms; if not, [`Self::is_valid`] decides.
    pub(crate) fn admits<T: Serialize + ?Sized>(&self, value: &T) -> bool {
        self.plain.as_ref().is_some_and(|plain| plain.admits(value))
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// All faults of `value`, whose JSON text is `text`; the text is what the sentences quote. In the order
    /// in which the document describes the members, and of one member's keywords, that of the keywords.
    pub(crate) fn faults(&self, value: &Value, text: &str) -> Vec<SchemaFault> {
        let errors = self.validator.iter_errors(value).take(MAX_FAULTS);
        let mut faults: Vec<_> = errors
            .map(|error| fault(error.kind(), error.instance_path(), text))
            .collect();
        faults.sort_by_cached_key(|fault| self.order(fault));
        faults
    }

    /// The faults of a body as violations, with the sentence's end that Python's connexion gave it.
    pub(crate) fn body_violations(&self, value: &Value, text: &str) -> Vec<Violation> {
        let faults = self.faults(value, text).into_iter();
        faults.map(SchemaFault::in_body).collect()
    }

    fn order(&self, fault: &SchemaFault) -> Vec<usize> {
        let mut schema = self.root.pointer(&self.pointer);
        let mut order = Vec::new();
        for token in fault.pointer.split('/').skip(1) {
            let (place, below) = schema
                .and_then(|schema| member(&self.root, schema, &unescape(token)))
                .unzip();
            order.push(place.unwrap_or(usize::MAX));
            schema = below;
        }
        let keywords = schema.map(|schema| resolve(&self.root, schema));
        let keywords = keywords
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys);
        order.push(
            keywords
                .into_iter()
                .position(|keyword| *keyword == fault.keyword)
                .unwrap_or(usize::MAX),
        );
        order
    }
}

impl SchemaFault {
    fn in_body(self) -> Violation {
        let path: Vec<_> = self.pointer.split('/').skip(1).map(unescape).collect();
        // A missing member is pointed at, but its sentence speaks of the object it is missing from.
        let spoken_of = path.len() - usize::from(self.keyword == "required");
        let path = path.get(..spoken_of).unwrap_or_default().join(".");
        let end = if spoken_of == 0 {
            String::new()
        } else {
            format!(" - '{path}'")
        };
        Violation {
            location: In::Body,
            name: self.pointer,
            keyword: self.keyword,
            detail: format!("{}{end}", self.sentence),
        }
    }
}

/// Which place a member has among those that `schema` describes, and its own schema.
fn member<'v>(root: &'v Value, schema: &'v Value, name: &str) -> Option<(usize, &'v Value)> {
    let schema = resolve(root, schema);
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut described = properties.into_iter().flatten().enumerate();
    if let Some((place, (_, schema))) = described.find(|(_, (known, _))| *known == name) {
        return Some((place, schema));
    }
    if let (Ok(index), Some(items)) = (name.parse(), schema.get("items")) {
        return Some((index, items));
    }
    let parts = schema.get("allOf").and_then(Value::as_array);
    parts
        .into_iter()
        .flatten()
        .find_map(|part| member(root, part, name))
}

fn fault(kind: &ValidationErrorKind, path: &Location, text: &str) -> SchemaFault {
    let mut pointer = path.as_str().to_owned();
    let json = at_pointer(text, &pointer).unwrap_or("null");
    let value = shown(json);
    let mut keyword = kind.keyword().to_owned();
    let mut sentence = sentence(kind, &value);
    match (kind, keyword.as_str()) {
        (ValidationErrorKind::Required { property }, _) => {
            pointer.push('/');
            pointer.push_str(&escape(property.as_str().unwrap_or_default()));
        }
        (_, WHOLE) => "format".clone_into(&mut keyword),
        // A number beyond 64 bits is read as a float, but that is not what is wrong with it.
        (ValidationErrorKind::Custom { message, .. }, "type")
            if message.contains("'integer'") && is_whole(json) =>
        {
            "format".clone_into(&mut keyword);
            sentence = format!("{value} is too large");
        }
        _ => {}
    }
    SchemaFault {
        pointer,
        keyword: keyword.into(),
        sentence,
    }
}

fn is_whole(json: &str) -> bool {
    let digits = json.trim_start_matches('-');
    digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn shown(json: &str) -> String {
    let mut text = repr(json);
    if text.len() > MAX_SHOWN {
        text.truncate(text.floor_char_boundary(MAX_SHOWN));
        text.push('…');
    }
    text
}

/// The sentence that Python's `jsonschema` would have written.
fn sentence(kind: &ValidationErrorKind, value: &str) -> String {
    use ValidationErrorKind as Kind;
    let literal = |json: &Value| repr(&json.to_string());
    let quoted = |text: &str| crate::python::string(text);
    let unexpected = |names: &[String]| {
        let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
        let verb = if names.len() == 1 { "was" } else { "were" };
        format!(
            "Additional properties are not allowed ({} {verb} unexpected)",
            names.join(", ")
        )
    };
    match kind {
        Kind::Custom { message, .. } => format!("{value} {message}"),
        Kind::Enum { options } => format!("{value} is not one of {}", literal(options)),
        Kind::Constant { expected_value } => format!("{} was expected", literal(expected_value)),
        Kind::Required { property } => format!("{} is a required property", literal(property)),
        Kind::MaxLength { .. } | Kind::MaxItems { .. } => format!("{value} is too long"),
        Kind::MinLength { .. } | Kind::MinItems { .. } => format!("{value} is too short"),
        Kind::MaxProperties { .. } => format!("{value} has too many properties"),
        Kind::MinProperties { .. } => format!("{value} does not have enough properties"),
        Kind::Maximum { limit } => {
            format!("{value} is greater than the maximum of {}", literal(limit))
        }
        Kind::Minimum { limit } => {
            format!("{value} is less than the minimum of {}", literal(limit))
        }
        Kind::ExclusiveMaximum { limit } => {
            format!(
                "{value} is greater than or equal to the maximum of {}",
                literal(limit)
            )
        }
        Kind::ExclusiveMinimum { limit } => {
            format!(
                "{value} is less than or equal to the minimum of {}",
                literal(limit)
            )
        }
        Kind::MultipleOf { multiple_of } => format!("{value} is not a multiple of {multiple_of}"),
        Kind::Pattern { pattern } => format!("{value} does not match {}", quoted(pattern)),
        Kind::Format { format } => format!("{value} is not a {}", quoted(format)),
        Kind::UniqueItems => format!("{value} has non-unique elements"),
        Kind::AdditionalProperties { unexpected: names }
        | Kind::UnevaluatedProperties { unexpected: names } => unexpected(names),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("{value} is not valid under any of the given schemas")
        }
        Kind::OneOfMultipleValid { .. } => {
            format!("{value} is valid under more than one of the given schemas")
        }
        Kind::Not { .. } | Kind::FalseSchema => format!("{value} is not allowed here"),
        other => format!("{value} breaks the rule '{}'", other.keyword()),
    }
}

/// The keyword `type`, stricter than JSON Schema about integers.
struct Types {
    accepted: Vec<String>,
    /// The end of the sentence.
    fault: String,
}

impl Keyword<'_> for Types {
    fn validate(&self, value: &Value) -> Result<(), jsonschema::ValidationError<'static>> {
        if self.is_valid(value) {
            Ok(())
        } else {
            Err(jsonschema::ValidationError::custom(self.fault.clone()))
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        self.accepted
            .iter()
            .any(|name| match (name.as_str(), value) {
                ("string", Value::String(_))
                | ("number", Value::Number(_))
                | ("boolean", Value::Bool(_))
                | ("object", Value::Object(_))
                | ("array", Value::Array(_))
                | ("null", Value::Null) => true,
                ("integer", Value::Number(number)) => !number.is_f64(),
                _ => false,
            })
    }
}

fn types<'a>(
    _: &'a Map<String, Value>,
    names: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, jsonschema::ValidationError<'a>> {
    let accepted: Vec<String> = match names {
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        name => name.as_str().map(str::to_owned).into_iter().collect(),
    };
    let known = [
        "string", "number", "integer", "boolean", "object", "array", "null",
    ];
    if accepted.is_empty() || !accepted.iter().all(|name| known.contains(&name.as_str())) {
        return Err(jsonschema::ValidationError::custom(format!(
            "`type` must be one of {}",
            known.join(", ")
        )));
    }
    let expected: Vec<_> = accepted.iter().map(|name| format!("'{name}'")).collect();
    let fault = format!("is not of type {}", expected.join(", "));
    Ok(Box::new(Types { accepted, fault }))
}

struct Whole {
    least: i64,
    greatest: i64,
}

impl Keyword<'_> for Whole {
    fn validate(&self, value: &Value) -> Result<(), jsonschema::ValidationError<'static>> {
        if self.is_valid(value) {
            return Ok(());
        }
        let fault = format!("is not between {} and {}", self.least, self.greatest);
        Err(jsonschema::ValidationError::custom(fault))
    }

    /// Only whole numbers are looked at; whether others are allowed is for `type` to say.
    fn is_valid(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) if !number.is_f64() => number
                .as_i64()
                .is_some_and(|number| (self.least..=self.greatest).contains(&number)),
            _ => true,
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a keyword factory")]
fn whole<'a>(
    _: &'a Map<String, Value>,
    format: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, jsonschema::ValidationError<'a>> {
    let (least, greatest) = match format.as_str() {
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    Ok(Box::new(Whole { least, greatest }))
}
