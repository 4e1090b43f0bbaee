//! Forms: named fields become the members of a JSON object, each what its property's schema asks for.
//!
//! A field is written as a query parameter would be, unless its property is an object, or the document says
//! `contentType: application/json`: then its text is JSON (OpenAPI 3.1, section 4.8.15).

use std::{collections::BTreeSet, sync::Arc};

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::{
    content::MediaType,
    fault::Code,
    node::{Kind, Node, escape},
    parameter::{
        MAX_PARTS, MAX_UNKNOWN, Members, Parameter, Shape, Sources, all_types, has, parts,
    },
    path::PathValues,
    place::Place,
    problem::{In, Violation},
    python::cut,
    schema::{Compiler, Schema},
};

/// The fields of a form.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Vec<Field>,
    /// What fields are that the document does not name, if it allows any.
    others: Option<Others>,
}

/// A property of the form's schema.
#[derive(Debug)]
struct Field {
    name: String,
    /// More than one if the parts of the schema (`oneOf`) say it differently.
    written: Vec<Written>,
    default: Option<Value>,
}

/// How a property is written.
#[derive(Debug)]
enum Written {
    Style(Parameter),
    /// As JSON; of an array each item may be a field of its own.
    Json {
        is_array: bool,
        may_be_text: bool,
        schema: Arc<Schema>,
    },
}

#[derive(Debug)]
enum Others {
    Text(Members),
    Json,
}

/// Why a field has no value.
#[derive(Clone, Copy, Debug)]
enum Unreadable {
    Json,
    Style,
}

/// What is wrong with the description of a form, and where.
pub(crate) type FormFault<'d> = (Code, Place<'d>, String);

impl Form {
    /// Compiles the form whose media type stands at `media`.
    pub(crate) fn compile<'d>(
        media: &Place<'d>,
        compiler: &Compiler<'_>,
    ) -> (Self, Vec<FormFault<'d>>) {
        let mut compile = Compile {
            media,
            compiler,
            faults: Vec::new(),
        };
        let form = compile.form();
        (form, compile.faults)
    }

    /// Reads the text of a form and checks it; what is wrong with it is added to `violations`. Fields that the
    /// document does not have are refused if `strict`.
    pub(crate) fn read(
        &self,
        text: &str,
        schema: Option<&Schema>,
        strict: bool,
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        let found_before = violations.len();
        let value = Value::Object(self.object(text, strict, violations));
        if let Some(schema) = schema
            && !schema.is_valid(&value)
        {
            let unreadable: Vec<_> = violations.iter().skip(found_before).collect();
            let mut faults = schema.body_violations(&value, &value.to_string());
            // A field that could not be read is not missing.
            faults.retain(|fault| !unreadable.iter().any(|one| one.name == fault.name));
            violations.extend(faults);
        }
        let Value::Object(mut object) = value else {
            return None;
        };
        for field in &self.fields {
            if let Some(default) = &field.default {
                object.entry(&field.name).or_insert_with(|| default.clone());
            }
        }
        Some(Value::Object(object))
    }

    fn object(
        &self,
        text: &str,
        strict: bool,
        violations: &mut Vec<Violation>,
    ) -> Map<String, Value> {
        let (path, headers) = (PathValues::new(), HeaderMap::new());
        let sources = Sources::new(&path, Some(text), &headers);
        let claimed = |name: &str| self.fields.iter().any(|field| field.claims(name));
        let mut object = Map::new();
        for field in &self.fields {
            match field.value(&sources, &claimed) {
                None => {}
                Some(Ok(value)) => {
                    object.insert(field.name.clone(), value);
                }
                Some(Err(why)) => violations.push(field.unreadable(why)),
            }
        }
        if self.fields.iter().any(Field::takes_others) {
            return object;
        }
        let mut unknown = BTreeSet::new();
        for (name, text) in sources.texts().filter(|(name, _)| !claimed(name)) {
            match &self.others {
                Some(others) => others.insert(&mut object, name, &text),
                None if strict => {
                    unknown.insert(name);
                }
                // Whether it may be there is for the schema to say.
                None => {
                    object.insert(name.to_owned(), text.into());
                }
            }
        }
        refuse(&unknown, violations);
        object
    }
}

/// Fields that the document does not have. The first violation names them all, as that of query parameters.
fn refuse(unknown: &BTreeSet<&str>, violations: &mut Vec<Violation>) {
    let all = unknown.iter().copied().collect::<Vec<_>>().join(", ");
    for (i, name) in unknown.iter().take(MAX_UNKNOWN).enumerate() {
        let told = if i == 0 { &all } else { *name };
        violations.push(Violation {
            location: In::Body,
            name: format!("/{}", escape(name)),
            keyword: "unknown".into(),
            detail: cut(format!("Extra formData parameter(s) {told} not in spec")),
        });
    }
}

impl Field {
    fn claims(&self, name: &str) -> bool {
        self.written.iter().any(|written| match written {
            Written::Style(parameter) => parameter.claims(name),
            Written::Json { .. } => self.name == name,
        })
    }

    /// Whether it takes the fields that no other claims.
    fn takes_others(&self) -> bool {
        let mut all = self.written.iter();
        all.any(|written| matches!(written, Written::Style(one) if one.takes_others()))
    }

    /// The value that is right, or else the first that it could be.
    fn value(
        &self,
        sources: &Sources<'_>,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<Result<Value, Unreadable>> {
        let mut first = None;
        for written in &self.written {
            let found = written.value(&self.name, sources, claimed);
            if let Some(Ok(value)) = &found
                && written.is_valid(value)
            {
                return found;
            }
            first = first.or(found);
        }
        first
    }

    fn unreadable(&self, why: Unreadable) -> Violation {
        let (keyword, wrong) = match why {
            Unreadable::Json => ("json", "Invalid JSON"),
            Unreadable::Style => ("style", "Wrong style"),
        };
        Violation {
            location: In::Body,
            name: format!("/{}", escape(&self.name)),
            keyword: keyword.into(),
            detail: format!("{wrong} - '{}'", self.name),
        }
    }
}

impl Written {
    fn value(
        &self,
        name: &str,
        sources: &Sources<'_>,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<Result<Value, Unreadable>> {
        let (is_array, may_be_text) = match self {
            Self::Style(parameter) => {
                let found = sources.property(parameter, claimed)?;
                return Some(found.map_err(|()| Unreadable::Style));
            }
            Self::Json {
                is_array,
                may_be_text,
                ..
            } => (*is_array, *may_be_text),
        };
        let texts = sources.texts().filter(|(known, _)| *known == name);
        let values = texts.map(|(_, text)| match serde_json::from_str(&text) {
            Ok(value) => Ok(value),
            Err(_) if may_be_text => Ok(Value::String(text.into_owned())),
            Err(_) => Err(Unreadable::Json),
        });
        let mut values = match values.collect::<Result<Vec<_>, _>>() {
            Ok(values) => values,
            Err(why) => return Some(Err(why)),
        };
        let is_whole = !is_array || matches!(&values[..], [Value::Array(_)]);
        match values.pop()? {
            last if is_whole => Some(Ok(last)),
            last => {
                values.push(last);
                Some(Ok(Value::Array(values)))
            }
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        match self {
            Self::Style(parameter) => parameter.is_valid(value),
            Self::Json { schema, .. } => schema.is_valid(value),
        }
    }
}

impl Others {
    fn insert(&self, object: &mut Map<String, Value>, name: &str, text: &str) {
        match self {
            Self::Text(members) => members.insert(object, name, text),
            Self::Json => {
                let value = serde_json::from_str(text);
                let value = value.unwrap_or_else(|_| Value::String(text.to_owned()));
                object.insert(name.to_owned(), value);
            }
        }
    }
}

struct Compile<'c, 'd, 'f> {
    media: &'c Place<'d>,
    compiler: &'c Compiler<'f>,
    faults: Vec<FormFault<'d>>,
}

impl<'d> Compile<'_, 'd, '_> {
    fn form(&mut self) -> Form {
        let mut names: Vec<&'d str> = Vec::new();
        let mut others = None;
        let schema = self.media.get("schema");
        let parts = schema.map_or_else(Vec::new, |schema| parts(&schema, MAX_PARTS));
        for part in &parts {
            for (name, _) in part.get("properties").iter().flat_map(Place::members) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let additional = part.get("additionalProperties");
            if let Some(additional) = additional.filter(|it| it.node.kind != Kind::Bool(false)) {
                others = Some(match Shape::flat(&additional) {
                    Some(shape) => Others::Text(Members::of_any_name(shape)),
                    None => Others::Json,
                });
            } else if part.get("patternProperties").is_some() {
                others.get_or_insert_with(any_text);
            }
        }
        // Whoever says nothing about the fields does not mean that there are none.
        if names.is_empty()
            && parts
                .iter()
                .all(|part| part.get("additionalProperties").is_none())
        {
            others.get_or_insert_with(any_text);
        }
        let encodings = self.media.get("encoding");
        for (name, place) in encodings.iter().flat_map(Place::members) {
            if !names.contains(&name) && others.is_none() {
                let message = format!("there is no property `{name}` that this could be about");
                self.faults.push((Code::MemberUnknown, place, message));
            }
        }
        let fields = names.into_iter();
        Form {
            fields: fields.map(|name| self.field(name, &parts)).collect(),
            others,
        }
    }

    fn field(&mut self, name: &str, parts: &[Place<'d>]) -> Field {
        let encoding = self.media.get("encoding").and_then(|all| all.get(name));
        let properties = parts.iter().filter_map(|part| part.get("properties"));
        let mut field = Field {
            name: name.to_owned(),
            written: Vec::new(),
            default: None,
        };
        let mut seen = Vec::new();
        for properties in properties {
            let (Some(property), Some(place)) = (properties.get(name), properties.schema(name))
            else {
                continue;
            };
            if seen.contains(&place.pointer) {
                continue;
            }
            seen.push(place.pointer.clone());
            // That a schema can't be used is reported with that of the form.
            let Ok(schema) = self.compiler.compile(&place.pointer) else {
                continue;
            };
            let default = place.node.get("default").or(property.node.get("default"));
            if let Some(default) = default.map(Value::from) {
                if !schema.is_valid(&default) {
                    let message = format!("the default of the property `{name}` breaks its schema");
                    self.faults
                        .push((Code::ParameterInvalid, place.clone(), message));
                }
                field.default.get_or_insert(default);
            }
            match written(name, encoding.as_ref(), &property, schema) {
                Ok(written) => field.written.push(written),
                Err(message) => {
                    let place = encoding.clone().unwrap_or(place);
                    self.faults.push((Code::Unsupported, place, message));
                }
            }
        }
        field
    }
}

fn any_text() -> Others {
    Others::Text(Members::of_any_name(Shape::Single(Vec::new())))
}

/// How a property is written.
fn written(
    name: &str,
    encoding: Option<&Place<'_>>,
    property: &Place<'_>,
    schema: Arc<Schema>,
) -> Result<Written, String> {
    let types = all_types(property);
    let is_array = has(&types, "array");
    let media_types = encoding.map_or(Vec::new(), content_types);
    let is_json = media_types.iter().any(MediaType::is_json);
    let has_style = ["style", "explode"]
        .iter()
        .any(|key| encoding.is_some_and(|encoding| encoding.node.get(key).is_some()));
    // Neither objects nor arrays of them are a text.
    let is_text = Shape::flat(property).is_some();
    if is_json || !is_text && !has_style {
        if !is_json && !media_types.is_empty() {
            return Err(format!(
                "the property `{name}` is an object or holds objects; write `contentType: application/json`"
            ));
        }
        return Ok(Written::Json {
            is_array,
            may_be_text: has(&types, "string") && !is_json,
            schema,
        });
    }
    if Shape::of(property).is_none() {
        return Err(format!(
            "the property `{name}` holds objects or arrays within one another, which no style can \
             write; write `contentType: application/json`"
        ));
    }
    Parameter::of_form(name, encoding, property, schema).map(Written::Style)
}

/// The media types that an encoding allows.
fn content_types(encoding: &Place<'_>) -> Vec<MediaType> {
    let text = encoding.node.get("contentType").and_then(Node::as_str);
    let types = text.unwrap_or_default().split(',');
    types
        .filter(|text| !text.trim().is_empty())
        .map(MediaType::parse)
        .collect()
}
