//! Validators that are compiled when a value is first checked with them.
//!
//! A validator of `jsonschema` has a node for each keyword that it reaches, also through references. Compiling all
//! validators of a large document at start took most of its load time and many times the memory of its text, although the
//! fast path ([`Plain`](super::plain::Plain)) accepts most values without them, and many operations are never called.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use jsonschema::{Keyword, Registry, ValidationError, Validator, paths::Location};
use serde_json::{Map, Value, json};

use super::{
    FormatCheck, dialect, direction, discriminator,
    examine::DirectedDocument,
    integer::{INTEGER_RANGE, IntegerRange},
    pattern,
    shared::{SHARED, Shared},
    steps,
    traverse::encoded,
};
use crate::compat::Compat;

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

/// Compiles the validators of one direction.
#[derive(Debug)]
pub(super) struct ValidatorCompiler {
    pub(super) document: Arc<DirectedDocument>,
    pub(super) formats: Vec<(String, FormatCheck)>,
    pub(super) compat: Compat,
    /// Prepared for the first validator.
    registered: OnceLock<Registered>,
    shared: Arc<Shared>,
    /// Locked while a validator is compiled: the validators that it refers to must be complete before they are used.
    compiling: Mutex<()>,
    /// Rejects every value, in place of a validator that can't be compiled.
    reject_all: Validator,
}

/// The document as `jsonschema` resolves references in it.
#[derive(Debug)]
struct Registered {
    registry: Result<Registry<'static>, String>,
    /// The keywords of this crate that occur in the document. The others are not registered: each costs time for every
    /// validator.
    keywords: HashSet<String>,
}

impl ValidatorCompiler {
    pub(super) fn new(
        document: Arc<DirectedDocument>,
        formats: &[(String, FormatCheck)],
        compat: Compat,
    ) -> Result<Self, String> {
        let reject_all = jsonschema::draft202012::options()
            .offline()
            .build(&Value::Bool(false));
        Ok(Self {
            document,
            formats: formats.to_vec(),
            compat,
            registered: OnceLock::new(),
            shared: Arc::default(),
            compiling: Mutex::default(),
            reject_all: reject_all.map_err(|error| error.to_string())?,
        })
    }

    fn registered(&self) -> &Registered {
        self.registered.get_or_init(|| {
            let document = &self.document;
            let value = document.guarded.as_ref().unwrap_or(&document.value);
            let mut keywords = HashSet::new();
            collect_own_keywords(value, &mut keywords);
            let registry = Registry::new()
                .add(ROOT, Arc::clone(value))
                .and_then(jsonschema::RegistryBuilder::prepare);
            Registered {
                registry: registry.map_err(|error| error.to_string()),
                keywords: keywords.into_iter().map(str::to_owned).collect(),
            }
        })
    }

    /// Compiles the validator of the schema at a pointer, and those that it refers to.
    fn compile(&self, pointer: &str) -> Result<Validator, String> {
        let _compiling = self
            .compiling
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let validator = self.compile_one(pointer)?;
        self.shared.complete(|pointer| self.compile_one(pointer))?;
        Ok(validator)
    }

    fn compile_one(&self, pointer: &str) -> Result<Validator, String> {
        let Registered { registry, keywords } = self.registered();
        let mut options = jsonschema::draft202012::options()
            .offline()
            .with_registry(registry.as_ref()?)
            .with_pattern_options(pattern::options())
            .should_validate_formats(true);
        let compat = self.compat;
        if compat == Compat::Connexion {
            options = options.with_keyword("type", dialect::types);
        }
        if keywords.contains(INTEGER_RANGE) {
            options = options.with_keyword(INTEGER_RANGE, move |_, format, _| {
                Ok(Box::new(IntegerRange::new(format, compat)))
            });
        }
        for (name, factory) in KEYWORDS {
            if keywords.contains(name) {
                options = options.with_keyword(name, factory);
            }
        }
        options = options.with_format("byte", dialect::is_base64);
        for (name, check) in &self.formats {
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
        let schema = json!({"$ref": format!("{ROOT}#{}", encoded(pointer))});
        options.build(&schema).map_err(|error| error.to_string())
    }
}

/// The validator of one schema.
#[derive(Debug)]
pub(super) struct LazyValidator {
    compiler: Arc<ValidatorCompiler>,
    /// `None` if it can't be compiled.
    compiled: OnceLock<Option<Validator>>,
}

impl LazyValidator {
    pub(super) fn new(compiler: Arc<ValidatorCompiler>) -> Self {
        Self {
            compiler,
            compiled: OnceLock::new(),
        }
    }

    /// Returns the validator of the schema at `pointer`.
    ///
    /// If it can't be compiled, which the checks of the document at start exclude, the validator rejects every value.
    pub(super) fn get(&self, pointer: &str) -> &Validator {
        let compiled = self.compiled.get_or_init(|| {
            let compiled = self.compiler.compile(pointer);
            if let Err(message) = &compiled {
                debug_assert!(false, "{pointer}: {message}");
                tracing::error!(%pointer, "the schema can't be compiled: {message}");
            }
            compiled.ok()
        });
        compiled.as_ref().unwrap_or(&self.compiler.reject_all)
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
