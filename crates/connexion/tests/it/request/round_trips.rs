//! Any value that is written as the specification says is read back as the same value. The writers here know
//! nothing of the library's readers: they follow RFC 6570, RFC 6265, RFC 7578 and the URL standard.

use std::fmt::Write as _;

use connexion::{Api, ApiService, Body, Params};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{ANY, build, document_at, request};

/// A style and location of the parameter `color`, and a service that reads it.
struct Way {
    place: &'static str,
    style: &'static str,
    explode: bool,
    /// The value of `allowReserved`.
    reserved: bool,
    shape: Shape,
    service: ApiService,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    Text,
    Whole,
    Number,
    Flag,
    Texts,
    Numbers,
    Object,
}

impl Shape {
    const ALL: [Self; 7] = [
        Self::Text,
        Self::Whole,
        Self::Number,
        Self::Flag,
        Self::Texts,
        Self::Numbers,
        Self::Object,
    ];

    fn schema(self) -> &'static str {
        match self {
            Self::Text => "{type: string}",
            Self::Whole => "{type: integer}",
            Self::Number => "{type: number}",
            Self::Flag => "{type: boolean}",
            Self::Texts => "{type: array, items: {type: string}}",
            Self::Numbers => "{type: array, items: {type: [integer, number]}}",
            Self::Object => {
                "{type: object, properties: {text: {type: string}, whole: {type: integer}, number: {type: number}, \
                 flag: {type: boolean}}, additionalProperties: {type: string}}"
            }
        }
    }

    fn is_single(self) -> bool {
        matches!(self, Self::Text | Self::Whole | Self::Number | Self::Flag)
    }
}

/// Returns every style in every location of OpenAPI 3.1, section 4.8.12.2, with every shape that it supports.
fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for (place, style, explodes, reserved) in [
        ("path", "simple", &[false, true][..], false),
        ("path", "label", &[false, true], false),
        ("path", "matrix", &[false, true], false),
        ("query", "form", &[false, true], false),
        ("query", "form", &[false, true], true),
        ("query", "spaceDelimited", &[false], false),
        ("query", "pipeDelimited", &[false], false),
        ("query", "deepObject", &[true], false),
        ("header", "simple", &[false, true], false),
        ("cookie", "form", &[false, true], false),
    ] {
        for explode in explodes {
            for shape in Shape::ALL {
                let is_written = match style {
                    "deepObject" => shape == Shape::Object,
                    "spaceDelimited" | "pipeDelimited" => !shape.is_single(),
                    _ => true,
                };
                if is_written {
                    ways.push(way(place, style, *explode, reserved, shape));
                }
            }
        }
    }
    ways
}

fn way(
    place: &'static str,
    style: &'static str,
    explode: bool,
    reserved: bool,
    shape: Shape,
) -> Way {
    let parameters = format!(
        "parameters: [{{name: color, in: {place}, required: true, style: {style}, explode: {explode}, {} \
         schema: {}}}], {ANY}",
        if reserved { "allowReserved: true," } else { "" },
        shape.schema()
    );
    let path = if place == "path" { "/{color}" } else { "/" };
    let document = document_at(&format!("get {path}"), &parameters, "");
    let echo = async |Params(values): Params<Map<String, Value>>| Body(values["color"].clone());
    let service = build(Api::from_document(document).operation("test", echo));
    Way {
        place,
        style,
        explode,
        reserved,
        shape,
        service,
    }
}

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => any::<String>(),
        1 => "[ -~]{0,12}",
        2 => "[,;|.=&+% \\[\\]/?#\"\\\\a-c\u{e9}\u{1f600}]{0,8}",
        1 => "(true|1|-?[0-9]{1,25}|null|1e5|%2C|%25|a%20b|\\.\\.?)",
    ]
}

pub(super) fn name() -> impl Strategy<Value = String> {
    text().prop_filter("names are not empty", |name| !name.is_empty())
}

pub(super) fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no others", |number| number.is_finite())
            .prop_map(Value::from),
    ]
}

/// Generates values with at least one item or property: empty arrays and objects are undefined (section 4.8.12.3,
/// RFC 6570, section 2.3).
fn values(shape: Shape) -> BoxedStrategy<Value> {
    match shape {
        Shape::Text => text().prop_map(Value::from).boxed(),
        Shape::Whole => any::<i64>().prop_map(Value::from).boxed(),
        Shape::Number => number().boxed(),
        Shape::Flag => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Texts => vec(text(), 1..5).prop_map(Value::from).boxed(),
        Shape::Numbers => vec(number(), 1..5).prop_map(Value::from).boxed(),
        Shape::Object => {
            let member = prop_oneof![
                text().prop_map(|text| ("text".to_owned(), json!(text))),
                any::<i64>().prop_map(|whole| ("whole".to_owned(), json!(whole))),
                number().prop_map(|number| ("number".to_owned(), number)),
                any::<bool>().prop_map(|flag| ("flag".to_owned(), json!(flag))),
                (
                    name().prop_filter("has a type", |name| !NAMED.contains(&name.as_str())),
                    text()
                )
                    .prop_map(|(name, text)| (name, json!(text))),
            ];
            let members = vec(member, 1..6);
            members
                .prop_map(|members| Value::Object(members.into_iter().collect()))
                .boxed()
        }
    }
}

const NAMED: [&str; 4] = ["text", "whole", "number", "flag"];

/// Returns a scalar as a string, before it is encoded.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns all strings in a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| [name.clone(), plain(value)])
            .collect(),
        single => vec![plain(single)],
    }
}

/// Percent-encodes all characters except the unreserved ones (RFC 3986, section 2.3) and `kept`.
pub(super) fn encode(text: &str, kept: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric()
            || "-._~".contains(character)
            || kept.contains(character)
        {
            encoded.push(character);
        } else {
            for byte in character.to_string().bytes() {
                write!(encoded, "%{byte:02X}").unwrap();
            }
        }
    }
    encoded
}

impl Way {
    /// Returns whether the style can represent this value.
    fn can_write(&self, value: &Value) -> bool {
        let texts = texts(value);
        let has = |mark: char| texts.iter().any(|text| text.contains(mark));
        let has_open_members = |members: &Map<String, Value>| {
            members.keys().any(|name| !NAMED.contains(&name.as_str()))
        };
        let is_in_style = match (self.style, value) {
            // An encoded delimiter cannot be distinguished from one in an item (OpenAPI 3.1.1, appendix E).
            ("spaceDelimited", _) => !has(' '),
            ("pipeDelimited", _) => !has('|'),
            // `name[property]` cannot represent a bracket in the name of a property.
            ("deepObject", Value::Object(members)) => {
                !members.keys().any(|name| name.contains(['[', ']']))
            }
            // A cookie that the document does not declare does not belong to this parameter.
            ("form", Value::Object(members)) if self.place == "cookie" && self.explode => {
                !has_open_members(members)
            }
            _ => true,
        };
        let is_in_place = match self.place {
            // An empty segment is a different path (section 4.8.8.1).
            "path" => self.style != "simple" || texts.concat() != "" || texts.len() > 1,
            // Nothing is encoded in a header (section 4.8.12.2, RFC 9110, section 5.5): no control characters,
            // no spaces around a value, no comma in an item and no `=` in a name.
            "header" => texts.iter().enumerate().all(|(i, text)| {
                let is_name = value.is_object() && self.explode && i % 2 == 0;
                let is_item = value.is_array() || value.is_object();
                let has_mark = is_item && text.contains(',') || is_name && text.contains('=');
                let is_trimmed = text.trim_matches([' ', '\t']) == text;
                !has_mark && is_trimmed && !text.chars().any(|c| c.is_ascii_control())
            }),
            _ => true,
        };
        is_in_style && is_in_place
    }

    /// Encodes a string as the document declares.
    fn encode(&self, text: &str) -> String {
        // Delimiters must be encoded even then (section 4.8.12.2, `allowReserved`).
        let reserved = match (self.reserved, self.explode || self.shape.is_single()) {
            (false, _) => "",
            (true, true) => ":/?@!$'()*,;",
            (true, false) => ":/?@!$'()*;",
        };
        match (self.place, self.style) {
            ("header", _) => text.to_owned(),
            // Dots are the delimiters, but RFC 6570 does not encode them, which would be ambiguous.
            ("path", "label") => encode(text, "").replace('.', "%2E"),
            _ => encode(text, reserved),
        }
    }

    /// Returns the parameter as text: one value, or pairs, joined as its location requires.
    fn write(&self, value: &Value) -> String {
        let texts: Vec<_> = texts(value).iter().map(|text| self.encode(text)).collect();
        let pairs = |mark: &str, end: &str| {
            let pairs = texts.chunks(2);
            pairs
                .map(|pair| format!("{}{mark}{}{end}", pair[0], pair[1]))
                .collect::<Vec<_>>()
        };
        let join = |mark: &str| texts.join(mark);
        // RFC 6570, section 3.2.7: no `=` after a name with an empty value.
        let bare = |pair: String| pair.strip_suffix('=').map(str::to_owned).unwrap_or(pair);
        let named = |text: &str| format!("color={text}");
        let between = if self.place == "cookie" { "; " } else { "&" };
        match (self.style, self.explode, value) {
            ("simple", true, Value::Object(_)) => pairs("=", "").join(","),
            ("simple", ..) => join(","),
            ("label", true, Value::Object(_)) => format!(".{}", pairs("=", "").join(".")),
            ("label", true, _) => format!(".{}", join(".")),
            ("label", false, _) => format!(".{}", join(",")),
            ("matrix", true, Value::Object(_)) => {
                let pairs = pairs("=", "").into_iter().map(bare);
                format!(";{}", pairs.collect::<Vec<_>>().join(";"))
            }
            ("matrix", true, Value::Array(_)) => {
                let items = texts.iter().map(|text| bare(named(text)));
                format!(";{}", items.collect::<Vec<_>>().join(";"))
            }
            ("matrix", ..) => format!(";{}", bare(named(&join(",")))),
            ("form", true, Value::Object(_)) => pairs("=", "").join(between),
            ("form", true, Value::Array(_)) => texts
                .iter()
                .map(|text| named(text))
                .collect::<Vec<_>>()
                .join(between),
            ("form", ..) => named(&join(",")),
            ("spaceDelimited", ..) => named(&join("%20")),
            ("pipeDelimited", ..) => named(&join("%7C")),
            ("deepObject", ..) => {
                let pairs = pairs("%5D=", "").into_iter();
                pairs
                    .map(|pair| format!("color%5B{pair}"))
                    .collect::<Vec<_>>()
                    .join("&")
            }
            other => panic!("{other:?}"),
        }
    }

    /// Returns the value that the service reads.
    fn read(&self, text: &str) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (line, fields) = match self.place {
            "path" => (format!("GET /{text}"), None),
            "query" => (format!("GET /?{text}"), None),
            "header" => ("GET /".to_owned(), Some(("color", text))),
            _ => ("GET /".to_owned(), Some(("cookie", text))),
        };
        let response = request(&self.service, &line)
            .headers(fields.as_slice())
            .send();
        runtime.block_on(response).json()
    }
}

#[test]
fn value_in_every_style_round_trips() {
    for way in ways() {
        let what = format!(
            "{} {} explode={} reserved={} {:?}",
            way.place, way.style, way.explode, way.reserved, way.shape
        );
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(100)
        };
        let values =
            values(way.shape).prop_filter("the style can't say it", |it| way.can_write(it));
        let result = TestRunner::new(config).run(&values, |value| {
            let text = way.write(&value);
            prop_assert_eq!(way.read(&text), value, "{}", text);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{what}: {error}");
        }
    }
}
