//! The format of a parameter: its style, or JSON (OpenAPI 3.1, section 4.8.12, "Style Values").

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    schema_types::all_types,
    shape::{ObjectShape, Shape, single},
};
use crate::{
    document::{cursor::Cursor, node::Node},
    operation::media_type::MediaType,
    pairs::decode,
    problem::ParameterLocation,
    schema::{
        PropertyFilter,
        json::{self, Room},
    },
};

/// The format in which a parameter is written.
#[derive(Debug)]
pub(crate) struct ParameterFormat {
    pub(super) style: Style,
    /// True if items and properties are written separately (`a=1&a=2`) instead of as one string (`a=1,2`).
    pub(super) explode: bool,
    pub(super) shape: Shape,
    /// Other shapes, which are tried if the value is invalid.
    pub(super) branches: Vec<Shape>,
    /// All types of the schema.
    types: Vec<String>,
    /// True if an encoded comma separates items even if it may belong to one.
    pub(super) splits_encoded_commas: bool,
    /// A warning for the author of the document.
    pub(super) warning: Option<String>,
}

/// A style of OpenAPI or a `collectionFormat` of Swagger 2.0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    Space,
    Pipe,
    /// Commas, encoded or not. Like `Tab`, it exists only in Swagger 2.0.
    Csv,
    Tab,
    Deep,
    /// JSON, declared by `content`.
    Json,
    /// Another type, declared by `content`.
    Text,
}

impl Style {
    /// Parses a style. `swagger2` writes those of `collectionFormat` with a prefix, because more locations allow them.
    fn parse(text: &str, location: ParameterLocation) -> Option<Self> {
        Some(match (text, location) {
            ("simple", ParameterLocation::Path | ParameterLocation::Header) => Self::Simple,
            ("label", ParameterLocation::Path) => Self::Label,
            ("matrix", ParameterLocation::Path) => Self::Matrix,
            ("form", ParameterLocation::Query | ParameterLocation::Cookie) => Self::Form,
            ("spaceDelimited", ParameterLocation::Query) | ("collectionFormat: ssv", _) => {
                Self::Space
            }
            ("pipeDelimited", ParameterLocation::Query) | ("collectionFormat: pipes", _) => {
                Self::Pipe
            }
            ("collectionFormat: csv", _) => Self::Csv,
            ("collectionFormat: tsv", _) => Self::Tab,
            ("deepObject", ParameterLocation::Query) => Self::Deep,
            _ => return None,
        })
    }

    /// Reads the `style` at `place`.
    fn of(
        place: Option<&Cursor<'_>>,
        location: ParameterLocation,
        what: &str,
    ) -> Result<Self, String> {
        let (default, allowed) = Self::of_location(location);
        match place.and_then(|place| place.text("style")) {
            None => Ok(default),
            Some("cookie")
                if location == ParameterLocation::Cookie && place.is_some_and(Cursor::is_3_2) =>
            {
                Ok(Self::Form)
            }
            Some(written) => Self::parse(written, location).ok_or_else(|| {
                format!(
                    "the style `{written}` of the {what} is not supported there; write {allowed}"
                )
            }),
        }
    }

    /// Returns the default style of a location, and the names of those that it allows.
    fn of_location(location: ParameterLocation) -> (Self, &'static str) {
        match location {
            ParameterLocation::Path => (Self::Simple, "simple, label or matrix"),
            ParameterLocation::Header => (Self::Simple, "simple"),
            ParameterLocation::Query => (
                Self::Form,
                "form, spaceDelimited, pipeDelimited or deepObject",
            ),
            ParameterLocation::Cookie => (Self::Form, "form"),
        }
    }
}

impl Style {
    /// Returns whether the style supports values of this shape.
    fn writes(self, explode: bool, shape: &Shape) -> bool {
        match self {
            Self::Deep => !matches!(shape, Shape::Single(_)),
            Self::Space | Self::Pipe | Self::Tab => {
                !matches!(shape, Shape::Single(_)) && shape.is_simple()
            }
            Self::Form if explode => shape.is_repeatable(),
            _ => shape.is_simple(),
        }
    }
}

impl ParameterFormat {
    /// Compiles the format of a parameter or header, and returns it with its schema. `what` is its name in messages, such
    /// as "parameter `a`".
    pub(crate) fn compile<'d>(
        place: &Cursor<'d>,
        location: ParameterLocation,
        what: &str,
    ) -> Result<(Self, Option<Cursor<'d>>), String> {
        if let Some(content) = place.get("content") {
            return Self::of_content(place, &content, what);
        }
        let schema = place.get("schema");
        let format = Self::of_style(Some(place), schema.as_ref(), location, what)?;
        let written = place.schema("schema").or(schema);
        Ok((format, written))
    }

    /// Compiles the `style` and `explode` at `place` for values of `schema`.
    pub(super) fn of_style(
        place: Option<&Cursor<'_>>,
        schema: Option<&Cursor<'_>>,
        location: ParameterLocation,
        what: &str,
    ) -> Result<Self, String> {
        let (default, _) = Style::of_location(location);
        let style = Style::of(place, location, what)?;
        let explode = place.and_then(|place| place.node.get("explode"));
        let explode = explode.and_then(Node::as_bool);
        let explode = explode.unwrap_or(style == Style::Form);
        let style = match style {
            // Each item has a name of its own, so there are no delimiters.
            Style::Space | Style::Pipe if explode => Style::Form,
            style => style,
        };
        let Some(schema) = schema else {
            return Ok(Self::of_shape(style, explode, Shape::Single(Vec::new())));
        };
        let nested = || {
            format!(
                "the {what} contains nested objects or arrays, or may be both, which its style does not support; write \
                 `content: {{application/json: …}}` instead of `schema`"
            )
        };
        let shape = Shape::of(schema).ok_or_else(nested)?;
        let (style, warning) = match &shape {
            shape if style.writes(explode, shape) => (style, None),
            Shape::Single(_) => {
                let message = format!(
                    "the style of the {what} is for arrays and objects, which it is not; the style is ignored"
                );
                (default, Some(message))
            }
            _ if location == ParameterLocation::Query => {
                let message = format!(
                    "the {what} contains nested objects or arrays, for which OpenAPI has no style; they are read from \
                     names with brackets, such as `a[0][b]`"
                );
                (Style::Deep, Some(message))
            }
            _ => return Err(nested()),
        };
        let types = all_types(schema);
        let branches = match &shape {
            Shape::Object(_) => Shape::branches(schema),
            _ => Vec::new(),
        };
        Ok(Self {
            branches,
            types,
            warning,
            ..Self::of_shape(style, explode, shape)
        })
    }

    fn of_shape(style: Style, explode: bool, shape: Shape) -> Self {
        Self {
            style,
            explode,
            shape,
            branches: Vec::new(),
            types: Vec::new(),
            splits_encoded_commas: false,
            warning: None,
        }
    }

    /// Returns whether the properties have names of their own. An absent object is then one without properties.
    pub(super) fn is_spread(&self) -> bool {
        self.style == Style::Deep || self.style == Style::Form && self.explode
    }

    fn of_content<'d>(
        place: &Cursor<'d>,
        content: &Cursor<'d>,
        what: &str,
    ) -> Result<(Self, Option<Cursor<'d>>), String> {
        for key in ["schema", "style", "explode", "allowReserved"] {
            if place.node.get(key).is_some() {
                return Err(format!(
                    "the {what} has both `content` and `{key}`; leave one of them out"
                ));
            }
        }
        let mut entries = content.members();
        let (Some((name, media)), None) = (entries.next(), entries.next()) else {
            return Err(format!("the `content` of the {what} must have one entry"));
        };
        let mut format = Self::of_shape(Style::Json, false, Shape::Single(Vec::new()));
        if !MediaType::parse(name).is_json() {
            let schema = media.get("schema");
            let shape = match &schema {
                Some(schema) => Shape::of(schema),
                None => Some(Shape::Single(Vec::new())),
            };
            let Some(shape @ Shape::Single(_)) = shape else {
                return Err(format!(
                    "`content` of the type `{name}` must be a string, which the {what} is not; write \
                     application/json"
                ));
            };
            format.style = Style::Text;
            format.shape = shape;
        }
        Ok((format, media.schema("schema")))
    }

    /// Returns the delimiters between items. Some clients encode these, too; but an encoded comma belongs to an item, if that
    /// may be a string with a comma.
    fn delimiters(&self) -> &'static [&'static str] {
        const COMMAS: [&str; 3] = [",", "%2C", "%2c"];
        match (self.style, &self.shape) {
            (Style::Space, _) => &["%20", "+", " "],
            (Style::Pipe, _) => &["|", "%7C", "%7c"],
            (Style::Tab, _) => &["%09", "\t"],
            (Style::Csv, _) => &COMMAS,
            _ if self.splits_encoded_commas => &COMMAS,
            (_, Shape::Array(items)) if !items.may_have_commas() => &COMMAS,
            _ => &[","],
        }
    }

    /// Returns whether a string is preferably read as a single value instead of an array or object. The first type of the
    /// schema decides.
    pub(super) fn prefers_single(&self) -> bool {
        let is_compound = !matches!(self.shape, Shape::Single(_));
        let first = self.types.first().map(String::as_str);
        is_compound && !matches!(first, None | Some("array" | "object"))
    }

    /// Returns whether a name without brackets can have a value in the style `deepObject`.
    pub(super) fn takes_bare(&self) -> bool {
        let is_array = matches!(self.shape, Shape::Array(_));
        is_array || self.types.iter().any(|name| name != "object")
    }

    /// Returns whether several header lines are one list (RFC 9110, section 5.3).
    pub(crate) fn is_list(&self) -> bool {
        self.style == Style::Json || !matches!(self.shape, Shape::Single(_))
    }

    /// Returns whether a string of a request can have this value.
    pub(super) fn may_be(&self, value: &Value) -> bool {
        let mut shapes = [&self.shape].into_iter().chain(&self.branches);
        self.is_json() || shapes.any(|shape| shape.may_be(value))
    }

    pub(crate) fn is_json(&self) -> bool {
        self.style == Style::Json
    }

    /// Returns whether it is declared by `content`, which may have no schema.
    pub(super) fn is_content(&self) -> bool {
        matches!(self.style, Style::Json | Style::Text)
    }

    /// Returns the value of an encoded string of the parameter `name`; `None` if it is not in the style, or not JSON.
    pub(crate) fn value(
        &self,
        name: &str,
        text: &str,
        location: ParameterLocation,
        room: &Room,
    ) -> Option<Value> {
        self.value_of(&self.shape, name, text, location, room)
    }

    pub(super) fn value_of(
        &self,
        shape: &Shape,
        name: &str,
        text: &str,
        location: ParameterLocation,
        room: &Room,
    ) -> Option<Value> {
        let (text, delimiters) = match self.style {
            Style::Json => {
                return json::read(&decode(text, location), PropertyFilter::all(), room).ok();
            }
            Style::Label => {
                let text = text.strip_prefix('.')?;
                // OpenAPI before 3.1.0 delimits by dots, since then by commas.
                let is_comma = !self.explode && text.contains(',');
                (text, if is_comma { &[","][..] } else { &["."] })
            }
            Style::Matrix => {
                let text = text.strip_prefix(';')?;
                match (&self.shape, self.explode) {
                    (Shape::Single(_), _) | (_, false) => (named(text, name)?, &[","][..]),
                    (_, true) => (text, &[";"][..]),
                }
            }
            _ => (text, self.delimiters()),
        };
        match shape {
            Shape::Single(types) => Some(single(&decode_whole(text, location), types)),
            // An empty string is an empty array, unless an item may be an empty string.
            Shape::Array(items) if text.is_empty() && !items.may_be_strings() => {
                Some(Value::Array(Vec::new()))
            }
            Shape::Array(items) => {
                let parts = split(text, delimiters, room)?.into_iter().enumerate();
                let items = parts.map(|(i, item)| {
                    let is_named = self.style == Style::Matrix && self.explode;
                    let item = if is_named { named(item, name)? } else { item };
                    Some(items.at(i).read(&decode(item, location)))
                });
                items.collect::<Option<_>>().map(Value::Array)
            }
            Shape::Object(object) => {
                let parts = split(text, delimiters, room)?;
                let parts: &[&str] = if text.is_empty() {
                    &[]
                } else {
                    parts.as_slice()
                };
                self.object(object, parts, location)
            }
        }
    }

    /// Returns the object that has these parts; `None` if they are not in the style.
    fn object(
        &self,
        shape: &ObjectShape,
        parts: &[&str],
        location: ParameterLocation,
    ) -> Option<Value> {
        let mut object = Map::new();
        let mut insert = |key: &str, text: &str| {
            shape.insert(&mut object, &decode(key, location), &decode(text, location));
        };
        if self.explode {
            for part in parts {
                let pair = part.split_once('=');
                let bare = (self.style == Style::Matrix).then_some((*part, ""));
                let (key, text) = pair.or(bare)?;
                insert(key, text);
            }
        } else {
            for pair in parts.chunks(2) {
                let [key, text] = pair else { return None };
                insert(key, text);
            }
        }
        shape.fill_defaults(&mut object);
        Some(Value::Object(object))
    }

    /// Returns the string as each of the schema's types, as with `oneOf`.
    pub(super) fn alternatives(&self, text: &str) -> impl Iterator<Item = Value> {
        let types = if self.types.len() > 1 {
            &self.types[..]
        } else {
            &[]
        };
        types
            .iter()
            .map(move |name| single(text, std::slice::from_ref(name)))
    }
}

/// Returns the string after `name=`; a name alone has an empty string.
fn named<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (found, text) = text.split_once('=').unwrap_or((text, ""));
    (decode(found, ParameterLocation::Path) == name).then_some(text)
}

/// Splits a string at any of `delimiters`, in one pass; returns `None` if the parts exceed the room.
fn split<'t>(text: &'t str, delimiters: &[&str], room: &Room) -> Option<Vec<&'t str>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for (at, _) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        if let Some(delimiter) = delimiters.iter().find(|one| rest.starts_with(**one))
            && at >= start
        {
            room.take(1).then_some(())?;
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + delimiter.len();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    Some(parts)
}

/// Decodes a string that is one value. The style `form` encodes cookies, too (OpenAPI 3.1, section 4.8.12.2).
pub(super) fn decode_whole(text: &str, location: ParameterLocation) -> Cow<'_, str> {
    match location {
        ParameterLocation::Path | ParameterLocation::Query | ParameterLocation::Cookie => {
            decode(text, location)
        }
        ParameterLocation::Header => text.into(),
    }
}
