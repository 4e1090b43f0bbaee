//! Fields of another version of OpenAPI than the document's.

use super::{DiagnosticCode, Kind, Node, ObjectKind, Position, StructureWalker, Version};

impl StructureWalker<'_> {
    /// Reports a field that is read in every version, but does not belong to the document's version.
    pub(super) fn check_version(&mut self, kind: ObjectKind, key: &str, member: &Node) {
        let is_old = self.document.version < Version::OpenApi31;
        let is_flag = matches!(member.kind, Kind::Bool(_));
        let is_list = matches!(member.kind, Kind::Array(_));
        let instead = match (kind, key) {
            (ObjectKind::Schema, "nullable") if !is_old => {
                "it has no effect; write `type: […, 'null']`"
            }
            (ObjectKind::Schema, "exclusiveMinimum" | "exclusiveMaximum") if !is_old && is_flag => {
                "write the bound itself"
            }
            (ObjectKind::Schema, "exclusiveMinimum" | "exclusiveMaximum") if is_old && !is_flag => {
                "write `true`, and the bound under `minimum` or `maximum`"
            }
            (ObjectKind::Schema, "type") if is_old && is_list => {
                "write `nullable: true` or `anyOf`"
            }
            _ if is_old && kind.is_new_in_3_1(key) => "declare `openapi: 3.1.0` or remove it",
            _ => return,
        };
        let message = format!("`{key}` does not belong to this version of OpenAPI; {instead}");
        self.report(DiagnosticCode::OtherVersion, member.at, message);
    }

    pub(super) fn is_3_2(&self) -> bool {
        self.document.version == Version::OpenApi32
    }

    pub(super) fn report_ignored(&mut self, key: &str, at: Position) {
        let message = format!("`{key}` is new in OpenAPI 3.2 and not supported; it is ignored");
        self.report(DiagnosticCode::NotUnderstood, at, message);
    }

    /// Reports the features of a parameter that are new in OpenAPI 3.2.
    pub(super) fn report_new_parameter(&mut self, node: &Node) {
        let is = |key, value| node.get(key).filter(|node| node.as_str() == Some(value));
        if let Some(location) = is("in", "querystring") {
            let message = "`in: querystring` is new in OpenAPI 3.2 and not supported; the parameter is ignored, \
                           and queries are rejected unless `Api::strict_parameters` is off";
            self.report(DiagnosticCode::NotUnderstood, location.at, message);
        }
        if let Some(style) = is("style", "cookie") {
            let message =
                "`style: cookie` is new in OpenAPI 3.2 and not supported; it is read as `form`";
            self.report(DiagnosticCode::NotUnderstood, style.at, message);
        }
    }
}
