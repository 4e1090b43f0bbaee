//! The parts of a JSON text as the client sent them. A parsed number may have fewer digits than the text.

use std::{collections::HashMap, fmt};

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    compat::Compat,
    document::node::unescape,
    schema::notation::{MAX_QUOTED, repr, repr_value},
};

/// The parts of a JSON text by JSON Pointer. Each array and object is parsed once, however many parts of it are
/// requested.
pub(crate) struct SentValue<'j> {
    value: &'j Value,
    /// The text that the value was parsed from, if there is one.
    root: Option<&'j str>,
    parts: HashMap<String, Parts<'j>>,
}

enum Parts<'j> {
    Items(Vec<&'j RawValue>),
    Properties(HashMap<String, &'j RawValue>),
}

/// A part of a value, as it was sent.
#[derive(Clone, Copy)]
pub(crate) enum SentPart<'j> {
    Json(&'j str),
    /// The parsed value, if there is no text.
    Value(&'j Value),
}

impl SentPart<'_> {
    pub(crate) fn repr(self, compat: Compat) -> String {
        match self {
            Self::Json(json) => repr(json, compat, MAX_QUOTED),
            Self::Value(value) => repr_value(value, compat, MAX_QUOTED),
        }
    }
}

impl<'j> SentValue<'j> {
    pub(crate) fn new(value: &'j Value, json: Option<&'j str>) -> Self {
        Self {
            value,
            root: json.map(str::trim_ascii),
            parts: HashMap::new(),
        }
    }

    /// Returns the part at `pointer`; `None` if it does not exist.
    pub(crate) fn at(&mut self, pointer: &str) -> Option<SentPart<'j>> {
        let Some(mut json) = self.root else {
            return self.value.pointer(pointer).map(SentPart::Value);
        };
        let mut end = 0;
        for token in pointer.split('/').skip(1) {
            let here = pointer.get(..end)?;
            if !self.parts.contains_key(here) {
                let parts = match self.value.pointer(here)? {
                    Value::Object(known) => Parts::Properties(property_texts(json, known)?),
                    _ => Parts::Items(serde_json::from_str(json).ok()?),
                };
                self.parts.insert(here.to_owned(), parts);
            }
            json = match self.parts.get(here)? {
                Parts::Properties(properties) => properties.get(unescape(token).as_ref())?.get(),
                Parts::Items(items) => items.get(token.parse::<usize>().ok()?)?.get(),
            };
            end += 1 + token.len();
        }
        Some(SentPart::Json(json))
    }
}

/// Returns the text of each property that is in the parsed value, too. The others were skipped, and may be many.
fn property_texts<'j>(
    json: &'j str,
    known: &Map<String, Value>,
) -> Option<HashMap<String, &'j RawValue>> {
    struct Known<'k>(&'k Map<String, Value>);

    impl<'de> Visitor<'de> for Known<'_> {
        type Value = HashMap<String, &'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Self::Value, A::Error> {
            let mut texts = HashMap::new();
            while let Some(name) = properties.next_key::<String>()? {
                if self.0.contains_key(&name) {
                    texts.insert(name, properties.next_value()?);
                } else {
                    properties.next_value::<IgnoredAny>()?;
                }
            }
            Ok(texts)
        }
    }

    serde_json::Deserializer::from_str(json)
        .deserialize_map(Known(known))
        .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{SentPart, SentValue};
    use crate::compat::Compat;

    #[test]
    fn the_part_at_a_pointer_is_found() {
        let json = r#" {"a": [1, {"b/c": 1e2}], "d": 1, "x": [], "d": 2} "#;
        let mut value: Value = serde_json::from_str(json).unwrap();
        value.as_object_mut().unwrap().remove("x");
        let mut sent = SentValue::new(&value, Some(json));
        for _ in 0..2 {
            let mut at = |pointer| match sent.at(pointer) {
                Some(SentPart::Json(json)) => Some(json),
                _ => None,
            };
            assert_eq!(at("/a/1/b~1c"), Some("1e2"));
            assert_eq!(at("/d"), Some("2"));
            assert_eq!(at(""), Some(json.trim()));
            assert_eq!(at("/a/7"), None);
            assert_eq!(at("/d/x"), None);
            assert_eq!(at("/x"), None, "it was skipped");
        }
        let shown = SentValue::new(&value, None)
            .at("/a")
            .map(|sent| sent.repr(Compat::Standard));
        assert_eq!(shown.as_deref(), Some(r#"[1, {"b/c": 100.0}]"#));
    }
}
