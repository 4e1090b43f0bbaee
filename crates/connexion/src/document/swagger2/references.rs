//! References to objects that lowering moves or restructures.

use std::borrow::Cow;

use super::object;
use crate::document::node::{Kind, Node};

/// The old and new locations of reusable objects.
const MOVED: [(&str, &str); 4] = [
    ("#/definitions/", "#/components/schemas/"),
    ("#/parameters/", "#/components/parameters/"),
    ("#/responses/", "#/components/responses/"),
    ("#/securityDefinitions/", "#/components/securitySchemes/"),
];

/// The field that holds the original objects, if references lead into objects that lowering restructures.
const SOURCE: &str = "x-connexion-source";

/// The fields that are copied there.
const RESTRUCTURED: [&str; 3] = ["paths", "parameters", "responses"];

/// Returns the original of a lowered reference.
pub(crate) fn as_written(reference: &str) -> Cow<'_, str> {
    let pointer = reference.strip_prefix("#/").unwrap_or_default();
    if let Some(rest) = pointer.strip_prefix(SOURCE) {
        return format!("#{rest}").into();
    }
    MOVED
        .iter()
        .find_map(|(from, to)| Some(format!("{from}{}", reference.strip_prefix(to)?).into()))
        .unwrap_or(reference.into())
}

/// The new target of a reference.
pub(super) enum Moved {
    /// The target was moved.
    To(String),
    /// The target was restructured, so the reference leads to a copy of the original.
    Original,
}

/// Returns the new target of a reference; `None` if it is unchanged.
pub(super) fn moved(reference: &str) -> Option<Moved> {
    let depth = reference.split('/').count();
    let is_deep = |start: &str, tokens| reference.starts_with(start) && depth > tokens;
    if is_deep("#/parameters/", 3) || is_deep("#/responses/", 3) || is_deep("#/paths/", 4) {
        return Some(Moved::Original);
    }
    let mut all = MOVED.iter();
    all.find_map(|(from, to)| {
        let rest = reference.strip_prefix(from)?;
        Some(Moved::To(format!("{to}{rest}")))
    })
}

/// Redirects the references of a lowered document to the new locations. If some lead into restructured objects, the
/// originals are copied from `source`.
pub(super) fn redirect(root: &mut Node, source: &Node) {
    if !rewrite(root) {
        return;
    }
    let mut originals = object(source.at);
    for key in RESTRUCTURED {
        if let Some(member) = source.get(key) {
            originals.put(key, member.clone());
        }
    }
    rewrite(&mut originals);
    root.put(SOURCE, originals);
}

/// Rewrites references. Returns whether some lead to originals.
fn rewrite(node: &mut Node) -> bool {
    let mut leads_to_original = false;
    match &mut node.kind {
        Kind::Array(items) => {
            for item in items {
                leads_to_original |= rewrite(item);
            }
        }
        Kind::Object(members) => {
            for (key, member) in members {
                let (Kind::String(text), "$ref") = (&mut member.kind, key.as_str()) else {
                    leads_to_original |= rewrite(member);
                    continue;
                };
                match moved(text) {
                    Some(Moved::To(moved)) => *text = moved,
                    Some(Moved::Original) => {
                        text.insert_str(1, &format!("/{SOURCE}"));
                        leads_to_original = true;
                    }
                    None => {}
                }
            }
        }
        _ => {}
    }
    leads_to_original
}
