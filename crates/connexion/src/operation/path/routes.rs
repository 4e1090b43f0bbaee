//! Finds the templates that match the path of a request, the most specific one first.

use std::{cmp::Reverse, collections::HashMap};

use percent_encoding::percent_decode_str;

use super::{
    Template,
    pattern::{TemplatePart, fits},
};

/// A tree of the segments of templates, with a value for each template. The names of parameters do not matter.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    end: Option<T>,
    literal: HashMap<String, Routes<T>>,
    /// Sorted by the order in which they are tried.
    branches: Vec<Branch<T>>,
}

/// A segment with parameters, or all remaining segments if the value of one may have slashes.
#[derive(Debug)]
struct Branch<T> {
    parts: Vec<TemplatePart>,
    routes: Routes<T>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            end: None,
            literal: HashMap::new(),
            branches: Vec::new(),
        }
    }
}

impl<T: Default> Routes<T> {
    /// Returns the value of `template`, and creates it if it is new.
    pub(crate) fn entry(&mut self, template: &Template) -> &mut T {
        let mut routes = self;
        // Skips the first slash.
        let mut left = template.parts.get(1..);
        while let Some(parts) = left {
            let segment = parts.split(|part| *part == TemplatePart::Slash).next();
            let segment = segment.unwrap_or_default();
            if has_slashes(segment) {
                routes = routes.branch(parts);
                break;
            }
            routes = match segment {
                [] => routes.literal.entry(String::new()).or_default(),
                [TemplatePart::Literal(literal)] => {
                    routes.literal.entry(literal.clone()).or_default()
                }
                _ => routes.branch(segment),
            };
            left = parts.get(segment.len() + 1..);
        }
        routes.end.get_or_insert_default()
    }

    fn branch(&mut self, parts: &[TemplatePart]) -> &mut Self {
        let known = self.branches.iter().position(|known| known.parts == parts);
        let index = known.unwrap_or_else(|| {
            let rank_of = |branch: &Branch<T>| rank(&branch.parts);
            let index = self
                .branches
                .partition_point(|known| rank_of(known) <= rank(parts));
            let branch = Branch {
                parts: parts.to_vec(),
                routes: Self::default(),
            };
            self.branches.insert(index, branch);
            index
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the index was found or inserted above"
        )]
        &mut self.branches[index].routes
    }
}

impl<T> Routes<T> {
    /// Passes the values of the templates that match a path to `visit`, until it returns `Some`.
    ///
    /// The order is that of OpenAPI 3.1, section 4.8.8.2, applied to each segment from the first to the last: literals, partly
    /// literal segments, parameters, and then parameters with slashes.
    pub(crate) fn find<'r, R>(
        &'r self,
        path: &str,
        mut visit: impl FnMut(&'r T) -> Option<R>,
    ) -> Option<R> {
        self.walk(Some(path.strip_prefix('/')?), &mut visit)
    }

    /// Visits the templates below this node; `path` has the remaining segments.
    fn walk<'r, R>(
        &'r self,
        path: Option<&str>,
        visit: &mut impl FnMut(&'r T) -> Option<R>,
    ) -> Option<R> {
        let Some(path) = path else {
            return self.end.as_ref().and_then(visit);
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        let literal = if segment.contains('%') {
            let decoded = percent_decode_str(segment).decode_utf8_lossy();
            self.literal.get(decoded.as_ref())
        } else {
            self.literal.get(segment)
        };
        if let Some(found) = literal.and_then(|routes| routes.walk(rest, visit)) {
            return Some(found);
        }
        self.branches.iter().find_map(|Branch { parts, routes }| {
            let (text, rest) = if has_slashes(parts) {
                (path, None)
            } else {
                (segment, rest)
            };
            fits(parts, text).then(|| routes.walk(rest, visit))?
        })
    }
}

fn has_slashes(parts: &[TemplatePart]) -> bool {
    parts.contains(&TemplatePart::Parameter { has_slashes: true })
}

/// Returns the rank of a branch, where less is more specific. Among partly literal segments, those with longer literals come
/// first.
fn rank(parts: &[TemplatePart]) -> impl Ord + use<> {
    let literals = |parts: &[TemplatePart]| -> usize {
        let lengths = parts.iter().map(|part| match part {
            TemplatePart::Literal(text) => text.len(),
            TemplatePart::Slash | TemplatePart::Parameter { .. } => 0,
        });
        lengths.sum()
    };
    let segment = parts.split(|part| *part == TemplatePart::Slash).next();
    let in_segment = literals(segment.unwrap_or_default());
    (
        in_segment == 0,
        has_slashes(parts),
        Reverse(in_segment),
        Reverse(literals(parts)),
        Reverse(parts.len()),
    )
}
