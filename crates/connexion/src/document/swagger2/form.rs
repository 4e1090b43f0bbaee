//! Parameters of `in: formData`, which become a request body.

use super::{object, parameter::parameter};
use crate::document::node::{Kind, Node, Position};

/// Returns the schema of a form field.
fn property(field: &Node, lowered: &Node) -> Node {
    let schema = lowered.get("schema").cloned();
    let mut schema = schema.unwrap_or_else(|| object(field.at));
    let kind = schema.get("type").map(|kind| (kind.at, kind.as_str()));
    if let Some((at, Some("file"))) = kind {
        schema.put("type", Node::string(at, "string"));
        schema.put("format", Node::string(at, "binary"));
    }
    if field.get("allowEmptyValue").and_then(Node::as_bool) == Some(true) {
        let mut empty = object(field.at);
        empty.put("type", Node::string(field.at, "string"));
        empty.put("const", Node::string(field.at, ""));
        let either = Node::new(field.at, Kind::Array(vec![schema, empty]));
        schema = object(field.at);
        schema.put("anyOf", either);
    }
    schema
}

/// The media types of forms.
const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

/// Returns the request body of form fields. With a file among them it can only be multipart; without `consumes` both
/// types are accepted.
pub(super) fn form(at: Position, fields: &[&Node], consumes: Option<&[Node]>) -> Node {
    let (mut properties, mut encoding) = (object(at), object(at));
    let mut required = Vec::new();
    let mut has_file = false;
    for field in fields {
        let name = field.get("name").and_then(Node::as_str).unwrap_or_default();
        let lowered = parameter(field);
        has_file |= field.get("type").and_then(Node::as_str) == Some("file");
        properties.put(name, property(field, &lowered));
        let mut field_encoding = object(field.at);
        for key in ["style", "explode"] {
            if let Some(member) = lowered.get(key) {
                field_encoding.put(key, member.clone());
            }
        }
        if field_encoding.members().next().is_some() {
            encoding.put(name, field_encoding);
        }
        if field.get("required").and_then(Node::as_bool) == Some(true) {
            required.push(Node::string(field.at, name));
        }
    }
    let is_required = !required.is_empty();
    let mut schema = object(at);
    schema.put("type", Node::string(at, "object"));
    schema.put("properties", properties);
    if is_required {
        schema.put("required", Node::new(at, Kind::Array(required)));
    }
    let mut media = object(at);
    media.put("schema", schema);
    media.put("encoding", encoding);
    let [_, multipart] = FORMS;
    let consumes = consumes.unwrap_or_default().iter().filter_map(Node::as_str);
    let mut types: Vec<_> = consumes
        .filter(|name| FORMS.contains(name) && (!has_file || *name == multipart))
        .collect();
    if types.is_empty() {
        let is_read = |name: &str| name != multipart || has_file || cfg!(feature = "multipart");
        let possible = FORMS.iter().filter(|name| !has_file || **name == multipart);
        types.extend(possible.filter(|name| is_read(name)));
    }
    let mut content = object(at);
    for name in types {
        content.put(name, media.clone());
    }
    let mut body = object(at);
    body.put("required", Node::new(at, Kind::Bool(is_required)));
    body.put("content", content);
    body
}
