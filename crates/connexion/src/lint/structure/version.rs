//! What belongs to another version of OpenAPI than the document's.

use super::{DiagnosticCode, Kind, Node, Part, Position, Version, Walk};

impl Walk<'_> {
    /// What is read in any version, but does not belong to the document's own.
    pub(super) fn version(&mut self, part: Part, key: &str, member: &Node) {
        let is_old = self.document.version < Version::OpenApi31;
        let is_flag = matches!(member.kind, Kind::Bool(_));
        let is_list = matches!(member.kind, Kind::Array(_));
        let instead = match (part, key) {
            (Part::Schema, "nullable") if !is_old => "it has no effect; write `type: […, 'null']`",
            (Part::Schema, "exclusiveMinimum" | "exclusiveMaximum") if !is_old && is_flag => {
                "write the bound itself"
            }
            (Part::Schema, "exclusiveMinimum" | "exclusiveMaximum") if is_old && !is_flag => {
                "write `true`, and the bound under `minimum` or `maximum`"
            }
            (Part::Schema, "type") if is_old && is_list => "write `nullable: true` or `anyOf`",
            _ if is_old && part.has_since_3_1(key) => "say `openapi: 3.1.0`, or leave it out",
            _ => return,
        };
        let message = format!("`{key}` is not of this version of OpenAPI; {instead}");
        self.fault(DiagnosticCode::OtherVersion, member.at, message);
    }

    pub(super) fn is_3_2(&self) -> bool {
        self.document.version == Version::OpenApi32
    }

    pub(super) fn passed_over(&mut self, key: &str, at: Position) {
        let message =
            format!("`{key}` is new in OpenAPI 3.2 and not understood; it is passed over");
        self.fault(DiagnosticCode::NotUnderstood, at, message);
    }

    /// What a parameter can't say before OpenAPI 3.2.
    pub(super) fn new_parameter(&mut self, node: &Node) {
        let is = |key, value| node.get(key).filter(|node| node.as_str() == Some(value));
        if let Some(place) = is("in", "querystring") {
            let message = "`in: querystring` is new in OpenAPI 3.2 and not understood; the parameter is passed over, \
                           and a query is refused unless `Api::strict_parameters` is off";
            self.fault(DiagnosticCode::NotUnderstood, place.at, message);
        }
        if let Some(style) = is("style", "cookie") {
            let message =
                "`style: cookie` is new in OpenAPI 3.2 and not understood; it is read as `form`";
            self.fault(DiagnosticCode::NotUnderstood, style.at, message);
        }
    }
}
