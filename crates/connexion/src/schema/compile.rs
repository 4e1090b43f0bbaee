//! Compilation of schemas: each schema of a document becomes one [`Schema`], however many operations use it.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    FormatCheck, Schema,
    defaults::{self, Defaults},
    examine::{DirectedDocument, Sample, Schemas},
    lazy::ValidatorCompiler,
};
use crate::{
    compat::Compat,
    diagnostics::{Diagnostic, DiagnosticCode},
    document::Document,
};

/// Compiles the schemas of one document.
pub(crate) struct Compiler<'s> {
    requests: DirectedCompiler,
    responses: Option<DirectedCompiler>,
    schemas: &'s Schemas,
    formats: &'s [(String, FormatCheck)],
    defaults: RefCell<defaults::Builder>,
}

/// Compiles the schemas of one direction.
struct DirectedCompiler {
    validators: Arc<ValidatorCompiler>,
    /// The compiled schemas by pointer. Most operations share a few.
    compiled: RefCell<HashMap<String, Arc<Schema>>>,
}

impl<'s> Compiler<'s> {
    pub(crate) fn new(
        schemas: &'s Schemas,
        formats: &'s [(String, FormatCheck)],
    ) -> Result<Self, String> {
        let new = |document| DirectedCompiler::new(document, formats, schemas.compat);
        Ok(Self {
            requests: new(&schemas.requests)?,
            responses: schemas.responses.as_ref().map(new).transpose()?,
            schemas,
            formats,
            defaults: RefCell::default(),
        })
    }

    /// Returns the conventions that the schemas follow.
    pub(crate) fn compat(&self) -> Compat {
        self.schemas.compat
    }

    /// Returns the defaults of the request schema at a JSON Pointer. They are available after [`Self::finish`].
    pub(crate) fn defaults(&self, pointer: &str) -> Defaults {
        let is_valid = |pointer: &str, value: &Value| {
            self.compile(pointer)
                .is_ok_and(|schema| schema.is_valid(value))
        };
        let root = &self.schemas.requests.value;
        let mut builder = self.defaults.borrow_mut();
        builder.defaults(root, pointer, &is_valid)
    }

    /// Completes the defaults. Must be called after the last schema is compiled.
    pub(crate) fn finish(self) {
        self.defaults.into_inner().finish();
    }

    /// Compiles the request schema at a JSON Pointer into the document.
    pub(crate) fn compile(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        self.requests.compile(pointer)
    }

    /// Compiles the response schema at a JSON Pointer into the document.
    pub(crate) fn compile_response(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        let compiler = self.responses.as_ref().unwrap_or(&self.requests);
        compiler.compile(pointer)
    }

    /// Returns a diagnostic for each default and example that is invalid against its schema.
    pub(crate) fn invalid_samples(&self, document: &Document) -> Vec<Diagnostic> {
        let schemas = self.schemas;
        let directed = schemas.either.as_ref().unwrap_or(&schemas.requests);
        // The validators of samples are dropped at the end: no request needs them.
        let validators = ValidatorCompiler::new(Arc::clone(directed), self.formats, schemas.compat);
        let Ok(validators) = validators.map(Arc::new) else {
            return Vec::new();
        };
        let diagnostic = |schema: &Schema, sample: &Sample| {
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
        // The samples of one schema follow one another, so it is compiled once for all of them.
        let samples = &schemas.samples;
        let mut diagnostics = Vec::new();
        for samples in samples.chunk_by(|one, next| one.schema == next.schema) {
            let pointer = samples.first().map_or("", |sample| &sample.schema);
            // A schema that can't be compiled is reported by the operation that uses it.
            if let Ok(schema) = Schema::new(&validators, pointer) {
                let found = samples.iter().filter_map(|one| diagnostic(&schema, one));
                diagnostics.extend(found);
            }
        }
        diagnostics
    }
}

impl DirectedCompiler {
    fn new(
        document: &Arc<DirectedDocument>,
        formats: &[(String, FormatCheck)],
        compat: Compat,
    ) -> Result<Self, String> {
        let validators = ValidatorCompiler::new(Arc::clone(document), formats, compat)?;
        Ok(Self {
            validators: Arc::new(validators),
            compiled: RefCell::default(),
        })
    }

    fn compile(&self, pointer: &str) -> Result<Arc<Schema>, String> {
        if let Some(schema) = self.compiled.borrow().get(pointer) {
            return Ok(Arc::clone(schema));
        }
        let schema = Arc::new(Schema::new(&self.validators, pointer)?);
        let mut compiled = self.compiled.borrow_mut();
        compiled.insert(pointer.to_owned(), Arc::clone(&schema));
        Ok(schema)
    }
}
