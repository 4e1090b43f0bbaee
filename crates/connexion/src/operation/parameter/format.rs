//! How a value is written as text: its style, or JSON (OpenAPI 3.1, section 4.8.12, "Style Values").

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::shape::{Shape, all_types, single};
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

/// How a text stands for a value.
#[derive(Debug)]
pub(crate) struct Format {
    pub(super) style: Style,
    /// Whether items and members are written one by one (`a=1&a=2`) instead of as one text (`a=1,2`).
    pub(super) explode: bool,
    pub(super) shape: Shape,
    /// What else it may be if the value is wrong by that.
    pub(super) branches: Vec<Shape>,
    /// All types that the schema names.
    types: Vec<String>,
    /// Whether an encoded comma is a mark between items even where it may belong to one.
    pub(super) splits_encoded_commas: bool,
    /// What the document's author should know of how it is read.
    pub(super) warning: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    Space,
    Pipe,
    /// Of Swagger 2.0 only, as is the next: commas, encoded or not.
    Csv,
    Tab,
    Deep,
    /// No style, but a text of `content`.
    Json,
    /// The same of a type that is not JSON.
    Text,
}

impl Style {
    /// The style that a document names; `swagger2` names those of `collectionFormat` in its own way, since
    /// they may stand in more places.
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

    fn of_place(location: ParameterLocation) -> (Self, &'static str) {
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
    /// Whether it says how values of this shape are written.
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

impl Format {
    /// Reads how the parameter or header at `place` is written, and where its schema stands. `what` is
    /// its name in sentences, such as "parameter `a`".
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

    /// Reads the `style` and `explode` that stand at `place` for values of `schema`.
    pub(super) fn of_style(
        place: Option<&Cursor<'_>>,
        schema: Option<&Cursor<'_>>,
        location: ParameterLocation,
        what: &str,
    ) -> Result<Self, String> {
        let (default, allowed) = Style::of_place(location);
        let style = match place.and_then(|place| place.text("style")) {
            None => default,
            Some("cookie")
                if location == ParameterLocation::Cookie && place.is_some_and(Cursor::is_3_2) =>
            {
                Style::Form
            }
            Some(written) => Style::parse(written, location).ok_or_else(|| {
                format!(
                    "the style `{written}` of the {what} is not supported there; write {allowed}"
                )
            })?,
        };
        let explode = place.and_then(|place| place.node.get("explode"));
        let explode = explode.and_then(Node::as_bool);
        let explode = explode.unwrap_or(style == Style::Form);
        let style = match style {
            // Nothing is left for the mark to stand between.
            Style::Space | Style::Pipe if explode => Style::Form,
            style => style,
        };
        let Some(schema) = schema else {
            return Ok(Self::of_shape(style, explode, Shape::Single(Vec::new())));
        };
        let unsupported = || {
            format!(
                "the {what} holds objects or arrays within one another or in turn, which is not supported in \
                 its style; write `content: {{application/json: …}}` for `schema`"
            )
        };
        let shape = Shape::of(schema).ok_or_else(unsupported)?;
        let (style, warning) = match &shape {
            shape if style.writes(explode, shape) => (style, None),
            Shape::Single(_) => {
                let message = format!(
                    "the style of the {what} is for arrays and objects, which it is not; it is read as if it had none"
                );
                (default, Some(message))
            }
            _ if location == ParameterLocation::Query => {
                let message = format!(
                    "the {what} holds objects or arrays within one another, for which OpenAPI has no style; they are \
                     read from names with brackets, such as `a[0][b]`"
                );
                (Style::Deep, Some(message))
            }
            _ => return Err(unsupported()),
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

    /// Whether its value is spread over names of its own properties: then an absent object is one without properties.
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
                    "`content` of the type `{name}` is read as a text, which the {what} is not; write \
                     application/json"
                ));
            };
            format.style = Style::Text;
            format.shape = shape;
        }
        Ok((format, media.schema("schema")))
    }

    /// What may stand between items. A client that encodes everything encodes these too; but an encoded comma
    /// belongs to an item, if that may be a text with a comma.
    fn marks(&self) -> &'static [&'static str] {
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

    /// Whether a text that is no array or object goes before one that is: the first type that the schema names does.
    pub(super) fn prefers_single(&self) -> bool {
        let is_compound = !matches!(self.shape, Shape::Single(_));
        let first = self.types.first().map(String::as_str);
        is_compound && !matches!(first, None | Some("array" | "object"))
    }

    /// Whether a name without brackets may stand for a value in the style `deepObject`.
    pub(super) fn takes_bare(&self) -> bool {
        let is_array = matches!(self.shape, Shape::Array(_));
        is_array || self.types.iter().any(|name| name != "object")
    }

    /// Whether several fields of a header are one list (RFC 9110, section 5.3).
    pub(crate) fn is_list(&self) -> bool {
        self.style == Style::Json || !matches!(self.shape, Shape::Single(_))
    }

    /// Whether a value may come of what a request has for it.
    pub(super) fn may_make(&self, value: &Value) -> bool {
        let mut shapes = [&self.shape].into_iter().chain(&self.branches);
        self.is_json() || shapes.any(|shape| shape.may_make(value))
    }

    pub(crate) fn is_json(&self) -> bool {
        self.style == Style::Json
    }

    /// Whether it was described by `content`, which may say nothing of the value.
    pub(super) fn is_content(&self) -> bool {
        matches!(self.style, Style::Json | Style::Text)
    }

    /// The value that a text of the parameter `name` stands for, still encoded; `None` if it is not written
    /// in the style, or is no JSON.
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
        let all = PropertyFilter::all();
        let (text, marks) = match self.style {
            Style::Json => return json::read(&decode(text, location), all, room).ok(),
            Style::Label => {
                let text = text.strip_prefix('.')?;
                // Until 3.1.0 the specification wrote dots, since then commas.
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
            _ => (text, self.marks()),
        };
        match shape {
            Shape::Single(types) => Some(single(&whole(text, location), types)),
            // Nothing is no item, unless that may be an empty text.
            Shape::Array(items) if text.is_empty() && !items.may_be_texts() => {
                Some(Value::Array(Vec::new()))
            }
            Shape::Array(items) => {
                let parts = split(text, marks, room)?.into_iter().enumerate();
                let items = parts.map(|(i, item)| {
                    let is_named = self.style == Style::Matrix && self.explode;
                    let item = if is_named { named(item, name)? } else { item };
                    Some(items.at(i).read(&decode(item, location)))
                });
                items.collect::<Option<_>>().map(Value::Array)
            }
            Shape::Object(members) => {
                let parts = split(text, marks, room)?;
                let mut object = Map::new();
                if text.is_empty() {
                    // It has no member.
                } else if self.explode {
                    for part in parts {
                        let pair = part.split_once('=');
                        let bare = (self.style == Style::Matrix).then_some((part, ""));
                        let (key, text) = pair.or(bare)?;
                        members.insert(
                            &mut object,
                            &decode(key, location),
                            &decode(text, location),
                        );
                    }
                } else {
                    for pair in parts.chunks(2) {
                        let [key, text] = pair else { return None };
                        members.insert(
                            &mut object,
                            &decode(key, location),
                            &decode(text, location),
                        );
                    }
                }
                members.fill(&mut object);
                Some(Value::Object(object))
            }
        }
    }

    /// What else a text may be: each of the schema's types alone, as with `oneOf`.
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

/// The text behind `name=`; a name alone is an empty text.
fn named<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (found, text) = text.split_once('=').unwrap_or((text, ""));
    (decode(found, ParameterLocation::Path) == name).then_some(text)
}

/// The parts between any of `marks`, in one pass; `None` if there is no room for so many.
fn split<'t>(text: &'t str, marks: &[&str], room: &Room) -> Option<Vec<&'t str>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for (at, _) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        if let Some(mark) = marks.iter().find(|mark| rest.starts_with(**mark))
            && at >= start
        {
            room.take(1).then_some(())?;
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + mark.len();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    Some(parts)
}

/// A text that is one value. The style `form` encodes cookies too (OpenAPI 3.1, section 4.8.12.2).
pub(super) fn whole(text: &str, location: ParameterLocation) -> Cow<'_, str> {
    match location {
        ParameterLocation::Path | ParameterLocation::Query | ParameterLocation::Cookie => {
            decode(text, location)
        }
        ParameterLocation::Header => text.into(),
    }
}
