//! Compilation of schemas: each schema of a document becomes one [`Schema`], however many operations use it.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jsonschema::{Keyword, Registry, ValidationError, Validator, paths::Location};
use serde_json::{Map, Value, json};

use super::{
    FormatCheck, Schema,
    defaults::{self, Defaults},
    dialect, direction, discriminator,
    examine::{DirectedDocument, Sample, Schemas},
    integer::{INTEGER_RANGE, IntegerRange},
    pattern,
    plain::Plain,
    shared::{SHARED, Shared},
    steps,
    traverse::encoded,
};
use crate::{
    compat::Compat,
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{Document, node::value_at},
};

/// The URI of the document in the registry of `jsonschema`.
const ROOT: &str = "urn:openapi:document";

/// A function that compiles a keyword of this crate.
type Factory = for<'a> fn(
    &'a Map<String, Value>,
    &'a Value,
    Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>>;

/// The keywords of this crate that need no context to be compiled.
const KEYWORDS: [(&str, Factory); 5] = [
    (dialect::FLOAT_RANGE, dialect::float_range),
    (direction::FORBIDDEN, direction::forbidden),
    (discriminator::CHOICE, discriminator::choice),
    (pattern::TRANSLATED, pattern::translated_pattern),
    (steps::STEP, steps::step),
];

/// Compiles the schemas of one document.
pub(crate) struct Compiler<'s> {
    requests: DirectedCompiler<'s>,
    responses: Option<DirectedCompiler<'s>>,
    either: Option<DirectedCompiler<'s>>,
    samples: &'s [Sample],
    formats: &'s [(String, FormatCheck)],
    defaults: RefCell<defaults::Builder>,
}

/// Compiles the schemas of one direction.
struct DirectedCompiler<'s> {
    document: &'s DirectedDocument,
    /// The keywords of this crate that occur in the document. The others are not registered: each costs time for every
    /// schema that is compiled.
    keywords: Vec<(&'static str, Factory)>,
    /// True if [`INTEGER_RANGE`] occurs in the document.
    has_integer_range: bool,
    registry: Registry<'s>,
    compat: Compat,
    /// The compiled schemas by pointer. Most operations share a few.
    compiled: RefCell<HashMap<String, Arc<Schema>>>,
    shared: Arc<Shared>,
}

impl<'s> Compiler<'s> {
    pub(crate) fn new(
        schemas: &'s Schemas,
        formats: &'s [(String, FormatCheck)],
    ) -> Result<Self, String> {
        let compat = schemas.compat;
        let new = |document| DirectedCompiler::new(document, compat);
        let optional =
            |document: &'s Option<DirectedDocument>| document.as_ref().map(new).transpose();
        Ok(Self {
            requests: new(&schemas.requests)?,
            responses: optional(&schemas.responses)?,
            either: optional(&schemas.either)?,
            samples: &schemas.samples,
            formats,
            defaults: RefCell::default(),
        })
    }

    /// Returns the conventions that the schemas follow.
    pub(crate) fn compat(&self) -> Compat {
        self.requests.compat
    }

    /// Returns the defaults of the request schema at a JSON Pointer. They are available after [`Self::finish`].
    pub(crate) fn defaults(&self, pointer: &str) -> Defaults {
        let is_valid = |pointer: &str, value: &Value| {
            self.compile(pointer)
                .is_ok_and(|schema| schema.is_valid(value))
        };
        let root = &self.requests.document.value;
        let mut builder = self.defaults.borrow_mut();
        builder.defaults(root, pointer, &is_valid)
    }

    /// Completes the defaults. Must be called after the last schema is compiled.
    pub(crate) fn finish(self) {
        self.defaults.into_inner().finish();
    }

    /// Compiles the request schema at a JSON Pointer into the document.
    pub(crate) fn compile(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        self.requests.compile(pointer, self.formats)
    }

    /// Compiles the response schema at a JSON Pointer into the document.
    pub(crate) fn compile_response(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        let compiler = self.responses.as_ref().unwrap_or(&self.requests);
        compiler.compile(pointer, self.formats)
    }

    /// Returns a diagnostic for each default and example that is invalid against its schema.
    pub(crate) fn invalid_samples(&self, document: &Document) -> Vec<Diagnostic> {
        let compiler = self.either.as_ref().unwrap_or(&self.requests);
        let diagnostic = |sample: &Sample| {
            // A schema that can't be compiled is reported by the operation that uses it.
            let schema = compiler.compile(&sample.schema, self.formats).ok()?;
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
        self.samples.iter().filter_map(diagnostic).collect()
    }
}

impl<'s> DirectedCompiler<'s> {
    fn new(document: &'s DirectedDocument, compat: Compat) -> Result<Self, String> {
        let value = document.guarded.as_ref().unwrap_or(&document.value);
        let mut used = HashSet::new();
        collect_own_keywords(value, &mut used);
        let has_integer_range = used.contains(INTEGER_RANGE);
        let mut keywords = KEYWORDS.to_vec();
        keywords.retain(|(name, _)| used.contains(name));
        let registry = Registry::new()
            .add(ROOT, value)
            .and_then(jsonschema::RegistryBuilder::prepare);
        Ok(Self {
            document,
            keywords,
            has_integer_range,
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
        let root = Arc::clone(&self.document.value);
        let plain = value_at(&root, pointer);
        let plain = plain.and_then(|schema| Plain::compile(&root, schema, formats));
        let schema = Arc::new(Schema {
            validator,
            plain,
            root,
            pointer: pointer.to_owned(),
            is_recursive: self.document.is_counted,
            compat: self.compat,
            _shared: Arc::clone(&self.shared),
        });
        let mut compiled = self.compiled.borrow_mut();
        compiled.insert(pointer.to_owned(), Arc::clone(&schema));
        Ok(schema)
    }

    /// Compiles the validator of the schema at a pointer.
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
        if self.has_integer_range {
            options = options.with_keyword(INTEGER_RANGE, move |_, format, _| {
                Ok(Box::new(IntegerRange::new(format, compat)))
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
        if self.document.guarded.is_some() {
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

/// Adds the keywords of this crate that occur in `value`.
fn collect_own_keywords<'v>(value: &'v Value, found: &mut HashSet<&'v str>) {
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_own_keywords(item, found)),
        Value::Object(keywords) => {
            for (key, below) in keywords {
                if key.starts_with("x-connexion-") {
                    found.insert(key);
                }
                collect_own_keywords(below, found);
            }
        }
        _ => {}
    }
}
