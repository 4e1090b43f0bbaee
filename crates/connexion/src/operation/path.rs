//! Path templates, and the values of their parameters in the path of a request.
//!
//! The library has a matcher of its own, because OpenAPI allows templates such as `/files/{name}.json`, which axum rejects,
//! and prefers literal paths to templated ones (OpenAPI 3.1, section 4.8.8.2). Paths are compared segment by segment after
//! percent-decoding. Doubled and trailing slashes are significant.

mod pattern;
mod routes;

use self::pattern::{TemplatePart, split, strip};
pub(crate) use self::routes::Routes;

/// The values of the parameters of a path template, percent-encoded as the path carries them: an encoded comma belongs to
/// an item of an array, a plain one separates two items.
///
/// ```
/// # use connexion::{Api, Document, PathValues};
/// # let document = Document::load("examples/hello.yaml")?;
/// # let service = Api::from_document(document).stub(true).build(())?;
/// # let operation = service.operations().next().ok_or("the document has no operation")?;
/// let path = PathValues::from_iter([("name", "Ann%20Lee")]);
/// let request = operation.validate_request(&path, None, &http::HeaderMap::new(), b"")?;
/// assert_eq!(request.parameters["name"], "Ann Lee");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PathValues(Vec<(String, String)>);

impl PathValues {
    /// Returns the value of a parameter by its name.
    ///
    /// ```
    /// let path = connexion::PathValues::from_iter([("name", "Ann")]);
    /// assert_eq!((path.get("name"), path.get("id")), (Some("Ann"), None));
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn as_slice(&self) -> &[(String, String)] {
        &self.0
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for PathValues {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        let values = values.into_iter();
        Self(
            values
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// The maximum of slashes, literals and parameters in a template: the time to match a path grows with their number.
const MAX_PARTS: usize = 256;

/// A path template such as `/people/{uuid}`.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    parts: Vec<TemplatePart>,
    /// The names of the parameters, in their order.
    names: Vec<String>,
}

impl Template {
    /// Parses a template; the error is a message.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let Some(below) = path.strip_prefix('/') else {
            return Err(format!("the path `{path}` must begin with a slash"));
        };
        if path.contains(['?', '#']) {
            return Err(format!(
                "the path `{path}` must not have a query or fragment"
            ));
        }
        let mut template = Self {
            parts: Vec::new(),
            names: Vec::new(),
        };
        for segment in below.split('/') {
            template.parts.push(TemplatePart::Slash);
            template.add(segment)?;
        }
        if template.parts.len() > MAX_PARTS {
            return Err(format!(
                "the path `{path}` has more than {MAX_PARTS} slashes, parameters and literals"
            ));
        }
        let mut names: Vec<_> = template.names().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(format!(
                "the parameter `{}` occurs twice in `{path}`",
                pair.first().copied().unwrap_or_default()
            )),
            None => Ok(template),
        }
    }

    fn add(&mut self, segment: &str) -> Result<(), String> {
        let stray_brace = || format!("a brace in `{segment}` belongs to no parameter");
        let mut rest = segment;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("a closing brace is missing in `{segment}`"));
            };
            if name.is_empty() {
                return Err(format!("a parameter without a name in `{segment}`"));
            }
            if name.contains('{') || literal.contains('}') {
                return Err(stray_brace());
            }
            self.parts.extend(TemplatePart::literal(literal));
            self.parts
                .push(TemplatePart::Parameter { has_slashes: false });
            self.names.push(name.to_owned());
            rest = after;
        }
        if rest.contains('}') {
            return Err(stray_brace());
        }
        self.parts.extend(TemplatePart::literal(rest));
        Ok(())
    }

    /// Allows slashes in the values of the parameters with these names.
    pub(crate) fn with_slashes_in(mut self, slashes: &[&str]) -> Self {
        let parameters = self.parts.iter_mut().filter_map(|part| match part {
            TemplatePart::Parameter { has_slashes } => Some(has_slashes),
            TemplatePart::Slash | TemplatePart::Literal(_) => None,
        });
        for (has_slashes, name) in parameters.zip(&self.names) {
            *has_slashes = slashes.contains(&name.as_str());
        }
        self
    }

    /// Returns the names of the parameters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Returns the template without its parameters' names. It is the same for templates that match the same paths.
    pub(crate) fn shape(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            TemplatePart::Slash => "/",
            TemplatePart::Literal(text) => text,
            TemplatePart::Parameter { has_slashes: false } => "{}",
            TemplatePart::Parameter { has_slashes: true } => "{/}",
        });
        parts.collect()
    }

    /// Returns the values of the parameters in a matching path.
    ///
    /// A segment with several parameters may be split in several ways. They are tried in the order of Starlette and
    /// Werkzeug, the longest first parameter first. The first way that `fits` is used, or the very first one if none fits.
    pub(crate) fn values(&self, path: &str, fits: impl Fn(&PathValues) -> bool) -> PathValues {
        if let Some(values) = self.values_of_segments(path) {
            return values;
        }
        let named = |texts: &[&str]| -> PathValues {
            let texts = texts.iter().copied();
            self.names.iter().map(String::as_str).zip(texts).collect()
        };
        let is_certain = self.names.len() == 1;
        let texts = split(&self.parts, path, |texts| is_certain || fits(&named(texts)));
        named(&texts)
    }

    /// Reads the values in one pass; returns `None` if a segment has several parameters, or the value of one may have
    /// slashes.
    fn values_of_segments(&self, path: &str) -> Option<PathValues> {
        let mut values = Vec::with_capacity(self.names.len());
        let mut names = self.names.iter();
        let segments = self.parts.split(|part| *part == TemplatePart::Slash);
        for (segment, text) in segments.zip(path.split('/')) {
            if names.len() == 0 {
                break;
            }
            if matches!(segment, [] | [TemplatePart::Literal(_)]) {
                continue;
            }
            match strip(segment, text)? {
                ([TemplatePart::Parameter { has_slashes: false }], text) => {
                    values.push((names.next()?.clone(), text.to_owned()));
                }
                _ => return None,
            }
        }
        Some(PathValues(values))
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
        let found = routes.find(path, |found| *found)?;
        let values = Template::parse(found).unwrap().values(path, |_| true);
        let values: Vec<_> = values
            .as_slice()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Some((found, values.join(" ")))
    }

    #[test]
    fn an_encoded_byte_is_never_cut() {
        let routes = routes(&["/r/{from}5{to}"]);
        let expected = Some(("/r/{from}5{to}", "from=a%25b to=c".into()));
        assert_eq!(find(&routes, "/r/a%25b5c"), expected);
    }

    #[test]
    fn a_literal_path_precedes_a_templated_one() {
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
    fn slashes_and_letter_case_are_significant_and_percent_encoding_is_not() {
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
    fn an_invalid_template_is_rejected() {
        for (text, message) in [
            ("people", "the path `people` must begin with a slash"),
            ("/a/{b", "a closing brace is missing in `{b`"),
            ("/a/{}", "a parameter without a name in `{}`"),
            ("/{a}/{a}", "the parameter `a` occurs twice in `/{a}/{a}`"),
            ("/a}", "a brace in `a}` belongs to no parameter"),
            ("/{a{b}", "a brace in `{a{b}` belongs to no parameter"),
            (
                "/a?b={c}",
                "the path `/a?b={c}` must not have a query or fragment",
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
