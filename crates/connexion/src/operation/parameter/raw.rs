//! Finds the strings of a request's parameters, and converts them to values.

use std::{borrow::Cow, cell::OnceCell, collections::BTreeSet};

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    Parameter,
    format::{Style, decode_whole},
    shape::{ArrayShape, ObjectShape, Shape},
};
use crate::{
    operation::path::PathValues,
    pairs::{cookies, decode, pairs},
    problem::{Location, MAX_UNKNOWN, ParameterLocation, Violation},
    schema::{json::Room, notation::cut},
};

/// The maximum number of brackets in a name of the style `deepObject`.
const MAX_BRACKETS: usize = 16;

/// The value of a parameter in a request.
pub(super) struct FoundValue<'r> {
    /// `None` if it is not in the declared style.
    pub(super) value: Option<Value>,
    /// The encoded string, if the value is made of a single one.
    pub(super) text: Option<Cow<'r, str>>,
}

/// The strings of a request's parameters. Names are decoded, values are still encoded.
#[derive(Debug)]
pub(crate) struct RawParameters<'r> {
    path: &'r PathValues,
    query: Vec<(Cow<'r, str>, &'r str)>,
    headers: &'r HeaderMap,
    /// The room for the values of the strings.
    room: &'r Room,
    /// Parsed on first use, since most operations declare none.
    cookies: OnceCell<Vec<(String, String)>>,
}

impl<'r> RawParameters<'r> {
    pub(crate) fn new(
        path: &'r PathValues,
        query: Option<&'r str>,
        headers: &'r HeaderMap,
        room: &'r Room,
    ) -> Self {
        Self {
            path,
            query: pairs(query.unwrap_or_default()),
            headers,
            room,
            cookies: OnceCell::new(),
        }
    }

    /// Removes credentials that are not parameters of the operation from the query. A parameter that takes all other names
    /// must not contain them.
    pub(crate) fn remove_credentials(
        &mut self,
        is_key: impl Fn(&str) -> bool,
        parameters: &[Parameter],
    ) {
        let is_declared = |name: &str| {
            let mut all = parameters.iter();
            all.any(|one| one.location == ParameterLocation::Query && one.claims(name))
        };
        self.query
            .retain(|(name, _)| !is_key(name) || is_declared(name));
    }

    /// Rejects undeclared query parameters and cookies, except those that are credentials. The first violation names them
    /// all, in a sentence that clients of the legacy service match.
    ///
    /// Cookies are checked only if the operation declares some: clients send all cookies of the host.
    pub(crate) fn reject_unknown(
        &self,
        parameters: &[Parameter],
        is_key: impl Fn(&str) -> bool,
        violations: &mut Vec<Violation>,
    ) {
        for location in [ParameterLocation::Query, ParameterLocation::Cookie] {
            let own = || parameters.iter().filter(|one| one.location == location);
            let is_open = own().any(Parameter::takes_others);
            if is_open || location == ParameterLocation::Cookie && own().next().is_none() {
                continue;
            }
            let is_known = |name: &str| own().any(|one| one.claims(name)) || is_key(name);
            let names = self.pairs(location).map(|(name, _)| name);
            let extra: BTreeSet<&str> = names.filter(|name| !is_known(name)).collect();
            let all = extra.iter().copied().collect::<Vec<_>>().join(", ");
            for (i, name) in extra.into_iter().take(MAX_UNKNOWN).enumerate() {
                let names = if i == 0 { &all } else { name };
                let detail = format!(
                    "Extra {} parameter(s) {names} not in spec",
                    location.as_str()
                );
                let location = Location::of(location, name);
                violations.push(Violation::new(location, "unknown", cut(detail)));
            }
        }
    }

    /// Reads all parameters of an operation.
    pub(crate) fn read(
        &self,
        parameters: &[Parameter],
        violations: &mut Vec<Violation>,
    ) -> Map<String, Value> {
        let claimed = |name: &str| {
            let mut query = parameters
                .iter()
                .filter(|one| one.location == ParameterLocation::Query);
            query.any(|one| one.claims(name))
        };
        let mut values = Map::with_capacity(parameters.len());
        for parameter in parameters {
            let found = self.find(parameter, &claimed);
            parameter.read(found, &mut values, violations);
        }
        values
    }

    /// Returns whether the parameters in the path are valid.
    pub(crate) fn has_valid_path(&self, parameters: &[Parameter]) -> bool {
        let (mut values, mut violations) = (Map::new(), Vec::new());
        let of_path = |one: &&Parameter| one.location == ParameterLocation::Path;
        for parameter in parameters.iter().filter(of_path) {
            let found = self.find(parameter, &|_| false);
            parameter.read(found, &mut values, &mut violations);
        }
        violations.is_empty()
    }

    /// Returns the value of a form's property: `None` if it is absent, an error if it is not in its style.
    pub(crate) fn property(
        &self,
        parameter: &Parameter,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<Result<Value, ()>> {
        let FoundValue { value, text } = self.find(parameter, claimed)?;
        let value = match value {
            Some(value) if parameter.is_valid(&value) => return Some(Ok(value)),
            value => value,
        };
        let text = parameter.decoded(text.as_deref());
        Some(parameter.alternative(text.as_deref()).or(value).ok_or(()))
    }

    /// Returns the names and decoded strings of the query, in its order.
    pub(crate) fn strings(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let query = self.query.iter();
        query.map(|(name, text)| (name.as_ref(), decode(text, ParameterLocation::Query)))
    }

    /// Returns the value of a parameter, in the first shape in which it is valid.
    fn find(
        &self,
        parameter: &Parameter,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<FoundValue<'_>> {
        let format = &parameter.format;
        let found = self.find_as(parameter, &format.shape, claimed)?;
        let is_valid = |found: &FoundValue<'_>| {
            let value = found.value.as_ref();
            value.is_some_and(|value| parameter.is_valid(value))
        };
        if format.branches.is_empty() || is_valid(&found) {
            return Some(found);
        }
        let branches = format.branches.iter();
        let mut others = branches.filter_map(|shape| self.find_as(parameter, shape, claimed));
        Some(others.find(is_valid).unwrap_or(found))
    }

    fn find_as(
        &self,
        parameter: &Parameter,
        shape: &Shape,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<FoundValue<'_>> {
        let format = &parameter.format;
        let is_exploded = format.style == Style::Form && format.explode;
        match shape {
            _ if format.style == Style::Deep => self.deep(parameter, shape),
            Shape::Array(items) if is_exploded => self.exploded_array(parameter, items),
            Shape::Object(object) if is_exploded => {
                self.exploded_object(parameter, object, claimed)
            }
            _ => {
                let text = self.text(parameter)?;
                Some(FoundValue {
                    value: format.value_of(
                        shape,
                        &parameter.name,
                        &text,
                        parameter.location,
                        self.room,
                    ),
                    text: Some(text),
                })
            }
        }
    }

    /// Returns an array whose items have names of their own (`a=1&a=2`).
    fn exploded_array(&self, parameter: &Parameter, shape: &ArrayShape) -> Option<FoundValue<'_>> {
        let location = parameter.location;
        let mut items = Vec::new();
        let mut last = None;
        for (known, text) in self.pairs(location) {
            if known == parameter.name {
                items.push(shape.at(items.len()).read(&decode(text, location)));
                last = Some(text);
            }
        }
        let last = last?;
        if last.is_empty() && items.len() == 1 && !shape.may_be_strings() {
            items.clear();
        }
        Some(FoundValue {
            text: (items.len() <= 1).then_some(last.into()),
            value: Some(Value::Array(items)),
        })
    }

    /// Returns an object whose properties have names of their own (`a=1&b=2`).
    fn exploded_object(
        &self,
        parameter: &Parameter,
        shape: &ObjectShape,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<FoundValue<'_>> {
        let (location, format) = (parameter.location, &parameter.format);
        let mut object = Map::new();
        let takes_others = parameter.takes_others();
        for (known, text) in self.pairs(location) {
            if shape.has(known) || takes_others && !claimed(known) {
                shape.insert(&mut object, known, &decode(text, location));
            }
        }
        if object.is_empty() {
            let text = self.text(parameter).filter(|_| format.takes_bare())?;
            let value = format.alternatives(&decode_whole(&text, location)).next();
            let text = Some(text);
            return Some(FoundValue { value, text });
        }
        shape.fill_defaults(&mut object);
        Some(FoundValue {
            value: Some(Value::Object(object)),
            text: None,
        })
    }

    /// Returns the value of several names with brackets.
    fn deep(&self, parameter: &Parameter, shape: &Shape) -> Option<FoundValue<'_>> {
        let location = &parameter.location;
        let (mut value, mut bare) = (Value::Null, None);
        for (known, text) in self.pairs(*location) {
            if let Some(path) = parameter.bracket_path(known) {
                if path.is_empty() {
                    bare = Some(text.into());
                }
                // Each step creates an object.
                self.room.take(path.len()).then_some(())?;
                shape.put(&mut value, &path, &decode(text, *location));
            }
        }
        (!value.is_null()).then(|| FoundValue {
            value: Some(shape.finish(value)),
            text: bare,
        })
    }

    /// Returns the last string of a parameter. Header lines that are a list are joined.
    fn text(&self, parameter: &Parameter) -> Option<Cow<'_, str>> {
        let name = parameter.name.as_str();
        if parameter.location == ParameterLocation::Header {
            let fields = self.headers.get_all(name).iter();
            let mut values = fields.map(|value| String::from_utf8_lossy(value.as_bytes()));
            return if parameter.format.is_list() {
                values.reduce(|a, b| Cow::Owned(format!("{a},{b}")))
            } else {
                values.next_back()
            };
        }
        let mut pairs = self.pairs(parameter.location);
        let last = pairs.rfind(|(known, _)| *known == name);
        last.map(|(_, text)| text.into())
    }

    fn pairs(&self, location: ParameterLocation) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let (strings, query) = match location {
            ParameterLocation::Path => (self.path.as_slice(), &[][..]),
            ParameterLocation::Query => (&[][..], &self.query[..]),
            ParameterLocation::Cookie | ParameterLocation::Header => {
                let read = || cookies(self.headers);
                (&self.cookies.get_or_init(read)[..], &[][..])
            }
        };
        let strings = strings
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        let query = query.iter().map(|(name, text)| (name.as_ref(), *text));
        strings.chain(query)
    }
}

impl Parameter {
    /// Returns the keys of `name[key]` or `name[key][0]`. An empty key is the next item of an array.
    pub(super) fn bracket_path<'n>(&self, name: &'n str) -> Option<Vec<&'n str>> {
        let mut rest = name.strip_prefix(self.name.as_str())?;
        let mut path = Vec::new();
        while !rest.is_empty() {
            let (key, after) = rest.strip_prefix('[')?.split_once(']')?;
            let has_name = !key.is_empty() || !matches!(self.format.shape, Shape::Object(_));
            if key.contains('[') || path.len() == MAX_BRACKETS || path.is_empty() && !has_name {
                return None;
            }
            path.push(key);
            rest = after;
        }
        (!path.is_empty() || self.format.takes_bare()).then_some(path)
    }
}
