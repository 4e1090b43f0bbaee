//! References into what the lowering moves or takes apart.

use std::borrow::Cow;

use super::object;
use crate::document::node::{Kind, Node};

/// Where the reusable parts went.
const MOVED: [(&str, &str); 4] = [
    ("#/definitions/", "#/components/schemas/"),
    ("#/parameters/", "#/components/parameters/"),
    ("#/responses/", "#/components/responses/"),
    ("#/securityDefinitions/", "#/components/securitySchemes/"),
];

/// Keeps what the lowering moves or takes apart, as it was written, if references lead into it.
const SOURCE: &str = "x-connexion-source";

/// What is kept there.
const TAKEN_APART: [&str; 3] = ["paths", "parameters", "responses"];

/// A lowered reference as it was before.
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

/// What becomes of a reference to a place that the lowering changes.
pub(super) enum Moved {
    /// What it names is elsewhere now, as a whole.
    To(String),
    /// What it names was taken apart, so it is kept as it was.
    Kept,
}

pub(super) fn moved(reference: &str) -> Option<Moved> {
    let depth = reference.split('/').count();
    let is_deep = |start: &str, tokens| reference.starts_with(start) && depth > tokens;
    if is_deep("#/parameters/", 3) || is_deep("#/responses/", 3) || is_deep("#/paths/", 4) {
        return Some(Moved::Kept);
    }
    let mut all = MOVED.iter();
    all.find_map(|(from, to)| {
        let rest = reference.strip_prefix(from)?;
        Some(Moved::To(format!("{to}{rest}")))
    })
}

/// Lets the references of a lowered document lead where the lowering has put what they name. If some lead into what it takes
/// apart, that is kept as `source` has it.
pub(super) fn lead(root: &mut Node, source: &Node) {
    if !references(root) {
        return;
    }
    let mut kept = object(source.at);
    for key in TAKEN_APART {
        if let Some(member) = source.get(key) {
            kept.put(key, member.clone());
        }
    }
    references(&mut kept);
    root.put(SOURCE, kept);
}

/// Rewrites references; whether some lead into what is to be kept.
fn references(node: &mut Node) -> bool {
    let mut into_kept = false;
    match &mut node.kind {
        Kind::Array(items) => {
            for item in items {
                into_kept |= references(item);
            }
        }
        Kind::Object(members) => {
            for (key, member) in members {
                let (Kind::String(text), "$ref") = (&mut member.kind, key.as_str()) else {
                    into_kept |= references(member);
                    continue;
                };
                match moved(text) {
                    Some(Moved::To(moved)) => *text = moved,
                    Some(Moved::Kept) => {
                        text.insert_str(1, &format!("/{SOURCE}"));
                        into_kept = true;
                    }
                    None => {}
                }
            }
        }
        _ => {}
    }
    into_kept
}
