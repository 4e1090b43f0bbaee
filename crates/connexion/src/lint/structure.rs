//! Checks the structure of a document: the fields of each object, their types and the references (OpenAPI 3.1, section 4.8).
//!
//! Unknown fields are errors if requests could depend on them: with a misspelt `requestbody`, bodies would not be checked.
//! Unsupported fields are errors, too. Swagger 2.0 is checked after lowering, so one table serves all versions.

mod references;
mod schema;
mod unknown;
mod version;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        Document, Version, decoded,
        files::{Broken, is_elsewhere},
        node::{Kind, Node, Position, push},
        object::{FieldType, ObjectKind, is_annotation_in_3_2},
        server,
    },
    schema::{Sample, is_format},
};

/// The results of the check.
#[derive(Debug, Default)]
pub(crate) struct StructureFindings {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The JSON Pointers of all schemas that are not part of another schema.
    pub(crate) schemas: Vec<String>,
    /// The defaults and examples of schemas.
    pub(crate) samples: Vec<Sample>,
    /// The formats that the library does not know, with their positions.
    pub(crate) formats: Vec<(Position, String)>,
}

impl StructureFindings {
    /// Checks the structure of a document.
    pub(crate) fn of(document: &Document) -> Self {
        let mut walker = StructureWalker {
            document,
            findings: Self::default(),
            pointer: String::new(),
            kinds: HashMap::new(),
            references: Vec::new(),
            client_references: HashSet::new(),
            is_client_target: false,
            possible_children: Vec::new(),
            is_unserved: false,
        };
        walker.check_object(&document.root, ObjectKind::Document);
        walker.check_references();
        walker.findings
    }
}

/// Visits all objects of a document.
struct StructureWalker<'d> {
    document: &'d Document,
    findings: StructureFindings,
    /// The JSON Pointer of the current node.
    pointer: String,
    /// The kinds of the visited objects by pointer. References must lead to an object of the expected kind.
    kinds: HashMap<String, ObjectKind>,
    /// The references that are still to be checked, with the expected kind of their target.
    references: Vec<(Position, &'d str, ObjectKind)>,
    /// The references within webhooks and callbacks.
    client_references: HashSet<Position>,
    /// `true` if the current object was reached by one of `client_references`.
    is_client_target: bool,
    /// The JSON Pointers of schemas that may extend a schema with a discriminator. A document need not refer to them.
    possible_children: Vec<String>,
    /// `true` if no request or response depends on the current object.
    is_unserved: bool,
}

impl<'d> StructureWalker<'d> {
    /// Checks an object.
    fn check_object(&mut self, node: &'d Node, kind: ObjectKind) {
        self.kinds.insert(self.pointer.clone(), kind);
        let members = match &node.kind {
            Kind::Object(members) => members,
            Kind::Bool(_) if kind == ObjectKind::Schema => return,
            _ => {
                return self.report(
                    DiagnosticCode::MemberInvalid,
                    node.at,
                    format!("{} must be an object", kind.name()),
                );
            }
        };
        if let Some(reference) = members.get("$ref").filter(|_| kind.may_be_reference()) {
            self.collect_reference(node, reference, kind);
            if kind != ObjectKind::Schema || !self.document.version.refs_have_siblings() {
                return;
            }
        }
        for (key, member) in members {
            self.check_version(kind, key, member);
            if matches!(kind, ObjectKind::Document | ObjectKind::Schema) {
                self.check_dialect(key, member);
            }
            match kind.field(key) {
                Some(field_type) => {
                    self.below(key, |walker| walker.check_field(key, member, field_type));
                }
                None if key.starts_with("x-") => {}
                None if kind == ObjectKind::Schema => self.check_keyword(key, member),
                None if self.is_3_2() && kind.is_new_in_3_2(key) => {
                    if !is_annotation_in_3_2(key) {
                        self.report_ignored(key, member.at);
                    }
                }
                None => self.report_unknown(kind, key, member.at),
            }
        }
        match kind {
            ObjectKind::SecurityScheme => self.check_security_scheme(members),
            ObjectKind::Schema => {
                self.collect_format(node);
                self.check_discriminator(node);
                self.collect_schema_samples(node);
                self.report_without_effect(node);
            }
            ObjectKind::Media | ObjectKind::Parameter | ObjectKind::Header => {
                self.collect_samples(node, kind);
            }
            ObjectKind::Server => self.check_server(node),
            _ => {}
        }
        if self.is_3_2() && kind == ObjectKind::Parameter {
            self.report_new_parameter(node);
        }
    }

    /// Checks a field.
    fn check_field(&mut self, key: &str, node: &'d Node, field_type: FieldType) {
        let before = self.is_unserved;
        self.is_unserved |=
            field_type.is_unserved() || matches!(key, "deprecated" | "title" | "webhooks");
        self.check_type(key, node, field_type);
        self.is_unserved = before;
    }

    /// Checks that a value has the type of its field.
    fn check_type(&mut self, key: &str, node: &'d Node, field_type: FieldType) {
        match (field_type, &node.kind) {
            (FieldType::Any, _) => self.check_documentation(key, node),
            (FieldType::String, Kind::String(_)) | (FieldType::Boolean, Kind::Bool(_)) => {}
            (FieldType::String, _) => self.report(
                DiagnosticCode::MemberInvalid,
                node.at,
                format!("`{key}` must be a string"),
            ),
            (FieldType::Unsupported, _) => {
                self.report(
                    DiagnosticCode::Unsupported,
                    node.at,
                    format!("`{key}` is not supported"),
                );
            }
            (FieldType::Boolean, _) => {
                self.report(
                    DiagnosticCode::MemberInvalid,
                    node.at,
                    format!("`{key}` must be true or false"),
                );
            }
            (FieldType::One(ObjectKind::Schema), Kind::Array(items)) if key == "items" => {
                self.check_tuple(node, items);
            }
            (FieldType::One(kind), _) => self.check_object_or_schema(node, kind),
            (FieldType::List(kind), Kind::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    self.below(&i.to_string(), |walker| {
                        walker.check_object_or_schema(item, kind);
                    });
                }
            }
            (FieldType::List(_), _) => {
                self.report(
                    DiagnosticCode::MemberInvalid,
                    node.at,
                    format!("`{key}` must be a list"),
                );
            }
            (FieldType::Map(kind), Kind::Object(members)) => {
                for (name, member) in members {
                    self.below(name, |walker| walker.check_object_or_schema(member, kind));
                }
            }
            (FieldType::Map(_), _) => self.report(
                DiagnosticCode::MemberInvalid,
                node.at,
                format!("`{key}` must be an object"),
            ),
        }
    }

    /// Checks an object, and collects it if it is a schema that is not part of another schema.
    fn check_object_or_schema(&mut self, node: &'d Node, kind: ObjectKind) {
        let parent = self
            .pointer
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent);
        // A keyword between them, such as `properties`, is not an object of the specification.
        let holder = parent.rsplit_once('/').map_or("", |(holder, _)| holder);
        let is_held = [parent, holder]
            .iter()
            .any(|pointer| self.kinds.get(*pointer) == Some(&ObjectKind::Schema));
        if kind == ObjectKind::Schema && !is_held {
            self.findings.schemas.push(self.pointer.clone());
        }
        self.check_object(node, kind);
    }

    /// Calls `visit` with the pointer of the child `key`.
    fn below(&mut self, key: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        push(&mut self.pointer, key);
        visit(self);
        self.pointer.truncate(length);
    }

    /// Checks the base path of a server. Webhooks and callbacks are sent to the client, so their servers are not checked.
    fn check_server(&mut self, server: &Node) {
        let at = server.get("url").map_or(server.at, |url| url.at);
        match server::path(server) {
            _ if self.is_sent_to_client() => {}
            Ok(path) if server::has_empty_segment(&path) => {
                let message = format!(
                    "`{path}` has an empty segment, which proxies may remove; it is served both with and without it"
                );
                self.report(DiagnosticCode::NotUnderstood, at, message);
            }
            Ok(_) => {}
            Err(message) => self.report(DiagnosticCode::MemberInvalid, at, message),
        }
    }

    /// Adds a diagnostic; a warning if no request or response depends on the current object.
    fn report(&mut self, code: DiagnosticCode, at: Position, message: impl Into<String>) {
        let diagnostic = self.document.diagnostic(code, at, message);
        let is_warning = self.is_unserved;
        self.findings.diagnostics.push(if is_warning {
            diagnostic.into_warning()
        } else {
            diagnostic
        });
    }
}
