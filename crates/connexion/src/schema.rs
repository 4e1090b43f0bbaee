//! Schemas of the document, each compiled once into a validator. Only this folder uses the `jsonschema` crate.
//!
//! The whole document is registered as one resource, and a schema is compiled as a reference into it. `jsonschema`
//! resolves references between schemas, recursive ones too. Keywords of OpenAPI 3.0 and Swagger 2.0 that JSON Schema
//! 2020-12 does not have are rewritten first (`nullable`, boolean `exclusiveMinimum`, the ranges of `int32` and
//! `int64`). [`Compat`] decides which numbers are integers.

mod compile;
mod cycle;
mod defaults;
mod dialect;
mod direction;
mod discriminator;
mod examine;
mod format;
mod generate;
mod integer;
pub(crate) mod json;
mod lazy;
pub(crate) mod notation;
mod pattern;
mod plain;
mod position;
mod property_filter;
mod reduced;
mod sent;
mod sentence;
mod shared;
mod steps;
mod traverse;
pub(crate) mod typed;
pub(crate) mod validator;
mod violation;

use std::sync::Arc;

use jsonschema::Validator;
use serde::Serialize;
use serde_json::Value;

pub use self::generate::{Generated, Invalid};
pub(crate) use self::{
    compile::Compiler,
    defaults::Defaults,
    dialect::{is_annotation, is_format},
    examine::{Sample, Schemas, examine},
    format::FormatCheck,
    generate::ValidValues,
    pattern::Pattern,
    property_filter::PropertyFilter,
    violation::are_all,
};
use self::{
    direction::Direction,
    integer::Source,
    lazy::{LazyValidator, ValidatorCompiler},
    plain::Plain,
};
use crate::{compat::Compat, document::node::value_at, problem::Violation};

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: LazyValidator,
    /// The fast path; `None` if the schema uses keywords that it does not support.
    plain: Option<Plain>,
    /// The document that the schema is a part of.
    root: Arc<Value>,
    /// The JSON Pointer of the schema in the document.
    pointer: String,
    /// True if the references that the validator follows are counted.
    is_recursive: bool,
    compat: Compat,
}

impl Schema {
    /// Compiles the fast path of the schema at a pointer. The validator follows when a value needs it.
    fn new(validators: &Arc<ValidatorCompiler>, pointer: &str) -> Result<Self, String> {
        let root = Arc::clone(&validators.document.value);
        let Some(schema) = value_at(&root, pointer) else {
            return Err(format!("there is no schema at `{pointer}`"));
        };
        Ok(Self {
            validator: LazyValidator::new(Arc::clone(validators)),
            plain: Plain::compile(&root, schema, &validators.formats),
            root,
            pointer: pointer.to_owned(),
            is_recursive: validators.document.is_counted,
            compat: validators.compat,
        })
    }

    fn validator(&self) -> &Validator {
        self.validator.get(&self.pointer)
    }

    /// Returns whether the fast path finds a value valid. If it does not, [`Self::is_valid`] decides on the value's
    /// JSON.
    pub(crate) fn admits<T: Serialize + ?Sized>(&self, value: &T) -> bool {
        self.plain.as_ref().is_some_and(|plain| plain.admits(value))
    }

    /// Appends a value as JSON if the fast path finds it valid. Otherwise, appends nothing and returns `false`.
    pub(crate) fn write<T: Serialize + ?Sized>(&self, value: &T, json: &mut Vec<u8>) -> bool {
        let plain = self.plain.as_ref();
        plain.is_some_and(|plain| plain.write(value, json))
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.is_valid_on_fast_path(value) || self.is_valid_by_validator(value)
    }

    /// Validates a value, and converts integers such as `1.0` in a valid one so that serde reads them as integers.
    pub(crate) fn accept(&self, value: &mut Value) -> bool {
        // The fast path rejects integers that are written with a fraction or an exponent.
        if self.is_valid_on_fast_path(value) {
            return true;
        }
        let is_valid = self.is_valid_by_validator(value);
        if is_valid && self.compat == Compat::Standard {
            integer::convert(&self.root, &self.pointer, value, Source::Json);
        }
        is_valid
    }

    /// Validates a value that was built from strings, in which `1.0` may be an integer or a string. Converts integers
    /// as [`Self::accept`] does.
    pub(crate) fn accept_strings(&self, value: &mut Value) -> bool {
        if self.accept(value) {
            return true;
        }
        if self.compat != Compat::Standard {
            return false;
        }
        integer::convert(&self.root, &self.pointer, value, Source::Strings) && self.is_valid(value)
    }

    /// Returns the conventions for integers and messages.
    pub(crate) fn compat(&self) -> Compat {
        self.compat
    }

    /// Returns whether the fast path finds a value valid. `false` means nothing.
    fn is_valid_on_fast_path(&self, value: &Value) -> bool {
        let plain = self.plain.as_ref();
        plain.is_some_and(|plain| plain.admits_json(value))
    }

    fn is_valid_by_validator(&self, value: &Value) -> bool {
        let is_valid = || self.validator().is_valid(value);
        if self.is_recursive {
            return steps::bounded(value, is_valid).unwrap_or(false);
        }
        is_valid()
    }

    /// Generates valid and invalid values.
    pub(crate) fn generate(&self, seed: u64) -> Generated {
        let (valid, left_out) = generate::valid(self, seed);
        Generated {
            valid,
            invalid: generate::invalid(self, seed),
            left_out,
        }
    }

    /// Returns the filter that skips properties which the schema does not describe.
    pub(crate) fn property_filter(&self) -> PropertyFilter {
        PropertyFilter::compile(&self.root, &self.pointer)
    }

    /// Checks a response that is a string.
    pub(crate) fn check_text(&self, text: &str) -> Result<(), Vec<Violation>> {
        self.check_value(&Value::String(text.to_owned()))
    }

    /// Checks a response that is parsed.
    pub(crate) fn check_value(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.is_valid(value) {
            return Ok(());
        }
        Err(self.body_violations(value, None))
    }

    /// Checks the JSON of a response, or of an item of a streamed response.
    pub(crate) fn check_json(&self, json: &[u8]) -> Result<(), Vec<Violation>> {
        match serde_json::from_slice::<Value>(json) {
            Ok(value) if self.is_valid(&value) => Ok(()),
            Ok(value) => Err(self.body_violations(&value, Some(&String::from_utf8_lossy(json)))),
            Err(_) => {
                let detail = "the response is not valid JSON".to_owned();
                Err(vec![Violation::of_body("json", detail)])
            }
        }
    }
}
