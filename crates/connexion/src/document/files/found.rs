//! Where references stand in a file, by what the specification has there.

use crate::document::{
    node::{Node, Position, escape},
    object::{Part, Rule},
};

/// Looks for references where the specification has them.
pub(super) struct Found {
    pub(super) has_siblings: bool,
    pub(super) references: Vec<(Position, String, Part)>,
}

impl Found {
    pub(super) fn part(&mut self, node: &Node, part: Part) {
        if let Some(reference) = node.get("$ref").filter(|_| part.may_be_reference()) {
            self.reference(reference, part);
            if part != Part::Schema || !self.has_siblings {
                return;
            }
        }
        if part == Part::Schema
            && let Some(discriminator) = node.get("discriminator")
        {
            let mapping = discriminator.get("mapping").into_iter();
            let targets = mapping.flat_map(Node::members).map(|(_, target)| target);
            let targets = targets.chain(discriminator.get("defaultMapping"));
            for target in targets.filter(|target| target.as_str().is_some_and(is_reference)) {
                self.reference(target, part);
            }
        }
        for (key, member) in node.members() {
            match rule(part, key) {
                // A list of schemas under `items`.
                Some(Rule::One(part)) if member.items().is_empty() => self.part(member, part),
                Some(Rule::One(part) | Rule::List(part)) => {
                    member.items().iter().for_each(|item| self.part(item, part));
                }
                Some(Rule::Map(part)) => member.members().for_each(|(_, one)| self.part(one, part)),
                _ => {}
            }
        }
    }

    fn reference(&mut self, node: &Node, part: Part) {
        if let Some(text) = node.as_str() {
            self.references.push((node.at, text.to_owned(), part));
        }
    }
}

/// Whether a value of `mapping` is a reference; it may be the name of a schema, which can have dots in it.
fn is_reference(text: &str) -> bool {
    text.contains(['#', '/'])
        || [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| text.ends_with(end))
}

/// What a member is in any version, that of Swagger 2.0 included: it is lowered afterwards.
fn rule(part: Part, key: &str) -> Option<Rule> {
    match (part, key) {
        (Part::Document, "definitions") => Some(Rule::Map(Part::Schema)),
        (Part::Document, "parameters") => Some(Rule::Map(Part::Parameter)),
        (Part::Document, "responses") => Some(Rule::Map(Part::Response)),
        (Part::Document, "securityDefinitions") => Some(Rule::Map(Part::SecurityScheme)),
        (Part::Response, "schema") => Some(Rule::One(Part::Schema)),
        _ => part.rule(key),
    }
}

/// The pointers of the schemas beside one with a discriminator that may build on it: no reference need lead to them.
pub(super) fn kin(root: &Node, schema: &Node, pointer: &str) -> Vec<String> {
    let parts = schema.get("allOf").map_or(&[][..], Node::items);
    let mut all = parts.iter().chain([schema]);
    let Some((holder, _)) = pointer.rsplit_once('/') else {
        return Vec::new();
    };
    if !all.any(|part| part.get("discriminator").is_some()) {
        return Vec::new();
    }
    let beside = root.at_pointer(holder).into_iter().flat_map(Node::members);
    let may_build = beside.filter(|(_, schema)| schema.get("allOf").is_some());
    may_build
        .map(|(name, _)| format!("{holder}/{}", escape(name)))
        .collect()
}
