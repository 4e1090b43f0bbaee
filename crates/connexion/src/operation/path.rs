//! Path templates, and which of them a request's path belongs to.
//!
//! Our own matcher, because OpenAPI allows templates such as `/files/{name}.json` that axum's refuses, and
//! wants literal paths preferred to templated ones (OpenAPI 3.1, section 4.8.8.2). A path is compared
//! segment by segment after percent-decoding; doubled and trailing slashes make other paths.

use std::collections::HashMap;

use percent_encoding::{percent_decode, percent_decode_str};

/// The values of a template's parameters, in the template's order; as they stand in the path, so
/// percent-encoded: an encoded comma is part of a list's item, a plain one ends it.
///
/// ```
/// # use connexion::{Api, Document, PathValues};
/// # let document = Document::load("examples/hello.yaml")?;
/// # let service = Api::from_document(document).stub(true).build(())?;
/// # let operation = service.operations().next().ok_or("there is none")?;
/// let path: PathValues = vec![("name".to_owned(), "Ann%20Lee".to_owned())];
/// let input = operation.validate_request(&path, None, &http::HeaderMap::new(), b"");
/// assert_eq!(input.map_err(|_| "refused")?.parameters["name"], "Ann Lee");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Of a template without parameters it is empty.
pub type PathValues = Vec<(String, String)>;

/// A path template such as `/people/{uuid}`.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
}

/// One segment: literals and parameters in turn, such as `{name}.json`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Segment(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Literal(String),
    Parameter(String),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let Some(path) = path.strip_prefix('/') else {
            return Err(format!("the path `{path}` must begin with a slash"));
        };
        if path.contains(['?', '#']) {
            return Err(format!(
                "the path `/{path}` must not have a query or fragment, since no request has it"
            ));
        }
        let segments = path
            .split('/')
            .map(Segment::parse)
            .collect::<Result<_, _>>()?;
        let template = Self { segments };
        let mut names: Vec<_> = template.names().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(format!(
                "the parameter `{}` stands twice in `/{path}`",
                pair.first().copied().unwrap_or_default()
            )),
            None => Ok(template),
        }
    }

    /// The names of its parameters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments
            .iter()
            .flat_map(|segment| &segment.0)
            .filter_map(|part| match part {
                Part::Parameter(name) => Some(name.as_str()),
                Part::Literal(_) => None,
            })
    }

    /// The same for templates that match the same paths: the template without its parameters' names.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            for part in &segment.0 {
                shape.push_str(match part {
                    Part::Literal(text) => text,
                    Part::Parameter(_) => "{}",
                });
            }
        }
        shape
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("a closing brace is missing in `{text}`"));
            };
            if name.is_empty() {
                return Err(format!("a parameter without a name in `{text}`"));
            }
            if name.contains('{') || literal.contains('}') {
                return Err(stray_brace(text));
            }
            if !literal.is_empty() {
                parts.push(Part::literal(literal));
            } else if !parts.is_empty() {
                return Err(format!(
                    "two parameters touch in `{text}`, so nobody can tell where one ends"
                ));
            }
            parts.push(Part::Parameter(name.to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err(stray_brace(text));
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::literal(rest));
        }
        Ok(Self(parts))
    }

    fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The values of its parameters if it matches `text`. A parameter is never empty; it ends where the
    /// literal after it first stands, the last one at the segment's end.
    fn values(&self, text: &str, values: &mut PathValues) -> bool {
        let before = values.len();
        let matched = self.collect(text, values).is_some();
        if !matched {
            values.truncate(before);
        }
        matched
    }

    fn collect(&self, mut text: &str, values: &mut PathValues) -> Option<()> {
        let mut parts = self.0.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Literal(literal) => text = text.get(prefix(text, literal)?..)?,
                Part::Parameter(name) => {
                    let (value, rest) = match (
                        parts.next_if(|part| matches!(part, Part::Literal(_))),
                        parts.peek(),
                    ) {
                        (Some(Part::Literal(literal)), None) => (strip_suffix(text, literal)?, ""),
                        (Some(Part::Literal(literal)), Some(_)) => split_once(text, literal)?,
                        _ => (text, ""),
                    };
                    if value.is_empty() {
                        return None;
                    }
                    values.push((name.clone(), value.to_owned()));
                    text = rest;
                }
            }
        }
        text.is_empty().then_some(())
    }
}

impl Part {
    /// A literal is compared with decoded text.
    fn literal(text: &str) -> Self {
        Self::Literal(percent_decode_str(text).decode_utf8_lossy().into_owned())
    }
}

/// How much of an encoded text is the literal with which it begins.
fn prefix(text: &str, literal: &str) -> Option<usize> {
    let mut length = 0;
    for byte in literal.bytes() {
        let found = text.as_bytes().get(length..)?;
        let is_encoded = found.first() == Some(&b'%')
            && found
                .get(1..3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let taken = if is_encoded { 3 } else { 1 };
        let decoded = text.as_bytes().get(length..length + taken)?;
        if percent_decode(decoded).next() != Some(byte) {
            return None;
        }
        length += taken;
    }
    Some(length)
}

/// Where an encoded text may be cut: not within an encoded byte.
fn cuts(text: &str) -> impl Iterator<Item = usize> {
    let mut encoded_until = 0;
    text.char_indices().filter_map(move |(at, _)| {
        if at < encoded_until {
            return None;
        }
        let digits = text.as_bytes().get(at + 1..at + 3);
        let are_hex = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if text.as_bytes().get(at) == Some(&b'%') && are_hex {
            encoded_until = at + 3;
        }
        Some(at)
    })
}

/// What stands before and after a literal in an encoded text.
fn split_once<'t>(text: &'t str, literal: &str) -> Option<(&'t str, &'t str)> {
    cuts(text).find_map(|at| {
        let (before, rest) = text.split_at_checked(at)?;
        Some((before, rest.get(prefix(rest, literal)?..)?))
    })
}

/// What stands before the literal with which an encoded text ends.
fn strip_suffix<'t>(text: &'t str, literal: &str) -> Option<&'t str> {
    cuts(text).find_map(|at| {
        let (before, rest) = text.split_at_checked(at)?;
        (prefix(rest, literal)? == rest.len()).then_some(before)
    })
}

fn stray_brace(text: &str) -> String {
    format!("a brace in `{text}` belongs to no parameter")
}

/// All templates of an API, as a tree of segments; `T` is what a template leads to.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    end: Option<T>,
    literal: HashMap<String, Routes<T>>,
    templated: Vec<(Segment, Routes<T>)>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            end: None,
            literal: HashMap::new(),
            templated: Vec::new(),
        }
    }
}

impl<T: Default> Routes<T> {
    /// What `template` leads to, made if it is new.
    pub(crate) fn entry(&mut self, template: &Template) -> &mut T {
        let end = template
            .segments
            .iter()
            .fold(self, |routes, segment| routes.child(segment));
        end.end.get_or_insert_default()
    }

    fn child(&mut self, segment: &Segment) -> &mut Self {
        if let Some(literal) = segment.literal() {
            return self.literal.entry(literal.to_owned()).or_default();
        }
        let place = self
            .templated
            .iter()
            .position(|(known, _)| known == segment);
        let place = place.unwrap_or_else(|| {
            // The more of a segment is literal, the earlier it is tried.
            let place = self
                .templated
                .partition_point(|(known, _)| known.0.len() >= segment.0.len());
            self.templated
                .insert(place, (segment.clone(), Self::default()));
            place
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the place was found or made just above"
        )]
        &mut self.templated[place].1
    }
}

impl<T> Routes<T> {
    /// What the path of a request leads to, with the values of the template's parameters.
    pub(crate) fn find(&self, path: &str) -> Option<(&T, PathValues)> {
        let mut values = PathValues::new();
        let end = self.walk(Some(path.strip_prefix('/')?), &mut values)?;
        Some((end, values))
    }

    /// `path` has the segments that are left, if any are.
    fn walk(&self, path: Option<&str>, values: &mut PathValues) -> Option<&T> {
        let Some(path) = path else {
            return self.end.as_ref();
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
        if let Some(end) = literal.and_then(|child| child.walk(rest, values)) {
            return Some(end);
        }
        let before = values.len();
        for (template, child) in &self.templated {
            if template.values(segment, values) {
                if let Some(end) = child.walk(rest, values) {
                    return Some(end);
                }
                values.truncate(before);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Routes, Template};

    fn routes(templates: &[&'static str]) -> Routes<Option<&'static str>> {
        let mut routes = Routes::default();
        for text in templates {
            *routes.entry(&Template::parse(text).unwrap()) = Some(*text);
        }
        routes
    }

    fn find(routes: &Routes<Option<&'static str>>, path: &str) -> Option<(&'static str, String)> {
        let (found, values) = routes.find(path)?;
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Some(((*found)?, values.join(" ")))
    }

    #[test]
    fn an_encoded_byte_is_never_cut() {
        let routes = routes(&["/r/{from}5{to}"]);
        let expected = Some(("/r/{from}5{to}", "from=a%25b to=c".into()));
        assert_eq!(find(&routes, "/r/a%25b5c"), expected);
    }

    #[test]
    fn a_literal_path_goes_before_a_templated_one() {
        let routes = routes(&[
            "/people/{uuid}",
            "/people/summary",
            "/people",
            "/{any}/x",
            "/people/{uuid}/x",
        ]);
        assert_eq!(find(&routes, "/people"), Some(("/people", String::new())));
        assert_eq!(
            find(&routes, "/people/summary"),
            Some(("/people/summary", String::new()))
        );
        assert_eq!(
            find(&routes, "/people/1"),
            Some(("/people/{uuid}", "uuid=1".into()))
        );
        assert_eq!(
            find(&routes, "/people/x"),
            Some(("/people/{uuid}", "uuid=x".into()))
        );
        assert_eq!(
            find(&routes, "/other/x"),
            Some(("/{any}/x", "any=other".into()))
        );
        assert_eq!(
            find(&routes, "/people/summary/x"),
            Some(("/people/{uuid}/x", "uuid=summary".into()))
        );
    }

    #[test]
    fn slashes_and_letter_case_make_other_paths_and_percent_encoding_does_not() {
        let routes = routes(&["/people", "/people/{uuid}"]);
        for path in [
            "/people/",
            "//people",
            "/people//1",
            "/People",
            "/people/1/name",
            "people",
            "",
            "/",
        ] {
            assert_eq!(find(&routes, path), None, "{path}");
        }
        let encoded = self::routes(&["/caf%C3%A9"]);
        assert!(find(&encoded, "/caf%c3%a9").is_some());
        assert_eq!(find(&routes, "/%70eople"), Some(("/people", String::new())));
        assert_eq!(
            find(&routes, "/people/a%2Fb%20c"),
            Some(("/people/{uuid}", "uuid=a%2Fb%20c".into()))
        );
        assert_eq!(
            find(&routes, "/people/%ff"),
            Some(("/people/{uuid}", "uuid=%ff".into()))
        );
    }

    #[test]
    fn parameters_may_be_part_of_a_segment() {
        let routes = routes(&[
            "/files/{name}.json",
            "/files/{name}",
            "/range/{from}-{to}.{ext}",
            "/@{user}",
        ]);
        assert_eq!(
            find(&routes, "/files/a.b.json"),
            Some(("/files/{name}.json", "name=a.b".into()))
        );
        assert_eq!(
            find(&routes, "/files/.json"),
            Some(("/files/{name}", "name=.json".into()))
        );
        assert_eq!(
            find(&routes, "/range/1-2.x"),
            Some(("/range/{from}-{to}.{ext}", "from=1 to=2 ext=x".into()))
        );
        assert_eq!(find(&routes, "/range/1-2"), None);
        assert_eq!(find(&routes, "/@me"), Some(("/@{user}", "user=me".into())));
    }

    #[test]
    fn a_template_nobody_can_read_is_refused() {
        for (text, message) in [
            ("people", "the path `people` must begin with a slash"),
            ("/a/{b", "a closing brace is missing in `{b`"),
            ("/a/{}", "a parameter without a name in `{}`"),
            (
                "/a/{b}{c}",
                "two parameters touch in `{b}{c}`, so nobody can tell where one ends",
            ),
            ("/{a}/{a}", "the parameter `a` stands twice in `/{a}/{a}`"),
            ("/a}", "a brace in `a}` belongs to no parameter"),
            ("/{a{b}", "a brace in `{a{b}` belongs to no parameter"),
            (
                "/a?b={c}",
                "the path `/a?b={c}` must not have a query or fragment, since no request has it",
            ),
        ] {
            assert_eq!(Template::parse(text).unwrap_err(), message);
        }
        assert_eq!(
            Template::parse("/{a}/b").unwrap().shape(),
            Template::parse("/{c}/b").unwrap().shape()
        );
    }
}
