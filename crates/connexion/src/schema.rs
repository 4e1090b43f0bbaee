//! A schema of the document, compiled once into a validator. The only file that names the `jsonschema`
//! crate.
//!
//! The whole document is registered as one resource and each schema is reached by a reference into it, so
//! references between schemas, cycles too, need no work of ours. Two things differ from JSON Schema
//! 2020-12: keywords of OpenAPI 3.0 and Swagger 2.0 are rewritten (`nullable`, boolean
//! `exclusiveMinimum`, the bounds of `int32`), and a number written `40.0` or `4e1` is not an integer,
//! as it was not for the clients of Python's connexion.

mod cycle;
mod dialect;
mod direction;
mod discriminator;
mod pattern;
mod plain;
mod sentence;
mod shared;
mod steps;

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use jsonschema::{
    Keyword, Registry, ValidationError, Validator, error::ValidationErrorKind, paths::Location,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(crate) use self::{
    dialect::{is_format, is_remark},
    direction::Direction,
};
use self::{
    plain::Plain,
    shared::{SHARED, Shared},
};
use crate::{
    document::{Document, MAX_REFERENCES, decoded},
    fault::{Code, Fault},
    node::{Node, push, unescape, value_at, value_at_mut},
    parameter::MAX_UNKNOWN,
    problem::Violation,
    python::{MAX_SHOWN, Texts, repr, string},
    structure::Sample,
};

/// The name under which the document is registered; its references are relative to it.
const ROOT: &str = "urn:openapi:document";

/// More faults than this in one value are not reported: an answer must not grow without bound.
const MAX_FAULTS: usize = 1_000;

/// So many values of an `enum` go with the fault of one that is none of them.
const MAX_EXPECTED: usize = 100;

/// Of a value with more values in it than this only the first fault is reported: the validator holds all
/// faults in memory at once, half a kilobyte each.
const MAX_VALUES: usize = 20_000;

/// Arrays and objects of so many bytes in all are read again to be shown in the sentences about one value;
/// after that only a mark stands for them. What is nested could otherwise be read once for every level.
const MAX_READ: usize = 1024 * 1024;

/// The schema of schemas; that patterns can be read is a matter of `format` in it.
static META: LazyLock<Option<Validator>> = LazyLock::new(|| {
    jsonschema::draft202012::options()
        .offline()
        .should_validate_formats(true)
        .build(&json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}))
        .ok()
});

/// Makes the check of a keyword of our own.
type Factory = for<'a> fn(
    &'a Map<String, Value>,
    &'a Value,
    Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>>;

/// The keywords of our own beside `type`.
const KEYWORDS: [(&str, Factory); 6] = [
    (dialect::WHOLE, dialect::whole),
    (dialect::SINGLE, dialect::single),
    (direction::FORBIDDEN, direction::forbidden),
    (discriminator::CHOICE, discriminator::choice),
    (pattern::SLOW, pattern::slow),
    (steps::STEP, steps::step),
];

/// Decides whether a text is of a format.
pub(crate) type FormatCheck = fn(&str) -> bool;

/// The document with its schemas as JSON Schema 2020-12.
#[derive(Debug)]
pub(crate) struct Schemas {
    requests: Directed,
    /// `None` if answers are what requests are.
    answers: Option<Directed>,
    /// What an example is held against; `None` if that is what requests are, or if there is no example.
    either: Option<Directed>,
    samples: Vec<Sample>,
}

/// The document as it is in one direction.
#[derive(Debug)]
struct Directed {
    value: Arc<Value>,
    /// The same with its steps counted or its schemas shared; `None` if neither need be. This is what is compiled, but
    /// what is looked up for sentences is the other.
    counted: Option<Value>,
    is_counted: bool,
}

/// Compiles the schemas of one document.
pub(crate) struct Compiler<'s> {
    requests: Root<'s>,
    answers: Option<Root<'s>>,
    either: Option<Root<'s>>,
    samples: &'s [Sample],
    formats: &'s [(String, FormatCheck)],
}

/// The document as it is in one direction, registered with `jsonschema`.
struct Root<'s> {
    directed: &'s Directed,
    /// Those of our keywords that occur in it: each takes time for every schema that is compiled.
    keywords: Vec<(&'static str, Factory)>,
    registry: Registry<'s>,
    /// Most answers of an API share a few schemas: each is compiled once.
    compiled: RefCell<HashMap<String, Arc<Schema>>>,
    shared: Arc<Shared>,
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
    is_recursive: bool,
    /// The validators that it asks.
    _shared: Arc<Shared>,
}

/// How a value breaks its schema.
#[derive(Debug)]
pub(crate) struct SchemaFault {
    /// JSON Pointer into the value; a missing member is pointed at as if it were there.
    pub(crate) pointer: String,
    pub(crate) keyword: Cow<'static, str>,
    /// In Python's words and notation.
    pub(crate) sentence: String,
    /// What the document says under the keyword.
    pub(crate) expected: Option<Value>,
}

/// The document with its schemas, which stand at `outer`, as JSON Schema 2020-12; and everything that is
/// wrong with them, whether they are used or not. One with a fault allows anything from here on, so that it
/// does not hide the faults of others.
pub(crate) fn examine(
    document: &Document,
    outer: &[String],
    samples: Vec<Sample>,
) -> (Schemas, Vec<Fault>) {
    let mut root = Value::from(&*document.root);
    let mut faults = Vec::new();
    for pointer in outer {
        if let (Some(schema), Some(node)) = (
            value_at_mut(&mut root, pointer),
            document.root.at_pointer(pointer),
        ) {
            dialect::adapt(schema, document);
            let found = check_one(document, schema, node);
            if !found.is_empty() {
                *schema = Value::Bool(true);
            }
            faults.extend(found);
        }
    }
    for one in discriminator::rewrite(&mut root, outer) {
        let node = deepest(&document.root, &one.pointer);
        faults.push(document.fault(Code::Unsupported, node.at, one.message));
    }
    for one in cycle::endless(&root, outer) {
        let node = deepest(&document.root, &format!("{}/$ref", one.holder));
        let end = if one.is_cycle {
            "leads back to itself"
        } else {
            "leads over too many references"
        };
        let message = format!("`{}` {end}", document.written_at(node.at, &one.reference));
        faults.push(document.fault(Code::ReferenceEndless, node.at, message));
        if let Some(holder) = value_at_mut(&mut root, &one.holder) {
            *holder = Value::Bool(true);
        }
    }
    (Schemas::new(root, outer, samples), faults)
}

impl Schemas {
    fn new(root: Value, outer: &[String], samples: Vec<Sample>) -> Self {
        let is_directed = direction::is_used(&root);
        let turned = |direction| {
            is_directed.then(|| Directed::new(direction::directed(&root, outer, direction), outer))
        };
        let answers = turned(Direction::Answer);
        let either = (!samples.is_empty())
            .then(|| turned(Direction::Either))
            .flatten();
        let requests = turned(Direction::Request);
        Self {
            requests: requests.unwrap_or_else(|| Directed::new(root, outer)),
            answers,
            either,
            samples,
        }
    }
}

impl Directed {
    fn new(value: Value, outer: &[String]) -> Self {
        let (counted, is_counted) = steps::guarded(&value, outer).unzip();
        Self {
            counted,
            is_counted: is_counted.unwrap_or(false),
            value: Arc::new(value),
        }
    }
}

fn check_one(document: &Document, schema: &Value, node: &Node) -> Vec<Fault> {
    let errors = META.iter().flat_map(|meta| meta.iter_errors(schema));
    // The schema of schemas wants patterns of ECMAScript, but others can be matched, too.
    let errors = errors.filter(|error| {
        let is_format = matches!(error.kind(), ValidationErrorKind::Format { .. });
        let pattern = error.instance().as_str().filter(|_| is_format);
        !pattern.is_some_and(pattern::is_usable)
    });
    let fault = |error: ValidationError<'_>| {
        let path = error.instance_path().as_str();
        let keyword = path
            .rsplit('/')
            .find(|token| token.parse::<usize>().is_err());
        let keyword = keyword.unwrap_or_default();
        let shown = || repr(&error.instance().to_string(), MAX_SHOWN);
        let message = if keyword == "type" {
            dialect::unknown_type()
        } else {
            let sentence = sentence::sentence(error.kind(), shown);
            format!("the `{}` of a schema: {sentence}", unescape(keyword))
        };
        document.fault(Code::SchemaInvalid, deepest(node, path).at, message)
    };
    errors.map(fault).collect()
}

fn own_keywords<'v>(value: &'v Value, found: &mut HashSet<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| own_keywords(item, found)),
        Value::Object(members) => {
            for (key, member) in members {
                if key.starts_with("x-connexion-") {
                    found.insert(key);
                }
                own_keywords(member, found);
            }
        }
        _ => {}
    }
}

/// Shows `visit` every schema in `schema`, itself too, and the pointer to it.
fn every<'v>(schema: &'v Value, pointer: &str, visit: &mut impl FnMut(&'v Value, &str)) {
    every_below(schema, &mut pointer.to_owned(), visit);
}

/// One text serves all pointers: to make each anew took longer than to look at what it leads to.
fn every_below<'v>(
    schema: &'v Value,
    pointer: &mut String,
    visit: &mut impl FnMut(&'v Value, &str),
) {
    let Value::Object(members) = schema else {
        return;
    };
    visit(schema, pointer);
    let length = pointer.len();
    for (key, member) in members {
        push(pointer, key);
        match (key.as_str(), member) {
            // Data and prose.
            (
                "example" | "examples" | "default" | "enum" | "const" | "discriminator" | "xml"
                | "externalDocs",
                _,
            ) => {}
            (key, _) if key.starts_with("x-") && key != discriminator::BARE => {}
            // The members of these are names, not keywords.
            (
                "properties" | "patternProperties" | "dependentSchemas" | "$defs",
                Value::Object(named),
            ) => {
                let length = pointer.len();
                for (name, below) in named {
                    push(pointer, name);
                    every_below(below, pointer, visit);
                    pointer.truncate(length);
                }
            }
            (_, Value::Array(items)) => {
                let length = pointer.len();
                for (i, below) in items.iter().enumerate() {
                    push(pointer, &i.to_string());
                    every_below(below, pointer, visit);
                    pointer.truncate(length);
                }
            }
            (_, below) => every_below(below, pointer, visit),
        }
        pointer.truncate(length);
    }
}

/// The node that a JSON Pointer leads to, or the last one before it leads nowhere.
fn deepest<'n>(mut node: &'n Node, pointer: &str) -> &'n Node {
    for token in pointer.split('/').skip(1) {
        match node.at_pointer(&format!("/{token}")) {
            Some(below) => node = below,
            None => break,
        }
    }
    node
}

impl<'s> Compiler<'s> {
    pub(crate) fn new(
        schemas: &'s Schemas,
        formats: &'s [(String, FormatCheck)],
    ) -> Result<Self, String> {
        let root = |directed: &'s Option<Directed>| directed.as_ref().map(Root::new).transpose();
        Ok(Self {
            requests: Root::new(&schemas.requests)?,
            answers: root(&schemas.answers)?,
            either: root(&schemas.either)?,
            samples: &schemas.samples,
            formats,
        })
    }

    /// Compiles the schema at a JSON Pointer into the document, for what is sent.
    pub(crate) fn compile(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        self.requests.compile(pointer, self.formats)
    }

    /// Compiles the schema at a JSON Pointer into the document, for what is answered.
    pub(crate) fn compile_answer(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        let root = self.answers.as_ref().unwrap_or(&self.requests);
        root.compile(pointer, self.formats)
    }

    /// Every default and example that breaks its own schema: who reads the document would be told wrong.
    pub(crate) fn wrong_samples(&self, document: &Document) -> Vec<Fault> {
        let root = self.either.as_ref().unwrap_or(&self.requests);
        let wrong = |sample: &Sample| {
            // A schema that can't be used is reported by who uses it.
            let schema = root.compile(&sample.schema, self.formats).ok()?;
            let value = &sample.value;
            if schema.is_valid(value) {
                return None;
            }
            let violations = schema.body_violations(value, &value.to_string());
            let detail = violations.first().map_or("", |first| &first.detail);
            let keyword = sample.keyword;
            let message = format!("the `{keyword}` breaks its schema: {detail}");
            let code = if keyword == "default" {
                Code::DefaultInvalid
            } else {
                Code::ExampleInvalid
            };
            Some(document.fault(code, sample.at, message))
        };
        self.samples.iter().filter_map(wrong).collect()
    }
}

impl<'s> Root<'s> {
    fn new(directed: &'s Directed) -> Result<Self, String> {
        let value = directed.counted.as_ref().unwrap_or(&directed.value);
        let mut used = HashSet::new();
        own_keywords(value, &mut used);
        let mut keywords = KEYWORDS.to_vec();
        keywords.retain(|(name, _)| used.contains(name));
        let registry = Registry::new()
            .add(ROOT, value)
            .and_then(jsonschema::RegistryBuilder::prepare);
        Ok(Self {
            directed,
            keywords,
            registry: registry.map_err(|error| error.to_string())?,
            compiled: RefCell::default(),
            shared: Arc::default(),
        })
    }

    fn compile(
        &self,
        pointer: &str,
        formats: &[(String, FormatCheck)],
    ) -> Result<Arc<Schema>, String> {
        if let Some(schema) = self.compiled.borrow().get(pointer) {
            return Ok(Arc::clone(schema));
        }
        let validator = self.validator(pointer, formats)?;
        self.shared
            .complete(|pointer| self.validator(pointer, formats))?;
        let root = Arc::clone(&self.directed.value);
        let plain = value_at(&root, pointer);
        let plain = plain.and_then(|schema| Plain::compile(&root, schema, formats));
        let schema = Arc::new(Schema {
            validator,
            plain,
            root,
            pointer: pointer.to_owned(),
            is_recursive: self.directed.is_counted,
            _shared: Arc::clone(&self.shared),
        });
        let mut compiled = self.compiled.borrow_mut();
        compiled.insert(pointer.to_owned(), Arc::clone(&schema));
        Ok(schema)
    }

    fn validator(
        &self,
        pointer: &str,
        formats: &[(String, FormatCheck)],
    ) -> Result<Validator, String> {
        let mut options = jsonschema::draft202012::options()
            .offline()
            .with_registry(&self.registry)
            .with_keyword("type", dialect::types)
            .with_pattern_options(pattern::options())
            .should_validate_formats(true);
        for (name, factory) in &self.keywords {
            options = options.with_keyword(*name, *factory);
        }
        for (name, check) in dialect::FORMATS {
            options = options.with_format(name, check);
        }
        for (name, check) in formats {
            options = options.with_format(name.clone(), *check);
        }
        if self.directed.counted.is_some() {
            let shared = Arc::clone(&self.shared);
            options = options.with_keyword(SHARED, move |_, pointer, _| {
                let pointer = pointer.as_str().unwrap_or_default();
                Ok(Box::new(shared.keyword(pointer)))
            });
        }
        let fragment = encoded(pointer);
        let schema = json!({"$ref": format!("{ROOT}#{fragment}")});
        options.build(&schema).map_err(|error| error.to_string())
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
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A pointer as the fragment of a reference.
fn encoded(pointer: &str) -> String {
    percent_encoding::utf8_percent_encode(pointer, FRAGMENT).to_string()
}

impl Schema {
    /// Whether a value certainly conforms; if not, [`Self::is_valid`] decides about its JSON.
    pub(crate) fn admits<T: Serialize + ?Sized>(&self, value: &T) -> bool {
        self.plain.as_ref().is_some_and(|plain| plain.admits(value))
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        let is_valid = || self.validator.is_valid(value);
        if self.is_recursive {
            return steps::bounded(value, is_valid).unwrap_or(false);
        }
        is_valid()
    }

    /// The faults of `value`, whose JSON text is `text`; the text is what the sentences quote. In the order
    /// in which the document describes the members, and of one member's keywords, that of the keywords.
    pub(crate) fn faults(&self, value: &Value, text: &str) -> Vec<SchemaFault> {
        let faults = || self.all_faults(value, text);
        if !self.is_recursive {
            return faults();
        }
        steps::bounded(value, faults).unwrap_or_else(|| {
            vec![SchemaFault {
                pointer: String::new(),
                keyword: "$ref".into(),
                sentence: steps::TOO_MANY.to_owned(),
                expected: None,
            }]
        })
    }

    fn all_faults(&self, value: &Value, text: &str) -> Vec<SchemaFault> {
        shared::forget();
        let mut shown = Shown {
            texts: Texts::new(text),
            left: MAX_READ,
        };
        let mut left = MAX_VALUES;
        if has_more_values(value, &mut left) {
            let error = self.validator.validate(value).err();
            let faults = error.map(|error| self.told(&mut shown, "", &error));
            return faults.into_iter().flatten().take(1).collect();
        }
        let errors = self.validator.iter_errors(value).take(MAX_FAULTS);
        let faults = errors.flat_map(|error| self.told(&mut shown, "", &error));
        let mut faults: Vec<_> = faults.take(MAX_FAULTS).collect();
        faults.sort_by_cached_key(|fault| self.order(fault));
        told_once(faults)
    }

    /// What is told of an error in what stands at `place`: what a shared schema found; of members that must not be
    /// there each, the first time with all of their names.
    fn told(
        &self,
        shown: &mut Shown<'_>,
        place: &str,
        error: &ValidationError<'_>,
    ) -> Vec<SchemaFault> {
        let place = format!("{place}{}", error.instance_path());
        if let ValidationErrorKind::Custom { keyword, message } = error.kind()
            && keyword == SHARED
        {
            let found = shared::taken(message);
            let told = found
                .iter()
                .flat_map(|error| self.told(shown, &place, error));
            return told.collect();
        }
        let fault = self.fault(shown, place, error);
        let (ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected }) = error.kind()
        else {
            return vec![fault];
        };
        let one = |(i, name): (usize, &String)| {
            let mut pointer = fault.pointer.clone();
            push(&mut pointer, name);
            let sentence = if i == 0 {
                fault.sentence.clone()
            } else {
                sentence::unexpected(std::slice::from_ref(name))
            };
            SchemaFault {
                pointer,
                keyword: fault.keyword.clone(),
                sentence,
                expected: None,
            }
        };
        let names = unexpected.iter().take(MAX_UNKNOWN).enumerate();
        names.map(one).collect()
    }

    fn fault(
        &self,
        shown: &mut Shown<'_>,
        pointer: String,
        error: &ValidationError<'_>,
    ) -> SchemaFault {
        let at = error.absolute_keyword_location();
        let at = at.and_then(|uri| Some(decoded(uri.fragment()?.as_str())));
        let expected = at.and_then(|pointer| self.root.pointer(&pointer));
        SchemaFault {
            expected: expected.filter(|value| is_small(value)).cloned(),
            ..shown.fault(error.kind(), pointer)
        }
    }

    /// The faults of a body as violations, with the sentence's end that Python's connexion gave it.
    pub(crate) fn body_violations(&self, value: &Value, text: &str) -> Vec<Violation> {
        let faults = self.faults(value, text).into_iter();
        faults.map(SchemaFault::in_body).collect()
    }

    /// Checks an answer that is a text.
    pub(crate) fn check_text(&self, text: &str) -> Result<(), Vec<Violation>> {
        let value = Value::String(text.to_owned());
        if self.is_valid(&value) {
            return Ok(());
        }
        Err(self.body_violations(&value, &value.to_string()))
    }

    /// Checks the JSON of an answer, or of an item of one.
    pub(crate) fn check_json(&self, json: &[u8]) -> Result<(), Vec<Violation>> {
        match serde_json::from_slice::<Value>(json) {
            Ok(value) if self.is_valid(&value) => Ok(()),
            Ok(value) => Err(self.body_violations(&value, &String::from_utf8_lossy(json))),
            Err(_) => {
                let detail = "the answer is not valid JSON".to_owned();
                Err(vec![Violation::of_body("json", detail)])
            }
        }
    }

    /// First what is wrong with an object itself, then its members.
    fn order(&self, fault: &SchemaFault) -> Vec<usize> {
        let mut schema = value_at(&self.root, &self.pointer);
        let mut order = Vec::new();
        for token in fault.pointer.split('/').skip(1) {
            let (place, below) = schema
                .and_then(|schema| member(&self.root, schema, &unescape(token)))
                .unzip();
            order.push(place.map_or(usize::MAX, |place: usize| place + 1));
            schema = below;
        }
        let schema = schema.map(|schema| resolve(&self.root, schema));
        let keywords = schema.and_then(Value::as_object).map(Map::keys);
        let place = keywords.and_then(|mut all| all.position(|name| *name == fault.keyword));
        order.extend([0, place.unwrap_or(usize::MAX)]);
        order
    }
}

impl SchemaFault {
    fn in_body(self) -> Violation {
        let path: Vec<_> = self.pointer.split('/').skip(1).map(unescape).collect();
        // A member that is missing or must be is pointed at, but the sentence speaks of the object around it.
        let is_of_object = matches!(
            &*self.keyword,
            "required"
                | "readOnly"
                | "writeOnly"
                | "additionalProperties"
                | "unevaluatedProperties"
        );
        let spoken_of = path.len().saturating_sub(usize::from(is_of_object));
        let path = path.get(..spoken_of).unwrap_or_default().join(".");
        let end = if spoken_of == 0 {
            String::new()
        } else {
            format!(" - '{path}'")
        };
        Violation {
            pointer: self.pointer,
            keyword: self.keyword,
            expected: self.expected,
            ..Violation::of_body("", format!("{}{end}", self.sentence))
        }
    }
}

/// Whether what the document expects is worth handing on with each of many faults: no schemas, no long lists.
fn is_small(expected: &Value) -> bool {
    let is_single = |value: &Value| !value.is_array() && !value.is_object();
    match expected {
        Value::Array(items) => items.len() <= MAX_EXPECTED && items.iter().all(is_single),
        value => is_single(value),
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
    let chosen = schema.get("then");
    parts
        .into_iter()
        .flatten()
        .chain(chosen)
        .find_map(|part| member(root, part, name))
}

/// What several parts of a schema find is told once; that a member is missing, by the sentence that says most.
fn told_once(mut faults: Vec<SchemaFault>) -> Vec<SchemaFault> {
    let mut longest = HashMap::new();
    for fault in faults.iter().filter(|fault| fault.keyword == "required") {
        let length = longest.entry(fault.pointer.clone()).or_insert(0);
        *length = fault.sentence.len().max(*length);
    }
    let mut told = HashSet::new();
    faults.retain(|fault| {
        let is_shorter = fault.keyword == "required"
            && longest.get(&fault.pointer) != Some(&fault.sentence.len());
        !is_shorter
            && told.insert((
                fault.pointer.clone(),
                fault.keyword.clone(),
                fault.sentence.clone(),
            ))
    });
    faults
}

/// What a schema's references lead to in the end.
fn resolve<'v>(root: &'v Value, mut schema: &'v Value) -> &'v Value {
    for _ in 0..MAX_REFERENCES {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|reference| value_at(root, &decoded(reference)));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// Whether so many faults of a value are all that it has.
pub(crate) fn are_all(faults: usize, value: &Value) -> bool {
    let mut left = MAX_VALUES;
    faults < MAX_FAULTS && !has_more_values(value, &mut left)
}

/// Whether there are more values in `value` than are left.
fn has_more_values(value: &Value, left: &mut usize) -> bool {
    let Some(rest) = left.checked_sub(1) else {
        return true;
    };
    *left = rest;
    match value {
        Value::Array(items) => items.iter().any(|item| has_more_values(item, left)),
        Value::Object(members) => members.values().any(|member| has_more_values(member, left)),
        _ => false,
    }
}

/// Shows parts of a value as it was sent.
struct Shown<'t> {
    texts: Texts<'t>,
    /// How many bytes of arrays and objects may still be read.
    left: usize,
}

impl Shown<'_> {
    fn fault(&mut self, kind: &ValidationErrorKind, mut pointer: String) -> SchemaFault {
        let json = self.texts.at(&pointer).unwrap_or("null");
        let mut keyword = kind.keyword().to_owned();
        let mut sentence = sentence::sentence(kind, || self.repr(json));
        match (kind, keyword.as_str()) {
            (ValidationErrorKind::Required { property }, _) => {
                push(&mut pointer, property.as_str().unwrap_or_default());
            }
            (_, pattern::SLOW) => "pattern".clone_into(&mut keyword),
            (_, dialect::WHOLE | dialect::SINGLE) => "format".clone_into(&mut keyword),
            (ValidationErrorKind::Custom { message, .. }, discriminator::CHOICE) => {
                let (property, values) = discriminator::told(message);
                push(&mut pointer, &property);
                let values = values.map(|values| repr(&values, MAX_SHOWN));
                let sent = self.texts.at(&pointer);
                (keyword, sentence) = match (sent, values) {
                    (None, None) => {
                        let sentence = format!("{} is a required property", string(&property));
                        ("required".to_owned(), sentence)
                    }
                    (None, Some(values)) => {
                        let name = string(&property);
                        let sentence = format!("{name} is a required property, one of {values}");
                        ("required".to_owned(), sentence)
                    }
                    (Some(sent), values) => {
                        let end = values.map_or("of type 'string'".to_owned(), |values| {
                            format!("one of {values}")
                        });
                        let sentence = format!("{} is not {end}", self.repr(sent));
                        ("discriminator".to_owned(), sentence)
                    }
                };
            }
            (ValidationErrorKind::Custom { message, .. }, direction::FORBIDDEN) => {
                let name = pointer.rsplit('/').next().unwrap_or_default();
                let name = string(&unescape(name));
                let kind = if message == "readOnly" {
                    "read-only"
                } else {
                    "write-only"
                };
                message.clone_into(&mut keyword);
                sentence = format!("{name} is {kind}");
            }
            // A number beyond 64 bits is read as a float, but that is not what is wrong with it.
            (ValidationErrorKind::Custom { message, .. }, "type")
                if message.contains("'integer'") && is_whole(json) =>
            {
                "format".clone_into(&mut keyword);
                sentence = format!("{} is too large", self.repr(json));
            }
            _ => {}
        }
        SchemaFault {
            pointer,
            keyword: keyword.into(),
            sentence,
            expected: None,
        }
    }

    fn repr(&mut self, json: &str) -> String {
        if json.starts_with(['[', '{']) {
            match self.left.checked_sub(json.len()) {
                Some(left) => self.left = left,
                None => return "…".to_owned(),
            }
        }
        repr(json, MAX_SHOWN)
    }
}

/// Whether a number is written with digits only, and too many of them for a machine's integer.
fn is_whole(json: &str) -> bool {
    let digits = json.trim_start_matches('-');
    digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
