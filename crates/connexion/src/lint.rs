//! Checks of a document as a whole.

mod keywords;
mod lenient;
pub(crate) mod operations;
pub(crate) mod structure;

use std::collections::HashMap;

use self::structure::Survey;
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
    /// Everything that is wrong with the document itself, in the order of its lines.
    ///
    /// It knows neither handlers nor verifiers nor formats of the application; [`Api::build`](crate::Api::build) checks
    /// with them.
    ///
    /// ```
    /// # use connexion::Document;
    /// let document = Document::parse("empty.yaml", "openapi: 3.1.0")?;
    /// let faults: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    /// assert_eq!(faults, ["empty.yaml:1:1: `info` is missing", "empty.yaml:1:1: `paths` is missing"]);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn check(&self) -> Vec<Diagnostic> {
        let (mut faults, schemas) = self.examine(&[], false);
        let own = (&[][..], &[][..]);
        operation::compile(self, &schemas, own, |_| Rules::default(), &mut faults);
        arrange(&mut faults, &self.source);
        faults
    }

    /// Everything that is wrong but what compiling finds, in no order; and the schemas ready to be compiled.
    /// `formats` are those of the application's own; `strict_discriminator` is what
    /// [`Api::strict_discriminator`](crate::Api::strict_discriminator) says.
    pub(crate) fn examine(
        &self,
        formats: &[(String, FormatCheck)],
        strict_discriminator: bool,
    ) -> (Vec<Diagnostic>, Schemas) {
        let mut survey = Survey::of(self);
        let is_own = |name: &str| formats.iter().any(|(known, _)| known == name);
        survey.formats.retain(|(_, name)| !is_own(name));
        let mut faults = survey.faults;
        for (at, name) in survey.formats {
            let message = format!(
                "the format `{name}` is not known, so it is not checked; `Api::format` adds one"
            );
            faults.push(self.diagnostic(DiagnosticCode::FormatUnknown, at, message));
        }
        for fault in &self.sources.faults {
            faults.push(self.tolerate(fault.clone()));
        }
        faults.extend(self.tolerated.iter().flatten().cloned());
        let (schemas, found) =
            schema::examine(self, &survey.schemas, survey.samples, strict_discriminator);
        faults.extend(found);
        // Since OpenAPI 3.1 a document may describe webhooks only, or be there for others to refer to.
        let holders = match self.version {
            Version::Swagger2 | Version::OpenApi30 => &["paths"][..],
            Version::OpenApi31 | Version::OpenApi32 => &["paths", "components", "webhooks"],
        };
        for (key, keys) in [("info", &["info"][..]), ("paths", holders)] {
            if keys.iter().all(|key| self.root.get(key).is_none()) {
                let message = format!("`{key}` is missing");
                faults.push(self.diagnostic(
                    DiagnosticCode::MemberMissing,
                    Position::START,
                    message,
                ));
            }
        }
        operations::check(self, &mut faults);
        operations::check_paths(self, &mut faults);
        security::check(self, &mut faults);
        faults.extend(self.checks.findings(self));
        (faults, schemas)
    }

    /// Logs the faults that are warnings.
    ///
    /// # Errors
    /// All faults, if one of them keeps the document from being served.
    pub(crate) fn accept(&self, mut faults: Vec<Diagnostic>) -> Result<(), Diagnostics> {
        arrange(&mut faults, &self.source);
        let is_error = |fault: &Diagnostic| fault.severity() == Severity::Error;
        if faults.iter().any(is_error) {
            return Err(Diagnostics::from(faults));
        }
        for warning in &faults {
            tracing::warn!("{warning}");
        }
        Ok(())
    }
}

/// Puts faults in the order of the files and lines, tells what was found more than once once, and adds the pointers
/// into the files as they were written, which `source` holds.
pub(crate) fn arrange(faults: &mut Vec<Diagnostic>, source: &Node) {
    if faults.is_empty() {
        return;
    }
    faults.sort_by(|a, b| (a.at, &a.message).cmp(&(b.at, &b.message)));
    faults.dedup();
    // Lowering from Swagger 2.0 moves nodes but keeps their positions: these tell what the author wrote.
    let mut places = HashMap::new();
    locate(source, &mut String::new(), &mut places);
    for fault in faults {
        if let Some(pointer) = places.get(&fault.at) {
            fault.pointer.clone_from(pointer);
        }
    }
}

/// Notes the pointer of every node by its position. What begins at the same place as what holds it is not
/// noted: the holder is meant. A file within the document begins anew.
fn locate(node: &Node, pointer: &mut String, places: &mut HashMap<Position, String>) {
    places.entry(node.at).or_insert_with(|| pointer.clone());
    let file = node.at.file;
    let mut below = |key: &str, node: &Node| {
        if node.at.file != file {
            return locate(node, &mut String::new(), places);
        }
        let length = pointer.len();
        push(pointer, key);
        locate(node, pointer, places);
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
