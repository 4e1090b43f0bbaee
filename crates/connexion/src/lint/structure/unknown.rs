//! Unknown and misspelt fields.

use indexmap::IndexMap;

use super::{DiagnosticCode, Kind, Node, ObjectKind, Position, StructureWalker};
use crate::lint::keywords;

impl StructureWalker<'_> {
    /// Reports an unknown field. It is an error if requests could be read in another way than the author expects.
    pub(super) fn report_unknown(&mut self, kind: ObjectKind, key: &str, at: Position) {
        let has = |known: &str| kind.field(known).is_some();
        let meant = keywords::meant_field(key, has);
        let is_effective = keywords::is_effective(key, meant);
        let rest = match meant {
            Some(meant) => format!("; `{meant}` is probably meant"),
            None if is_effective => String::new(),
            None => "; it is ignored".to_owned(),
        };
        let message = format!("{} has no field `{key}`{rest}", kind.name());
        let diagnostic = self
            .document
            .diagnostic(DiagnosticCode::MemberUnknown, at, message);
        let is_error = is_effective && !self.is_unserved;
        self.findings.diagnostics.push(if is_error {
            diagnostic
        } else {
            diagnostic.into_warning()
        });
    }

    /// Checks a keyword that holds no other schema.
    pub(super) fn check_keyword(&mut self, key: &str, member: &Node) {
        if let Some(meant) = keywords::meant_in_schema(key) {
            self.report_misspelt(key, meant, member.at);
        }
        self.check_documentation(key, member);
    }

    /// Checks the keys of a security scheme.
    pub(super) fn check_security_scheme(&mut self, members: &IndexMap<String, Node>) {
        for (key, member) in members {
            if let Some(meant) = keywords::meant_in_security_scheme(key) {
                self.report_misspelt(key, meant, member.at);
            }
        }
    }

    /// Checks the keys of documentation, such as `contact` and `tags`.
    pub(super) fn check_documentation(&mut self, holder: &str, node: &Node) {
        let Some(known) = keywords::of_documentation(holder) else {
            return;
        };
        let objects: Vec<_> = match (holder, &node.kind) {
            ("tags", Kind::Array(items)) => items.iter().collect(),
            ("variables", Kind::Object(named)) => named.values().collect(),
            _ => vec![node],
        };
        for (key, member) in objects.into_iter().flat_map(Node::members) {
            if let Some(meant) = keywords::meant(key, known.iter().copied()) {
                self.report_misspelt(key, meant, member.at);
            }
        }
    }

    fn report_misspelt(&mut self, key: &str, meant: &str, at: Position) {
        let message = format!("`{key}` is unknown and ignored; `{meant}` is probably meant");
        self.report(DiagnosticCode::KeywordMisspelt, at, message);
    }
}
