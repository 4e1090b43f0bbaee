//! References, and the objects that only references lead to.

use super::{
    Broken, DiagnosticCode, Kind, Node, ObjectKind, Position, StructureWalker, decoded,
    is_elsewhere,
};
use crate::document::MAX_REFERENCES;

impl<'d> StructureWalker<'d> {
    /// Collects a reference, which is checked when all objects are known.
    pub(super) fn collect_reference(
        &mut self,
        holder: &'d Node,
        reference: &'d Node,
        kind: ObjectKind,
    ) {
        match reference.as_str() {
            Some(text) => {
                if self.is_sent_to_client() {
                    self.client_references.insert(reference.at);
                }
                self.references.push((reference.at, text, kind));
            }
            None => self.report(
                DiagnosticCode::MemberInvalid,
                reference.at,
                "`$ref` must be a string",
            ),
        }
        if kind != ObjectKind::Schema {
            self.check_siblings(holder);
        }
    }

    /// Reports fields beside a reference, which are ignored.
    fn check_siblings(&mut self, node: &Node) {
        for (key, member) in node.members() {
            if !matches!(key, "$ref" | "summary" | "description") && !key.starts_with("x-") {
                let message = format!("`{key}` has no meaning beside a `$ref`");
                self.report(DiagnosticCode::ReferenceSibling, member.at, message);
            }
        }
    }

    /// Returns whether requests with the current object are sent to the client.
    pub(super) fn is_sent_to_client(&self) -> bool {
        self.is_client_target
            || self.pointer.starts_with("/webhooks/")
            || self.pointer.contains("/callbacks/")
    }

    /// Checks the target of a reference as an object of the expected kind, if the specification has no object there: in
    /// another file or below `x-…`.
    fn visit_target(&mut self, at: Position, reference: &str, kind: ObjectKind) {
        let pointer = decoded(reference);
        let Ok(target) = self.document.target(reference) else {
            return;
        };
        let may_be_object = match target.kind {
            Kind::Object(_) => !ObjectKind::is_collection(&pointer),
            Kind::Bool(_) => kind == ObjectKind::Schema,
            _ => false,
        };
        if is_elsewhere(&pointer) || may_be_object {
            self.is_client_target = self.client_references.contains(&at);
            self.visit(target, pointer.into_owned(), kind);
        }
    }

    /// Checks the object at a pointer, unless it was visited before.
    fn visit(&mut self, node: &'d Node, pointer: String, kind: ObjectKind) {
        if self.kinds.contains_key(&pointer) {
            return;
        }
        if kind == ObjectKind::Schema {
            self.findings.schemas.push(pointer.clone());
        }
        self.pointer = pointer;
        self.check_object(node, kind);
    }

    /// Checks all references and the objects that they lead to.
    pub(super) fn check_references(&mut self) {
        loop {
            if let Some((at, reference, kind)) = self.references.pop() {
                self.visit_target(at, reference, kind);
                self.check_target(at, reference, kind);
            } else if let Some(pointer) = self.possible_children.pop() {
                if let Some(node) = self.document.root.at_pointer(&pointer) {
                    self.visit(node, pointer, ObjectKind::Schema);
                }
            } else {
                return;
            }
        }
    }

    /// Reports a reference that does not lead to an object of the expected kind.
    fn check_target(&mut self, at: Position, reference: &str, kind: ObjectKind) {
        let document = self.document;
        let written = document.written_at(at, reference);
        let target = match document.target_of(at, reference) {
            Err(Broken::Because(message)) => {
                return self.report(DiagnosticCode::ReferenceUnresolvable, at, message);
            }
            Err(Broken::Reported) => return,
            Ok(target) => target,
        };
        match self.kinds.get(&*decoded(reference)) {
            Some(known) if *known == kind => {
                if self.is_endless(target) {
                    let message = format!("`{written}` leads back to itself");
                    self.report(DiagnosticCode::ReferenceEndless, at, message);
                }
            }
            // Unknown keywords are ignored (JSON Schema Core 2020-12, section 6.5).
            Some(known) if kind == ObjectKind::Schema && known.may_be_reference() => {
                let known = known.name();
                let message =
                    format!("`{written}` is {known}; read as a schema, it allows any value");
                self.report(DiagnosticCode::NotChecked, at, message);
            }
            _ => {
                let message = format!("`{written}` is not {}", kind.name());
                self.report(DiagnosticCode::ReferenceMismatch, at, message);
            }
        }
    }

    /// Returns whether references lead to one another without end.
    fn is_endless(&self, mut node: &'d Node) -> bool {
        for _ in 0..MAX_REFERENCES {
            let reference = node.get("$ref").and_then(Node::as_str);
            match reference.and_then(|reference| self.document.target(reference).ok()) {
                Some(target) => node = target,
                None => return false,
            }
        }
        true
    }
}
