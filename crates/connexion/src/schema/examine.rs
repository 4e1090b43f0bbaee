//! The schemas of a document, checked and rewritten as JSON Schema 2020-12.
//!
//! Every schema of the document is checked, whether an operation uses it or not. An invalid schema is replaced by
//! `true`, which allows any value, so that its diagnostics do not hide those of others.

use std::sync::{Arc, LazyLock};

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::{Value, json};

use super::{
    Direction, cycle, dialect, direction, discriminator,
    notation::{MAX_QUOTED, repr_value},
    pattern, reduced, sentence, steps,
    traverse::{deepest, each_schema},
};
use crate::{
    compat::Compat,
    diagnostics::{Diagnostic, DiagnosticCode, Position},
    document::{
        Document, MAX_REFERENCES, decoded,
        node::{Node, unescape, value_at, value_at_mut},
    },
};

/// The meta-schema of JSON Schema 2020-12.
static META: LazyLock<Option<Validator>> = LazyLock::new(|| {
    jsonschema::draft202012::options()
        .offline()
        .should_validate_formats(true)
        .build(&json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}))
        .ok()
});

/// A `default` or an example, which must be valid against its schema.
#[derive(Debug)]
pub(crate) struct Sample {
    /// JSON Pointer of the schema.
    pub(crate) schema: String,
    pub(crate) keyword: &'static str,
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// A document whose schemas are JSON Schema 2020-12.
#[derive(Debug)]
pub(crate) struct Schemas {
    pub(super) requests: Arc<DirectedDocument>,
    /// `None` if the schemas of responses are those of requests.
    pub(super) responses: Option<Arc<DirectedDocument>>,
    /// The schemas of examples; `None` if they are those of requests, or if there are no examples.
    pub(super) either: Option<Arc<DirectedDocument>>,
    pub(super) samples: Vec<Sample>,
    pub(super) compat: Compat,
}

/// A document with its schemas for one [`Direction`].
#[derive(Debug)]
pub(super) struct DirectedDocument {
    /// The document that messages and the order of violations are taken from.
    pub(super) value: Arc<Value>,
    /// The document that is compiled: `value` with counted steps or shared schemas. `None` if it needs neither.
    pub(super) guarded: Option<Arc<Value>>,
    /// True if [`steps`] are counted.
    pub(super) is_counted: bool,
}

/// Checks the schemas at the pointers in `outer` and rewrites them as JSON Schema 2020-12.
///
/// Returns the rewritten document, and a diagnostic for everything that is invalid or not supported.
pub(crate) fn examine(
    document: &Document,
    outer: &[String],
    samples: Vec<Sample>,
    strict_discriminator: bool,
) -> (Schemas, Vec<Diagnostic>) {
    let mut root = reduced::reduced(&document.root);
    let mut diagnostics = Vec::new();
    for pointer in outer {
        if let (Some(schema), Some(node)) = (
            value_at_mut(&mut root, pointer),
            document.root.at_pointer(pointer),
        ) {
            dialect::adapt(schema, document);
            for (at, pattern) in pattern::unsupported(schema, pointer) {
                let message =
                    format!("no engine can read the pattern `{pattern}`, so it is not checked");
                let at = deepest(&document.root, &at).at;
                diagnostics.push(document.diagnostic(DiagnosticCode::NotChecked, at, message));
            }
            let found = check_one(document, schema, node);
            if !found.is_empty() {
                *schema = Value::Bool(true);
            }
            diagnostics.extend(found);
        }
    }
    remove_dangling_references(&mut root, outer);
    for one in discriminator::rewrite(&mut root, outer, strict_discriminator) {
        let node = deepest(&document.root, &one.pointer);
        diagnostics.push(document.diagnostic(DiagnosticCode::Unsupported, node.at, one.message));
    }
    diagnostics.extend(remove_cycles(document, &mut root, outer));
    let schemas = Schemas {
        compat: document.compat,
        ..Schemas::new(root, outer, samples)
    };
    (schemas, diagnostics)
}

/// Replaces the schemas whose references can't be followed to an end by `true`.
///
/// Only references that the author wrote are reported. Those that the rewriting of discriminators added are removed
/// first: a child that leads back to its base by a keyword other than `allOf` can't be selected by the base.
fn remove_cycles(document: &Document, root: &mut Value, outer: &[String]) -> Vec<Diagnostic> {
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
            allow_anything(root, &holder);
        }
        found = cycle::endless(root, outer);
    }
    let mut diagnostics = Vec::new();
    for one in found {
        let holder = one.holder.replace(&bare, "");
        let node = deepest(&document.root, &format!("{holder}/$ref"));
        let end = if one.is_cycle {
            "leads back to itself"
        } else {
            "starts a chain of too many references"
        };
        let reference = one.reference.replace(&bare, "");
        let message = format!("`{}` {end}", document.written_at(node.at, &reference));
        diagnostics.push(document.diagnostic(DiagnosticCode::ReferenceEndless, node.at, message));
        allow_anything(root, &one.holder);
    }
    diagnostics
}

/// Replaces the schema at a pointer by `true`.
fn allow_anything(root: &mut Value, pointer: &str) {
    if let Some(holder) = value_at_mut(root, pointer) {
        *holder = Value::Bool(true);
    }
}

impl Schemas {
    fn new(root: Value, outer: &[String], samples: Vec<Sample>) -> Self {
        let is_directed = direction::is_used(&root);
        let of = |direction| {
            is_directed.then(|| {
                let value = direction::directed(&root, outer, direction);
                Arc::new(DirectedDocument::new(value, outer))
            })
        };
        let responses = of(Direction::Response);
        let either = (!samples.is_empty())
            .then(|| of(Direction::Either))
            .flatten();
        let requests = of(Direction::Request);
        Self {
            requests: requests.unwrap_or_else(|| Arc::new(DirectedDocument::new(root, outer))),
            responses,
            either,
            samples,
            compat: Compat::Standard,
        }
    }
}

impl DirectedDocument {
    fn new(value: Value, outer: &[String]) -> Self {
        let (guarded, is_counted) = steps::guarded(&value, outer).unzip();
        Self {
            guarded: guarded.map(Arc::new),
            is_counted: is_counted.unwrap_or(false),
            value: Arc::new(value),
        }
    }
}

/// Checks a schema against the meta-schema.
fn check_one(document: &Document, schema: &Value, node: &Node) -> Vec<Diagnostic> {
    let errors = META.iter().flat_map(|meta| meta.iter_errors(schema));
    // `pattern` checks patterns: it accepts more than the meta-schema.
    let errors = errors.filter(|error| {
        let path = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::Format { .. } => !path.ends_with("/pattern"),
            ValidationErrorKind::PropertyNames { .. } => !path.ends_with("/patternProperties"),
            _ => true,
        }
    });
    let diagnostic = |error: ValidationError<'_>| {
        let path = error.instance_path().as_str();
        let keyword = path
            .rsplit('/')
            .find(|token| token.parse::<usize>().is_err());
        let keyword = keyword.unwrap_or_default();
        let shown = || repr_value(error.instance(), Compat::Standard, MAX_QUOTED);
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
    errors.map(diagnostic).collect()
}

/// Removes references without a target, so that their schemas allow any value. `lint` reports them.
fn remove_dangling_references(root: &mut Value, outer: &[String]) {
    let mut dangling = Vec::new();
    for pointer in outer {
        let Some(schema) = value_at(root, pointer) else {
            continue;
        };
        each_schema(schema, pointer, &mut |schema, pointer| {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let is_dangling = |reference: &str| {
                !reference.starts_with('#') || value_at(root, &decoded(reference)).is_none()
            };
            if reference.is_some_and(is_dangling) {
                dangling.push(pointer.to_owned());
            }
        });
    }
    for pointer in dangling {
        if let Some(Value::Object(keywords)) = value_at_mut(root, &pointer) {
            keywords.shift_remove("$ref");
        }
    }
}
