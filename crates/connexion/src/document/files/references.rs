//! Finds the references of a file, where the specification allows them.

use crate::document::{
    node::{Node, Position, escape},
    object::{FieldType, ObjectKind},
};

/// Collects references.
pub(super) struct ReferenceFinder {
    /// `true` if keywords beside the `$ref` of a schema are read.
    pub(super) has_siblings: bool,
    /// Position, reference and the kind of object that it must lead to.
    pub(super) references: Vec<(Position, String, ObjectKind)>,
}

impl ReferenceFinder {
    /// Collects the references in an object of this kind.
    pub(super) fn object(&mut self, node: &Node, kind: ObjectKind) {
        if let Some(reference) = node.get("$ref").filter(|_| kind.may_be_reference()) {
            self.reference(reference, kind);
            if kind != ObjectKind::Schema || !self.has_siblings {
                return;
            }
        }
        if kind == ObjectKind::Schema
            && let Some(discriminator) = node.get("discriminator")
        {
            let mapping = discriminator.get("mapping").into_iter();
            let targets = mapping.flat_map(Node::members).map(|(_, target)| target);
            let targets = targets.chain(discriminator.get("defaultMapping"));
            for target in targets.filter(|target| target.as_str().is_some_and(is_reference)) {
                self.reference(target, kind);
            }
        }
        for (key, member) in node.members() {
            match field_type(kind, key) {
                Some(FieldType::One(kind)) if member.items().is_empty() => {
                    self.object(member, kind);
                }
                // `items` may be a list of schemas.
                Some(FieldType::One(kind) | FieldType::List(kind)) => {
                    member
                        .items()
                        .iter()
                        .for_each(|item| self.object(item, kind));
                }
                Some(FieldType::Map(kind)) => {
                    member.members().for_each(|(_, one)| self.object(one, kind));
                }
                _ => {}
            }
        }
    }

    fn reference(&mut self, node: &Node, kind: ObjectKind) {
        if let Some(text) = node.as_str() {
            self.references.push((node.at, text.to_owned(), kind));
        }
    }
}

/// Returns whether a value of `mapping` is a reference. It may also be the name of a schema, which can contain dots.
fn is_reference(text: &str) -> bool {
    text.contains(['#', '/'])
        || [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| text.ends_with(end))
}

/// Returns the type of a field in any version, including Swagger 2.0, which is lowered later.
fn field_type(kind: ObjectKind, key: &str) -> Option<FieldType> {
    match (kind, key) {
        (ObjectKind::Document, "definitions") => Some(FieldType::Map(ObjectKind::Schema)),
        (ObjectKind::Document, "parameters") => Some(FieldType::Map(ObjectKind::Parameter)),
        (ObjectKind::Document, "responses") => Some(FieldType::Map(ObjectKind::Response)),
        (ObjectKind::Document, "securityDefinitions") => {
            Some(FieldType::Map(ObjectKind::SecurityScheme))
        }
        (ObjectKind::Response, "schema") => Some(FieldType::One(ObjectKind::Schema)),
        _ => kind.field(key),
    }
}

/// Returns the pointers of the schemas beside one with a discriminator that may extend it: a document need not refer to
/// them.
pub(super) fn possible_children(root: &Node, schema: &Node, pointer: &str) -> Vec<String> {
    let branches = schema.get("allOf").map_or(&[][..], Node::items);
    let mut all = branches.iter().chain([schema]);
    let Some((holder, _)) = pointer.rsplit_once('/') else {
        return Vec::new();
    };
    if !all.any(|schema| schema.get("discriminator").is_some()) {
        return Vec::new();
    }
    let siblings = root.at_pointer(holder).into_iter().flat_map(Node::members);
    let extending = siblings.filter(|(_, schema)| schema.get("allOf").is_some());
    extending
        .map(|(name, _)| format!("{holder}/{}", escape(name)))
        .collect()
}
