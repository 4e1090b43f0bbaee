//! Checks a document as a whole.

mod keywords;
mod lenient;
pub(crate) mod operations;
pub(crate) mod structure;

use std::collections::HashMap;

use self::structure::StructureFindings;
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode, Diagnostics, Position, Severity},
    document::{
        Document, Version,
        node::{Kind, Node, push},
    },
    operation::{self, Rules},
    schema::{self, FormatCheck, Schemas},
    security,
};

impl Document {
    /// Checks the document and returns all diagnostics in the order of lines.
    ///
    /// Handlers, verifiers and formats of the application are not known here; [`Api::build`](crate::Api::build) checks
    /// them, too.
    ///
    /// ```
    /// # use connexion::Document;
    /// let document = Document::parse("empty.yaml", "openapi: 3.1.0")?;
    /// let diagnostics: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    /// assert_eq!(diagnostics, ["empty.yaml:1:1: `info` is missing", "empty.yaml:1:1: `paths` is missing"]);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn check(&self) -> Vec<Diagnostic> {
        let (mut diagnostics, schemas) = self.examine(&[], false);
        let own = (&[][..], &[][..]);
        operation::compile(self, &schemas, own, |_| Rules::default(), &mut diagnostics);
        sort_and_locate(&mut diagnostics, &self.source);
        diagnostics
    }

    /// Returns all diagnostics except those of compilation, in no particular order, and the schemas for compilation.
    ///
    /// `formats` are the formats of the application; `strict_discriminator` is set by
    /// [`Api::strict_discriminator`](crate::Api::strict_discriminator).
    pub(crate) fn examine(
        &self,
        formats: &[(String, FormatCheck)],
        strict_discriminator: bool,
    ) -> (Vec<Diagnostic>, Schemas) {
        let mut findings = StructureFindings::of(self);
        let is_own = |name: &str| formats.iter().any(|(known, _)| known == name);
        findings.formats.retain(|(_, name)| !is_own(name));
        let mut diagnostics = findings.diagnostics;
        for (at, name) in findings.formats {
            let message = format!(
                "the format `{name}` is unknown and not checked; `Api::format` adds formats"
            );
            diagnostics.push(self.diagnostic(DiagnosticCode::FormatUnknown, at, message));
        }
        for diagnostic in &self.sources.diagnostics {
            diagnostics.push(self.tolerate(diagnostic.clone()));
        }
        diagnostics.extend(self.tolerated.iter().flatten().cloned());
        let (schemas, found) = schema::examine(
            self,
            &findings.schemas,
            findings.samples,
            strict_discriminator,
        );
        diagnostics.extend(found);
        // Since OpenAPI 3.1 a document may have webhooks or components only.
        let alternatives = match self.version {
            Version::Swagger2 | Version::OpenApi30 => &["paths"][..],
            Version::OpenApi31 | Version::OpenApi32 => &["paths", "components", "webhooks"],
        };
        for (key, keys) in [("info", &["info"][..]), ("paths", alternatives)] {
            if keys.iter().all(|key| self.root.get(key).is_none()) {
                let message = format!("`{key}` is missing");
                diagnostics.push(self.diagnostic(
                    DiagnosticCode::MemberMissing,
                    Position::START,
                    message,
                ));
            }
        }
        operations::check(self, &mut diagnostics);
        operations::check_paths(self, &mut diagnostics);
        security::check(self, &mut diagnostics);
        diagnostics.extend(self.checks.findings(self));
        (diagnostics, schemas)
    }

    /// Logs the warnings.
    ///
    /// # Errors
    /// All diagnostics, if one of them is an error.
    pub(crate) fn accept(&self, mut diagnostics: Vec<Diagnostic>) -> Result<(), Diagnostics> {
        sort_and_locate(&mut diagnostics, &self.source);
        let is_error = |diagnostic: &Diagnostic| diagnostic.severity() == Severity::Error;
        if diagnostics.iter().any(is_error) {
            return Err(Diagnostics::from(diagnostics));
        }
        for warning in &diagnostics {
            tracing::warn!("{warning}");
        }
        Ok(())
    }
}

/// Sorts diagnostics by file and line, removes duplicates, and adds the JSON Pointers into `source`, the tree as written by
/// the author.
pub(crate) fn sort_and_locate(diagnostics: &mut Vec<Diagnostic>, source: &Node) {
    if diagnostics.is_empty() {
        return;
    }
    diagnostics.sort_by(|a, b| (a.at, &a.message).cmp(&(b.at, &b.message)));
    diagnostics.dedup();
    // Lowering from Swagger 2.0 moves nodes but keeps their positions, which identify the original nodes.
    let mut pointers = HashMap::new();
    locate(source, &mut String::new(), &mut pointers);
    for diagnostic in diagnostics {
        if let Some(pointer) = pointers.get(&diagnostic.at) {
            diagnostic.pointer.clone_from(pointer);
        }
    }
}

/// Collects the pointer of every node by its position. If a node has the same position as its parent, the pointer is that
/// of the parent. The pointers of another file start at its root.
fn locate(node: &Node, pointer: &mut String, pointers: &mut HashMap<Position, String>) {
    pointers.entry(node.at).or_insert_with(|| pointer.clone());
    let file = node.at.file;
    let mut below = |key: &str, node: &Node| {
        if node.at.file != file {
            return locate(node, &mut String::new(), pointers);
        }
        let length = pointer.len();
        push(pointer, key);
        locate(node, pointer, pointers);
        pointer.truncate(length);
    };
    match &node.kind {
        Kind::Object(members) => members.iter().for_each(|(key, node)| below(key, node)),
        Kind::Array(items) => {
            for (i, node) in items.iter().enumerate() {
                below(&i.to_string(), node);
            }
        }
        _ => {}
    }
}
