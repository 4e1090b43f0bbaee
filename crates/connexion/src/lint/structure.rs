//! What may stand where in a document (OpenAPI 3.1, section 4.8), and whether it does.
//!
//! A member that nobody reads is a fault, not a trifle: a misspelt `requestbody` would otherwise mean that
//! bodies are not checked. So is what this library does not do yet, security above all. Swagger 2.0 is
//! looked at after lowering, so there is one table for all versions.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{
    diagnostics::{Code, Fault},
    document::{
        Document, MAX_REFERENCES, Version, decoded,
        files::{self as sources, Broken},
        node::{Kind, Node, Position, push, unescape},
        object::{Part, Rule, is_remark_in_3_2},
        server,
    },
    operation::media_type::MediaType,
    schema::{Sample, is_format},
};

/// What a look at the whole document found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Members that are unknown, of the wrong kind or not supported, and references that lead nowhere.
    pub(crate) faults: Vec<Fault>,
    /// JSON Pointers of all schemas that are not part of another.
    pub(crate) schemas: Vec<String>,
    pub(crate) samples: Vec<Sample>,
    /// Formats that the library does not know, and where they stand.
    pub(crate) formats: Vec<(Position, String)>,
}

impl Survey {
    pub(crate) fn of(document: &Document) -> Self {
        let mut walk = Walk {
            document,
            survey: Self::default(),
            pointer: String::new(),
            places: HashMap::new(),
            references: Vec::new(),
            away: HashSet::new(),
            is_away: false,
        };
        walk.part(&document.root, Part::Document);
        walk.references();
        walk.survey
    }
}

struct Walk<'d> {
    document: &'d Document,
    survey: Survey,
    /// Where the walk is.
    pointer: String,
    /// What stands at each pointer; a reference must lead to something of the right kind.
    places: HashMap<String, Part>,
    references: Vec<(Position, &'d str, Part)>,
    /// References from where requests do not come to this service.
    away: HashSet<Position>,
    /// Whether the part in another file that the walk is in was reached from one of these.
    is_away: bool,
}

impl<'d> Walk<'d> {
    fn part(&mut self, node: &'d Node, part: Part) {
        self.places.insert(self.pointer.clone(), part);
        let members = match &node.kind {
            Kind::Object(members) => members,
            Kind::Bool(_) if part == Part::Schema => return,
            _ => {
                return self.fault(
                    Code::MemberInvalid,
                    node.at,
                    format!("{} must be an object", part.name()),
                );
            }
        };
        if let Some(reference) = members.get("$ref").filter(|_| part.may_be_reference()) {
            self.reference(node, reference, part);
            if part != Part::Schema || !self.document.version.refs_have_siblings() {
                return;
            }
        }
        for (key, member) in members {
            self.version(part, key, member);
            if matches!(part, Part::Document | Part::Schema) {
                self.dialect(key, member);
            }
            match part.rule(key) {
                Some(rule) => self.below(key, |walk| walk.member(key, member, rule)),
                None if part == Part::Schema || key.starts_with("x-") => {}
                None if self.is_3_2() && part.has_in_3_2(key) => {
                    if !is_remark_in_3_2(key) {
                        self.passed_over(key, member.at);
                    }
                }
                None => {
                    let message = format!("{} has no member `{key}`", part.name());
                    self.fault(Code::MemberUnknown, member.at, message);
                }
            }
        }
        match part {
            Part::Schema => {
                self.format(node);
                self.discriminator(node);
                self.schema_samples(node);
            }
            Part::Media | Part::Parameter | Part::Header => self.samples(node, part),
            Part::Server => self.server(node),
            _ => {}
        }
        if self.is_3_2() && part == Part::Parameter {
            self.new_parameter(node);
        }
    }

    fn reference(&mut self, holder: &'d Node, reference: &'d Node, part: Part) {
        match reference.as_str() {
            Some(text) => {
                if self.is_away() {
                    self.away.insert(reference.at);
                }
                self.references.push((reference.at, text, part));
            }
            None => self.fault(Code::MemberInvalid, reference.at, "`$ref` must be a text"),
        }
        if part != Part::Schema {
            self.siblings(holder);
        }
    }

    /// Schemas are read in one dialect, whatever they say of theirs.
    fn dialect(&mut self, key: &str, member: &Node) {
        const KNOWN: [&str; 4] = [
            "https://spec.openapis.org/oas/3.1/dialect/base",
            "https://spec.openapis.org/oas/3.2/dialect/base",
            "https://spec.openapis.org/oas/3.1/dialect/2024-11-10",
            "https://json-schema.org/draft/2020-12/schema",
        ];
        let name = member.as_str().map(|name| name.trim_end_matches('#'));
        if matches!(key, "$schema" | "jsonSchemaDialect")
            && !name.is_some_and(|name| KNOWN.contains(&name))
        {
            let message = format!(
                "the dialect that `{key}` names is not known; schemas are read as JSON Schema 2020-12"
            );
            self.fault(Code::NotUnderstood, member.at, message);
        }
    }

    /// What is read in any version, but does not belong to the document's own.
    fn version(&mut self, part: Part, key: &str, member: &Node) {
        let is_old = self.document.version < Version::OpenApi31;
        let is_flag = matches!(member.kind, Kind::Bool(_));
        let is_list = matches!(member.kind, Kind::Array(_));
        let instead = match (part, key) {
            (Part::Schema, "nullable") if !is_old => "write `type: […, 'null']`",
            (Part::Schema, "exclusiveMinimum" | "exclusiveMaximum") if !is_old && is_flag => {
                "write the bound itself"
            }
            (Part::Schema, "exclusiveMinimum" | "exclusiveMaximum") if is_old && !is_flag => {
                "write `true`, and the bound under `minimum` or `maximum`"
            }
            (Part::Schema, "type") if is_old && is_list => "write `nullable: true` or `anyOf`",
            _ if is_old && part.has_since_3_1(key) => "say `openapi: 3.1.0`, or leave it out",
            _ => return,
        };
        let message = format!("`{key}` is not of this version of OpenAPI; {instead}");
        self.fault(Code::OtherVersion, member.at, message);
    }

    fn is_3_2(&self) -> bool {
        self.document.version == Version::OpenApi32
    }

    fn passed_over(&mut self, key: &str, at: Position) {
        let message =
            format!("`{key}` is new in OpenAPI 3.2 and not understood; it is passed over");
        self.fault(Code::NotUnderstood, at, message);
    }

    /// What a parameter can't say before OpenAPI 3.2.
    fn new_parameter(&mut self, node: &Node) {
        let is = |key, value| node.get(key).filter(|node| node.as_str() == Some(value));
        if let Some(place) = is("in", "querystring") {
            let message = "`in: querystring` is new in OpenAPI 3.2 and not understood; the parameter is passed over, \
                           and a query is refused unless `Api::strict_parameters` is off";
            self.fault(Code::NotUnderstood, place.at, message);
        }
        if let Some(style) = is("style", "cookie") {
            let message =
                "`style: cookie` is new in OpenAPI 3.2 and not understood; it is read as `form`";
            self.fault(Code::NotUnderstood, style.at, message);
        }
    }

    fn member(&mut self, key: &str, node: &'d Node, rule: Rule) {
        match (rule, &node.kind) {
            (Rule::Any, _) | (Rule::Text, Kind::String(_)) | (Rule::Flag, Kind::Bool(_)) => {}
            (Rule::Text, _) => self.fault(
                Code::MemberInvalid,
                node.at,
                format!("`{key}` must be a text"),
            ),
            (Rule::Refused, _) => {
                self.fault(
                    Code::Unsupported,
                    node.at,
                    format!("`{key}` is not supported"),
                );
            }
            (Rule::Flag, _) => {
                self.fault(
                    Code::MemberInvalid,
                    node.at,
                    format!("`{key}` must be true or false"),
                );
            }
            (Rule::One(part), _) => self.outer(node, part),
            (Rule::List(part), Kind::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    self.below(&i.to_string(), |walk| walk.outer(item, part));
                }
            }
            (Rule::List(_), _) => {
                self.fault(
                    Code::MemberInvalid,
                    node.at,
                    format!("`{key}` must be a list"),
                );
            }
            (Rule::Map(part), Kind::Object(members)) => {
                for (name, member) in members {
                    self.below(name, |walk| walk.outer(member, part));
                }
            }
            (Rule::Map(_), _) => self.fault(
                Code::MemberInvalid,
                node.at,
                format!("`{key}` must be an object"),
            ),
        }
    }

    /// A part that may be a schema which no other schema holds.
    fn outer(&mut self, node: &'d Node, part: Part) {
        let parent = self
            .pointer
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent);
        // The keyword between, such as `properties`, is no part itself.
        let holder = parent.rsplit_once('/').map_or("", |(holder, _)| holder);
        let is_held = [parent, holder]
            .iter()
            .any(|pointer| self.places.get(*pointer) == Some(&Part::Schema));
        if part == Part::Schema && !is_held {
            self.survey.schemas.push(self.pointer.clone());
        }
        self.part(node, part);
    }

    fn below(&mut self, key: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        push(&mut self.pointer, key);
        visit(self);
        self.pointer.truncate(length);
    }

    /// Whoever reads a reference reads what it leads to, and nothing beside it.
    fn siblings(&mut self, node: &Node) {
        for (key, member) in node.members() {
            if !matches!(key, "$ref" | "summary" | "description") && !key.starts_with("x-") {
                let message = format!("`{key}` has no meaning beside a `$ref`");
                self.fault(Code::ReferenceSibling, member.at, message);
            }
        }
    }

    /// The member that names an object's schema, and where its values lead. In Swagger 2.0 it is but a name.
    fn discriminator(&mut self, schema: &'d Node) {
        let Some(discriminator) = schema.get("discriminator") else {
            return;
        };
        if self.document.version == Version::Swagger2 {
            if discriminator.as_str().is_none() {
                let message = "`discriminator` must be a text";
                self.fault(Code::MemberInvalid, discriminator.at, message);
            }
            return;
        }
        if discriminator.as_object().is_none() {
            let message = "`discriminator` must be an object";
            return self.fault(Code::MemberInvalid, discriminator.at, message);
        }
        if discriminator.get("propertyName").is_none() {
            let message = "the `discriminator` has no `propertyName`";
            self.fault(Code::MemberMissing, discriminator.at, message);
        }
        for (key, member) in discriminator.members() {
            match (key, &member.kind) {
                ("propertyName", Kind::String(_)) => {}
                ("propertyName", _) => {
                    let message = "`propertyName` must be a text";
                    self.fault(Code::MemberInvalid, member.at, message);
                }
                ("mapping", Kind::Object(_)) => member.members().for_each(|(_, target)| {
                    self.mapping(target);
                }),
                ("mapping", _) => {
                    let message = "`mapping` must be an object";
                    self.fault(Code::MemberInvalid, member.at, message);
                }
                _ if key.starts_with("x-") => {}
                _ => {
                    let message = format!("a discriminator has no member `{key}`");
                    self.fault(Code::MemberUnknown, member.at, message);
                }
            }
        }
    }

    /// What a value of the discriminator stands for: the name of a schema, or a reference.
    fn mapping(&mut self, target: &'d Node) {
        let Some(text) = target.as_str() else {
            return self.fault(
                Code::MemberInvalid,
                target.at,
                "a value of `mapping` must be a text",
            );
        };
        let named = self.document.root.get("components");
        let named = named.and_then(|components| components.get("schemas"));
        if named.is_some_and(|schemas| schemas.get(text).is_some()) {
            return;
        }
        if text.contains(['#', '/', '.']) {
            self.references.push((target.at, text, Part::Schema));
        } else {
            self.fault(
                Code::ReferenceUnresolvable,
                target.at,
                format!("there is no schema `{text}`"),
            );
        }
    }

    fn format(&mut self, schema: &Node) {
        if let Some(node) = schema.get("format")
            && let Some(name) = node.as_str()
            && !is_format(name)
        {
            self.survey.formats.push((node.at, name.to_owned()));
        }
    }

    fn schema_samples(&mut self, schema: &Node) {
        let parent = self.pointer.rsplit_once('/').map(|(parent, _)| parent);
        // The default of a parameter is looked at when that is compiled, with what stands behind a reference.
        let is_parameter =
            parent.is_some_and(|parent| self.places.get(parent) == Some(&Part::Parameter));
        let pointer = self.pointer.clone();
        if let Some(default) = schema.get("default").filter(|_| !is_parameter) {
            self.sample(&pointer, "default", default);
        }
        if let Some(example) = schema.get("example") {
            self.sample(&pointer, "example", example);
        }
        for example in schema.get("examples").map_or(&[][..], Node::items) {
            self.sample(&pointer, "examples", example);
        }
    }

    /// The examples beside a schema. In a body that is not JSON they are texts, whatever the schema says.
    fn samples(&mut self, node: &Node, part: Part) {
        let name = self.pointer.rsplit_once('/').map(|(_, name)| name);
        let is_json = || MediaType::parse(&unescape(name.unwrap_or_default())).is_json();
        if node.get("schema").is_none() || part == Part::Media && !is_json() {
            return;
        }
        let pointer = format!("{}/schema", self.pointer);
        if let Some(example) = node.get("example") {
            self.sample(&pointer, "example", example);
        }
        let examples = node.get("examples");
        for (_, example) in examples.into_iter().flat_map(Node::members) {
            let reference = example.get("$ref").and_then(Node::as_str);
            let target = reference.and_then(|reference| self.document.target(reference).ok());
            if let Some(value) = target.unwrap_or(example).get("value") {
                self.sample(&pointer, "examples", value);
            }
        }
    }

    fn sample(&mut self, schema: &str, keyword: &'static str, node: &Node) {
        self.survey.samples.push(Sample {
            schema: schema.to_owned(),
            keyword,
            at: node.at,
            value: Value::from(node),
        });
    }

    /// What stands before each path is that of its servers; those of requests that go to the client may be anywhere.
    fn server(&mut self, server: &Node) {
        let at = server.get("url").map_or(server.at, |url| url.at);
        if let Err(message) = server::path(server)
            && !self.is_away()
        {
            self.fault(Code::MemberInvalid, at, message);
        }
    }

    /// Whether the walk is where requests go to the client.
    fn is_away(&self) -> bool {
        self.is_away
            || self.pointer.starts_with("/webhooks/")
            || self.pointer.contains("/callbacks/")
    }

    /// What stands in another file is looked at where a reference leads to it, as what the reference expects.
    fn elsewhere(&mut self, at: Position, reference: &str, part: Part) {
        let pointer = decoded(reference);
        if !sources::is_elsewhere(&pointer) || self.places.contains_key(&*pointer) {
            return;
        }
        if let Ok(target) = self.document.target(reference) {
            if part == Part::Schema {
                self.survey.schemas.push(pointer.clone().into_owned());
            }
            self.pointer = pointer.into_owned();
            self.is_away = self.away.contains(&at);
            self.part(target, part);
        }
    }

    fn references(&mut self) {
        while let Some((at, reference, part)) = self.references.pop() {
            self.elsewhere(at, reference, part);
            let document = self.document;
            let written = document.written_at(at, reference);
            match self.document.target_of(at, reference) {
                Err(Broken::Because(message)) => {
                    self.fault(Code::ReferenceUnresolvable, at, message);
                }
                Ok(_) if self.places.get(&*decoded(reference)) != Some(&part) => {
                    self.fault(
                        Code::ReferenceMismatch,
                        at,
                        format!("`{written}` is not {}", part.name()),
                    );
                }
                Ok(target) if self.is_endless(target) => {
                    self.fault(
                        Code::ReferenceEndless,
                        at,
                        format!("`{written}` leads back to itself"),
                    );
                }
                Ok(_) | Err(Broken::Told) => {}
            }
        }
    }

    fn is_endless(&self, mut node: &'d Node) -> bool {
        for _ in 0..MAX_REFERENCES {
            let reference = node.get("$ref").and_then(Node::as_str);
            match reference.and_then(|reference| self.document.target(reference).ok()) {
                Some(target) => node = target,
                None => return false,
            }
        }
        true
    }

    fn fault(&mut self, code: Code, at: Position, message: impl Into<String>) {
        self.survey
            .faults
            .push(self.document.fault(code, at, message));
    }
}
