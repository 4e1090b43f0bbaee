//! Finds the templates that the path of a request matches, the most specific one first.

use std::{cmp::Reverse, collections::HashMap};

use percent_encoding::percent_decode_str;

use super::{
    Template,
    pattern::{Part, fits},
};

/// Templates as a tree of segments; `T` is what a template leads to. The names of parameters do not matter.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    end: Option<T>,
    literal: HashMap<String, Routes<T>>,
    /// In the order in which they are tried.
    branches: Vec<Branch<T>>,
}

/// A segment with parameters; or all segments that are left, if the value of one has slashes.
#[derive(Debug)]
struct Branch<T> {
    parts: Vec<Part>,
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
    /// Returns what `template` leads to, created if it is new.
    pub(crate) fn entry(&mut self, template: &Template) -> &mut T {
        let mut routes = self;
        // Before the first slash there is nothing.
        let mut left = template.parts.get(1..);
        while let Some(parts) = left {
            let segment = parts.split(|part| *part == Part::Slash).next();
            let segment = segment.unwrap_or_default();
            if has_slashes(segment) {
                routes = routes.branch(parts);
                break;
            }
            routes = match segment {
                [] => routes.literal.entry(String::new()).or_default(),
                [Part::Literal(literal)] => routes.literal.entry(literal.clone()).or_default(),
                _ => routes.branch(segment),
            };
            left = parts.get(segment.len() + 1..);
        }
        routes.end.get_or_insert_default()
    }

    fn branch(&mut self, parts: &[Part]) -> &mut Self {
        let known = self.branches.iter().position(|known| known.parts == parts);
        let place = known.unwrap_or_else(|| {
            let rank_of = |branch: &Branch<T>| rank(&branch.parts);
            let place = self
                .branches
                .partition_point(|known| rank_of(known) <= rank(parts));
            let branch = Branch {
                parts: parts.to_vec(),
                routes: Self::default(),
            };
            self.branches.insert(place, branch);
            place
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the place was found or made just above"
        )]
        &mut self.branches[place].routes
    }
}

impl<T> Routes<T> {
    /// Passes to `visit` what the templates lead to that the path of a request matches, until it returns something.
    ///
    /// They come in the order of OpenAPI 3.1, section 4.8.8.2, applied to each segment from the first to the last: a
    /// literal one, one that is partly literal, one that is a parameter; and then parameters with slashes.
    pub(crate) fn find<'r, R>(
        &'r self,
        path: &str,
        mut visit: impl FnMut(&'r T) -> Option<R>,
    ) -> Option<R> {
        self.walk(Some(path.strip_prefix('/')?), &mut visit)
    }

    /// `path` has the segments that are left, if any are.
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

fn has_slashes(parts: &[Part]) -> bool {
    parts.contains(&Part::Parameter { has_slashes: true })
}

/// Orders the branches of one place: the less, the more specific. Of segments that are partly literal, those come first
/// of which more is.
fn rank(parts: &[Part]) -> impl Ord + use<> {
    let literals = |parts: &[Part]| -> usize {
        let lengths = parts.iter().map(|part| match part {
            Part::Literal(text) => text.len(),
            Part::Slash | Part::Parameter { .. } => 0,
        });
        lengths.sum()
    };
    let segment = parts.split(|part| *part == Part::Slash).next();
    let in_segment = literals(segment.unwrap_or_default());
    (
        in_segment == 0,
        has_slashes(parts),
        Reverse(in_segment),
        Reverse(literals(parts)),
        Reverse(parts.len()),
    )
}
