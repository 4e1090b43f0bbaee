//! A schema of the document, compiled once into a validator. The only file that names the `jsonschema`
//! crate.
//!
//! The whole document is registered as one resource and each schema is reached by a reference into it, so
//! references between schemas, cycles too, need no work of ours. What differs from JSON Schema 2020-12 is rewritten:
//! keywords of OpenAPI 3.0 and Swagger 2.0 (`nullable`, boolean `exclusiveMinimum`, the bounds of `int32`).
//! [`Compat`] says which numbers are integers.

mod cycle;
mod defaults;
mod described;
mod dialect;
mod direction;
mod discriminator;
mod fault;
mod format;
mod generate;
mod integer;
pub(crate) mod json;
mod kept;
mod pattern;
mod plain;
mod reduced;
mod sentence;
mod shared;
pub(crate) mod shown;
mod steps;
mod texts;
pub(crate) mod typed;
pub(crate) mod validator;

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use jsonschema::{
    Keyword, Registry, ValidationError, Validator, error::ValidationErrorKind, paths::Location,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use self::generate::{Generated, Invalid};
pub(crate) use self::{
    defaults::Defaults,
    dialect::{is_format, is_remark},
    direction::Direction,
    fault::are_all,
    format::FormatCheck,
    generate::ValidValues,
    kept::Kept,
    pattern::Pattern,
};
use self::{
    integer::{From, WHOLE, Whole},
    plain::Plain,
    shared::{SHARED, Shared},
};
use crate::{
    compat::Compat,
    diagnostics::{Diagnostic, DiagnosticCode, Position},
    document::{
        Document, MAX_REFERENCES, decoded,
        node::{Node, push, unescape, value_at, value_at_mut},
    },
    problem::Violation,
    schema::shown::{MAX_SHOWN, repr_value},
};

/// The name under which the document is registered; its references are relative to it.
const ROOT: &str = "urn:openapi:document";

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
const KEYWORDS: [(&str, Factory); 5] = [
    (dialect::SINGLE, dialect::single),
    (direction::FORBIDDEN, direction::forbidden),
    (discriminator::CHOICE, discriminator::choice),
    (pattern::OWN, pattern::own),
    (steps::STEP, steps::step),
];

/// A `default` or an example, which must not break the schema it stands for.
#[derive(Debug)]
pub(crate) struct Sample {
    /// JSON Pointer of the schema.
    pub(crate) schema: String,
    pub(crate) keyword: &'static str,
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// The document with its schemas as JSON Schema 2020-12.
#[derive(Debug)]
pub(crate) struct Schemas {
    requests: Directed,
    /// `None` if answers are what requests are.
    answers: Option<Directed>,
    /// What an example is held against; `None` if that is what requests are, or if there is no example.
    either: Option<Directed>,
    samples: Vec<Sample>,
    compat: Compat,
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
    defaults: RefCell<defaults::Builder>,
}

/// The document as it is in one direction, registered with `jsonschema`.
struct Root<'s> {
    directed: &'s Directed,
    /// Those of our keywords that occur in it: each takes time for every schema that is compiled.
    keywords: Vec<(&'static str, Factory)>,
    /// Whether [`WHOLE`] does.
    has_whole: bool,
    registry: Registry<'s>,
    compat: Compat,
    /// Most answers of an API share a few schemas: each is compiled once.
    compiled: RefCell<HashMap<String, Arc<Schema>>>,
    shared: Arc<Shared>,
}

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    /// The same schema, if it is plain enough: it says "yes" sooner, and to typed values as well.
    plain: Option<Plain>,
    /// The document and where in it the schema stands: faults are reported in its order.
    root: Arc<Value>,
    pointer: String,
    is_recursive: bool,
    compat: Compat,
    /// The validators that it asks.
    _shared: Arc<Shared>,
}

/// The document with its schemas, which stand at `outer`, as JSON Schema 2020-12; and everything that is
/// wrong with them, whether they are used or not. One with a fault allows anything from here on, so that it
/// does not hide the faults of others.
pub(crate) fn examine(
    document: &Document,
    outer: &[String],
    samples: Vec<Sample>,
    strict_discriminator: bool,
) -> (Schemas, Vec<Diagnostic>) {
    let mut root = reduced::reduced(&document.root);
    let mut faults = Vec::new();
    for pointer in outer {
        if let (Some(schema), Some(node)) = (
            value_at_mut(&mut root, pointer),
            document.root.at_pointer(pointer),
        ) {
            dialect::adapt(schema, document);
            for (at, pattern) in pattern::unread(schema, pointer) {
                let message =
                    format!("no engine can read the pattern `{pattern}`, so it is not checked");
                let at = deepest(&document.root, &at).at;
                faults.push(document.diagnostic(DiagnosticCode::NotChecked, at, message));
            }
            let found = check_one(document, schema, node);
            if !found.is_empty() {
                *schema = Value::Bool(true);
            }
            faults.extend(found);
        }
    }
    drop_lost(&mut root, outer);
    for one in discriminator::rewrite(&mut root, outer, strict_discriminator) {
        let node = deepest(&document.root, &one.pointer);
        faults.push(document.diagnostic(DiagnosticCode::Unsupported, node.at, one.message));
    }
    faults.extend(without_circles(document, &mut root, outer));
    let schemas = Schemas {
        compat: document.compat,
        ..Schemas::new(root, outer, samples)
    };
    (schemas, faults)
}

/// Takes out the references that can't be followed. Those of the author are errors; of those that discriminators
/// added, nobody knows: a child that leads back to its base in another way than by `allOf` is not chosen.
fn without_circles(document: &Document, root: &mut Value, outer: &[String]) -> Vec<Diagnostic> {
    let bare = format!("/{}", discriminator::BARE);
    let is_added =
        |holder: &&String| !holder.contains(&bare) && document.root.at_pointer(holder).is_none();
    let mut found = cycle::endless(root, outer);
    for _ in 0..MAX_REFERENCES {
        let all = found.iter().flat_map(|one| &one.path);
        let added: Vec<_> = all.filter(is_added).cloned().collect();
        if added.is_empty() {
            break;
        }
        for holder in added {
            take_out(root, &holder);
        }
        found = cycle::endless(root, outer);
    }
    let mut faults = Vec::new();
    for one in found {
        let holder = one.holder.replace(&bare, "");
        let node = deepest(&document.root, &format!("{holder}/$ref"));
        let end = if one.is_cycle {
            "leads back to itself"
        } else {
            "leads over too many references"
        };
        let reference = one.reference.replace(&bare, "");
        let message = format!("`{}` {end}", document.written_at(node.at, &reference));
        faults.push(document.diagnostic(DiagnosticCode::ReferenceEndless, node.at, message));
        take_out(root, &one.holder);
    }
    faults
}

/// Lets the schema at a pointer allow any value.
fn take_out(root: &mut Value, pointer: &str) {
    if let Some(holder) = value_at_mut(root, pointer) {
        *holder = Value::Bool(true);
    }
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
            compat: Compat::Standard,
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

fn check_one(document: &Document, schema: &Value, node: &Node) -> Vec<Diagnostic> {
    let errors = META.iter().flat_map(|meta| meta.iter_errors(schema));
    // Patterns are looked at by `pattern`, which reads more than the schema of schemas allows.
    let errors = errors.filter(|error| {
        let path = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::Format { .. } => !path.ends_with("/pattern"),
            ValidationErrorKind::PropertyNames { .. } => !path.ends_with("/patternProperties"),
            _ => true,
        }
    });
    let fault = |error: ValidationError<'_>| {
        let path = error.instance_path().as_str();
        let keyword = path
            .rsplit('/')
            .find(|token| token.parse::<usize>().is_err());
        let keyword = keyword.unwrap_or_default();
        let shown = || repr_value(error.instance(), Compat::Standard, MAX_SHOWN);
        let message = if keyword == "type" {
            dialect::unknown_type()
        } else {
            let sentence = sentence::sentence(error.kind(), Compat::Standard, shown);
            format!("the `{}` of a schema: {sentence}", unescape(keyword))
        };
        document.diagnostic(
            DiagnosticCode::SchemaInvalid,
            deepest(node, path).at,
            message,
        )
    };
    errors.map(fault).collect()
}

/// Removes the references that lead nowhere, which `structure` reports: what they stand for allows anything.
fn drop_lost(root: &mut Value, outer: &[String]) {
    let mut lost = Vec::new();
    for pointer in outer {
        let Some(schema) = value_at(root, pointer) else {
            continue;
        };
        every(schema, pointer, &mut |schema, pointer| {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let is_lost = |reference: &str| {
                !reference.starts_with('#') || value_at(root, &decoded(reference)).is_none()
            };
            if reference.is_some_and(is_lost) {
                lost.push(pointer.to_owned());
            }
        });
    }
    for pointer in lost {
        if let Some(Value::Object(members)) = value_at_mut(root, &pointer) {
            members.shift_remove("$ref");
        }
    }
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
                "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
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
        let compat = schemas.compat;
        let new = |directed| Root::new(directed, compat);
        let root = |directed: &'s Option<Directed>| directed.as_ref().map(new).transpose();
        Ok(Self {
            requests: new(&schemas.requests)?,
            answers: root(&schemas.answers)?,
            either: root(&schemas.either)?,
            samples: &schemas.samples,
            formats,
            defaults: RefCell::default(),
        })
    }

    /// The conventions that the schemas follow.
    pub(crate) fn compat(&self) -> Compat {
        self.requests.compat
    }

    /// The defaults of what is sent, of the schema at a JSON Pointer into the document. They are there after
    /// [`Self::finish`].
    pub(crate) fn defaults(&self, pointer: &str) -> Defaults {
        let is_valid = |pointer: &str, value: &Value| {
            self.compile(pointer)
                .is_ok_and(|schema| schema.is_valid(value))
        };
        let root = &self.requests.directed.value;
        let mut builder = self.defaults.borrow_mut();
        builder.defaults(root, pointer, &is_valid)
    }

    /// To be called when everything is compiled.
    pub(crate) fn finish(self) {
        self.defaults.into_inner().finish();
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
    pub(crate) fn wrong_samples(&self, document: &Document) -> Vec<Diagnostic> {
        let root = self.either.as_ref().unwrap_or(&self.requests);
        let wrong = |sample: &Sample| {
            // A schema that can't be used is reported by who uses it.
            let schema = root.compile(&sample.schema, self.formats).ok()?;
            let value = &sample.value;
            if schema.is_valid(value) {
                return None;
            }
            let violations = schema.body_violations(value, None);
            let detail = violations.first().map_or("", |first| &first.detail);
            let keyword = sample.keyword;
            let message = format!("the `{keyword}` breaks its schema: {detail}");
            let code = if keyword == "default" {
                DiagnosticCode::DefaultInvalid
            } else {
                DiagnosticCode::ExampleInvalid
            };
            Some(document.diagnostic(code, sample.at, message))
        };
        self.samples.iter().filter_map(wrong).collect()
    }
}

impl<'s> Root<'s> {
    fn new(directed: &'s Directed, compat: Compat) -> Result<Self, String> {
        let value = directed.counted.as_ref().unwrap_or(&directed.value);
        let mut used = HashSet::new();
        own_keywords(value, &mut used);
        let has_whole = used.contains(WHOLE);
        let mut keywords = KEYWORDS.to_vec();
        keywords.retain(|(name, _)| used.contains(name));
        let registry = Registry::new()
            .add(ROOT, value)
            .and_then(jsonschema::RegistryBuilder::prepare);
        Ok(Self {
            directed,
            keywords,
            has_whole,
            registry: registry.map_err(|error| error.to_string())?,
            compat,
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
            compat: self.compat,
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
            .with_pattern_options(pattern::options())
            .should_validate_formats(true);
        let compat = self.compat;
        if compat == Compat::Connexion {
            options = options.with_keyword("type", dialect::types);
        }
        if self.has_whole {
            options = options.with_keyword(WHOLE, move |_, format, _| {
                Ok(Box::new(Whole::new(format, compat)))
            });
        }
        for (name, factory) in &self.keywords {
            options = options.with_keyword(*name, *factory);
        }
        options = options.with_format("byte", dialect::is_base64);
        for (name, check) in formats {
            let check = check.clone();
            options = options.with_format(name.clone(), move |text: &str| check.is_valid(text));
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

    /// Adds a value as JSON if it certainly conforms; otherwise nothing.
    pub(crate) fn write<T: Serialize + ?Sized>(&self, value: &T, json: &mut Vec<u8>) -> bool {
        let plain = self.plain.as_ref();
        plain.is_some_and(|plain| plain.write(value, json))
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.is_plainly_valid(value) || self.is_valid_by_all(value)
    }

    /// Whether a value is valid; then its integers can be read as such, however they were written.
    pub(crate) fn accept(&self, value: &mut Value) -> bool {
        // A plain schema admits no integer that is written as another number.
        if self.is_plainly_valid(value) {
            return true;
        }
        let is_valid = self.is_valid_by_all(value);
        if is_valid && self.compat == Compat::Standard {
            integer::settle(&self.root, &self.pointer, value, From::Json);
        }
        is_valid
    }

    /// The same for a value that was made of texts: `1.0` may be an integer or a string.
    pub(crate) fn accept_texts(&self, value: &mut Value) -> bool {
        if self.accept(value) {
            return true;
        }
        if self.compat != Compat::Standard {
            return false;
        }
        integer::settle(&self.root, &self.pointer, value, From::Text) && self.is_valid(value)
    }

    /// How numbers are read and values written.
    pub(crate) fn compat(&self) -> Compat {
        self.compat
    }

    /// Whether the fast path is certain that a value is valid.
    fn is_plainly_valid(&self, value: &Value) -> bool {
        let plain = self.plain.as_ref();
        plain.is_some_and(|plain| plain.admits_json(value))
    }

    fn is_valid_by_all(&self, value: &Value) -> bool {
        let is_valid = || self.validator.is_valid(value);
        if self.is_recursive {
            return steps::bounded(value, is_valid).unwrap_or(false);
        }
        is_valid()
    }

    /// Returns valid values, invalid ones, and what is left out.
    pub(crate) fn generate(&self, seed: u64) -> Generated {
        let (valid, left_out) = generate::valid(self, seed);
        Generated {
            valid,
            invalid: generate::invalid(self, seed),
            left_out,
        }
    }

    /// What of a value becomes values if properties that no schema speaks of are skipped.
    pub(crate) fn kept(&self) -> Kept {
        Kept::compile(&self.root, &self.pointer)
    }

    /// Checks an answer that is a text.
    pub(crate) fn check_text(&self, text: &str) -> Result<(), Vec<Violation>> {
        self.check_value(&Value::String(text.to_owned()))
    }

    /// Checks an answer that was read.
    pub(crate) fn check_value(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.is_valid(value) {
            return Ok(());
        }
        Err(self.body_violations(value, None))
    }

    /// Checks the JSON of an answer, or of an item of one.
    pub(crate) fn check_json(&self, json: &[u8]) -> Result<(), Vec<Violation>> {
        match serde_json::from_slice::<Value>(json) {
            Ok(value) if self.is_valid(&value) => Ok(()),
            Ok(value) => Err(self.body_violations(&value, Some(&String::from_utf8_lossy(json)))),
            Err(_) => {
                let detail = "the answer is not valid JSON".to_owned();
                Err(vec![Violation::of_body("json", detail)])
            }
        }
    }
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
