//! Validation of values that are not part of a request, against a schema of the document.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    diagnostics::{DiagnosticCode, Diagnostics, Severity},
    document::{Document, node::Position},
    problem::{Violation, Violations},
    schema::{
        Compiler, Defaults, FormatCheck, Generated, PropertyFilter, Schema,
        json::{self, Room},
    },
};

/// A compiled schema of the document, for values that are not part of a request, such as the rows of a file or the
/// messages of a queue. [`Api::validator`](crate::Api::validator) creates one.
///
/// ```
/// # use connexion::{Api, Document};
/// # let document = Document::parse("people.yaml", r#"
/// # openapi: 3.1.0
/// # info: {title: People, version: "1"}
/// # components:
/// #   schemas:
/// #     Person: {type: object, required: [name], properties: {name: {type: string, maxLength: 5}}}
/// # "#)?;
/// let person = Api::<()>::from_document(document).validator("Person")?;
/// let read: serde_json::Value = person.read(br#"{"name": "Ann"}"#).map_err(|_| "it is one")?;
/// assert!(person.check(&read).is_ok());
///
/// let violations = person.read::<serde_json::Value>(br#"{"name": "Annabel"}"#).unwrap_err();
/// assert_eq!((&*violations[0].pointer, violations[0].code()), ("/name", "too-long"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Validator {
    name: Arc<str>,
    schema: Arc<Schema>,
    /// The filter of the properties that become values.
    filter: Option<Arc<PropertyFilter>>,
    /// The defaults that are added to a value.
    defaults: Option<Defaults>,
    /// The maximum number of values in a JSON text.
    values: usize,
    /// Called with each violation and the name of the schema.
    hook: Option<Hook>,
}

type Hook = Arc<dyn Fn(&Violation, &str) + Send + Sync>;

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Validator").field(&self.name).finish()
    }
}

/// The options for parsing JSON texts.
#[derive(Debug)]
pub(crate) struct Reading {
    /// True if properties that the schema does not describe are skipped.
    pub(crate) skips: bool,
    /// True if the defaults of absent properties are added.
    pub(crate) fills: bool,
    /// The maximum number of values in a text.
    pub(crate) values: usize,
}

impl Validator {
    /// Compiles the schema with this name.
    pub(crate) fn compile(
        document: &Document,
        name: &str,
        formats: &[(String, FormatCheck)],
        reading: &Reading,
    ) -> Result<Self, Diagnostics> {
        let pointer = format!(
            "/components/schemas/{}",
            name.replace('~', "~0").replace('/', "~1")
        );
        let (mut violations, schemas) = document.examine(formats, false);
        violations.retain(|diagnostic| diagnostic.severity() == Severity::Error);
        if !violations.is_empty() {
            return Err(Diagnostics::from(violations));
        }
        let compiled = match document.target(&format!("#{pointer}")) {
            Ok(_) => Compiler::new(&schemas, formats).and_then(|all| {
                let schema = all.compile(&pointer)?;
                let defaults = reading.fills.then(|| all.defaults(&pointer));
                all.finish();
                Ok((schema, defaults))
            }),
            Err(_) => Err(format!("there is no schema `{name}`")),
        };
        let diagnostic =
            |message| document.diagnostic(DiagnosticCode::SchemaInvalid, Position::START, message);
        compiled
            .map(|(schema, defaults)| Self {
                filter: reading.skips.then(|| Arc::new(schema.property_filter())),
                defaults,
                schema,
                values: reading.values,
                name: name.into(),
                hook: None,
            })
            .map_err(|message| Diagnostics::from(diagnostic(message)))
    }

    pub(crate) fn with_hook(self, hook: Option<Hook>) -> Self {
        Self { hook, ..self }
    }

    /// Checks the JSON that a value is serialized as.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::parse("age.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Age, version: "1"}
    /// # components: {schemas: {Age: {type: integer, minimum: 0}}}
    /// # "#)?;
    /// let age = Api::<()>::from_document(document).validator("Age")?;
    /// assert!(age.check(&38).is_ok());
    /// assert_eq!(age.check(&-1).unwrap_err()[0].code(), "too-small");
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// All violations, in the order of the document.
    pub fn check(&self, value: &impl Serialize) -> Result<(), Violations> {
        if self.schema.admits(value) {
            return Ok(());
        }
        let value = serde_json::to_value(value)
            .map_err(|error| vec![Violation::of_body("json", error.to_string())]);
        let result = value.and_then(|value| {
            if self.schema.is_valid(&value) {
                return Ok(());
            }
            Err(self.schema.body_violations(&value, None))
        });
        result.map_err(|violations| self.reported(violations))
    }

    /// Checks a JSON text, and deserializes it.
    ///
    /// The limit, the skipping of properties and the defaults are those of request bodies:
    /// [`Api::value_limit`](crate::Api::value_limit), [`Api::skip_undescribed`](crate::Api::skip_undescribed) and
    /// [`Api::body_defaults`](crate::Api::body_defaults).
    ///
    /// # Errors
    /// All violations, in the order of the document.
    pub fn read<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, Violations> {
        let result = self.read_checked(json);
        result.map_err(|violations| self.reported(violations))
    }

    /// Passes the violations to the hook and returns them as an error.
    fn reported(&self, violations: Vec<Violation>) -> Violations {
        if let Some(hook) = &self.hook {
            for violation in &violations {
                hook(violation, &self.name);
            }
        }
        violations.into()
    }

    fn read_checked<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, Vec<Violation>> {
        let wrong = |error: &dyn fmt::Display| {
            vec![Violation::of_body(
                "json",
                format!("It is not valid JSON: {error}"),
            )]
        };
        let text = str::from_utf8(json).map_err(|error| wrong(&error))?;
        let room = Room::of(self.values);
        let filter = self
            .filter
            .as_deref()
            .unwrap_or_else(|| PropertyFilter::all());
        let mut value = json::read(text, filter, &room).map_err(|error| {
            if room.is_exceeded() {
                vec![room.violation()]
            } else {
                wrong(&error)
            }
        })?;
        if !self.schema.accept(&mut value) {
            return Err(self.schema.body_violations(&value, Some(text)));
        }
        if let Some(defaults) = &self.defaults {
            defaults.fill(&mut value, &room);
        }
        if room.is_exceeded() {
            return Err(vec![room.violation()]);
        }
        serde_json::from_value(value).map_err(|error| wrong(&error))
    }

    /// Generates valid values, including those at the limits, and values that violate exactly one keyword. The same
    /// `seed` generates the same values.
    ///
    /// Every value is checked against the schema. There are up to 500 valid and 500 invalid values. Values that can't
    /// be generated, such as a string for a pattern with look-ahead, are listed in [`Generated::left_out`].
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::parse("age.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Age, version: "1"}
    /// # components: {schemas: {Age: {type: integer, minimum: 0, maximum: 150}}}
    /// # "#)?;
    /// let generated = Api::<()>::from_document(document).validator("Age")?.generate(0);
    /// assert_eq!(generated.valid, [1, 150, 0]);
    /// let invalid: Vec<_> = generated.invalid.iter().map(|one| (&*one.keyword, one.value.clone())).collect();
    /// assert!(invalid.contains(&("maximum", 151.into())));
    /// assert!(generated.left_out.is_empty());
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn generate(&self, seed: u64) -> Generated {
        self.schema.generate(seed)
    }
}
