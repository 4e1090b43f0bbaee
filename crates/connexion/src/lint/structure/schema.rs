//! What a schema says beside its rules: its dialect, discriminator, format and samples.

use std::collections::HashSet;

use super::{DiagnosticCode, Kind, Node, Part, Sample, Value, Version, Walk, is_format};
use crate::{
    document::{
        files as sources,
        node::{push, unescape},
    },
    operation::media_type::MediaType,
};

impl<'d> Walk<'d> {
    /// Schemas are read in one dialect, whatever they say of theirs.
    pub(super) fn dialect(&mut self, key: &str, member: &Node) {
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
            self.fault(DiagnosticCode::NotUnderstood, member.at, message);
        }
    }

    /// The member that names an object's schema, and where its values lead. In Swagger 2.0 it is but a name.
    pub(super) fn discriminator(&mut self, schema: &'d Node) {
        let Some(discriminator) = schema.get("discriminator") else {
            return;
        };
        if self.document.version == Version::Swagger2 {
            if discriminator.as_str().is_none() {
                let message = "`discriminator` must be a text";
                self.fault(DiagnosticCode::MemberInvalid, discriminator.at, message);
            }
            return self.kin();
        }
        self.kin();
        if discriminator.as_object().is_none() {
            let message = "`discriminator` must be an object";
            return self.fault(DiagnosticCode::MemberInvalid, discriminator.at, message);
        }
        if discriminator.get("propertyName").is_none() {
            let message = "the `discriminator` has no `propertyName`";
            self.fault(DiagnosticCode::MemberMissing, discriminator.at, message);
        }
        for (key, member) in discriminator.members() {
            match (key, &member.kind) {
                ("propertyName", Kind::String(_)) => {}
                ("propertyName", _) => {
                    let message = "`propertyName` must be a text";
                    self.fault(DiagnosticCode::MemberInvalid, member.at, message);
                }
                ("mapping", Kind::Object(_)) => member.members().for_each(|(_, target)| {
                    self.mapping(target);
                }),
                ("mapping", _) => {
                    let message = "`mapping` must be an object";
                    self.fault(DiagnosticCode::MemberInvalid, member.at, message);
                }
                ("defaultMapping", Kind::String(_)) => self.default_mapping(member),
                _ if key.starts_with("x-") => {}
                _ => {
                    let message = format!("a discriminator has no member `{key}`");
                    self.fault(DiagnosticCode::MemberUnknown, member.at, message);
                }
            }
        }
    }

    /// The schema that is meant where no value names one (OpenAPI 3.2.0, section 4.25).
    fn default_mapping(&mut self, target: &'d Node) {
        if self.document.version < Version::OpenApi32 {
            let message = "`defaultMapping` is not of this version of OpenAPI; say `openapi: 3.2.0`, or leave it out";
            self.fault(DiagnosticCode::OtherVersion, target.at, message);
        }
        self.mapping(target);
    }

    /// What a value of the discriminator stands for: the name of a schema, or a reference.
    fn mapping(&mut self, target: &'d Node) {
        let Some(text) = target.as_str() else {
            return self.fault(
                DiagnosticCode::MemberInvalid,
                target.at,
                "a value of `mapping` must be a text",
            );
        };
        let schemas = self.document.root.at_pointer("/components/schemas");
        if schemas.is_some_and(|schemas| schemas.get(text).is_some()) {
            return;
        }
        // In another file a name may be that of a schema beside this one.
        let holder = sources::owner(&self.pointer).rsplit_once('/');
        let beside = holder.and_then(|(holder, _)| self.document.root.at_pointer(holder));
        if let (Some((holder, _)), true) = (holder, beside.is_some_and(|it| it.get(text).is_some()))
        {
            let mut pointer = holder.to_owned();
            push(&mut pointer, text);
            return self.kin.push(pointer);
        }
        if text.contains(['#', '/', '.']) {
            self.references.push((target.at, text, Part::Schema));
        } else {
            self.fault(
                DiagnosticCode::ReferenceUnresolvable,
                target.at,
                format!("there is no schema `{text}`"),
            );
        }
    }

    pub(super) fn format(&mut self, schema: &Node) {
        if let Some(node) = schema.get("format")
            && let Some(name) = node.as_str()
            && !is_format(name)
        {
            self.survey.formats.push((node.at, name.to_owned()));
        }
    }

    pub(super) fn schema_samples(&mut self, schema: &Node) {
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
    pub(super) fn samples(&mut self, node: &Node, part: Part) {
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

    /// A list of schemas under `items`, as JSON Schema had it before 2020-12: one for each item, by its place.
    pub(super) fn tuple(&mut self, node: &'d Node, items: &'d [Node]) {
        let message = "a list under `items` is not of this version of OpenAPI; write `prefixItems` (OpenAPI 3.1) or one \
                       schema for all items";
        self.fault(DiagnosticCode::OtherVersion, node.at, message);
        for (i, item) in items.iter().enumerate() {
            self.below(&i.to_string(), |walk| walk.outer(item, Part::Schema));
        }
    }

    /// What is valid, or nearly so, but says nothing.
    pub(super) fn without_effect(&mut self, schema: &Node) {
        self.repeated("required", schema.get("required"));
        self.repeated("type", schema.get("type"));
        let dependent = schema.get("dependentRequired");
        for (_, names) in dependent.into_iter().flat_map(Node::members) {
            self.repeated("dependentRequired", Some(names));
        }
        if let Some(examples) = schema.get("examples").filter(|it| it.as_object().is_some()) {
            let message = "the `examples` of a schema are a list; an object is not read";
            self.fault(DiagnosticCode::NotChecked, examples.at, message);
        }
        self.nullable(schema);
    }

    fn repeated(&mut self, keyword: &str, names: Option<&Node>) {
        let mut seen = HashSet::new();
        for node in names.map_or(&[][..], Node::items) {
            if let Some(name) = node.as_str().filter(|name| !seen.insert(*name)) {
                let message = format!("`{name}` stands twice in `{keyword}`");
                self.fault(DiagnosticCode::WithoutEffect, node.at, message);
            }
        }
    }

    /// Only `type` of the same schema is changed by `nullable` (OpenAPI 3.0.3, section 4.7.24.1; its clarification in proposal
    /// 003): it has no effect without, and none on what `enum` lists. Many authors mean the other.
    fn nullable(&mut self, schema: &Node) {
        const OTHERS: [&str; 4] = ["allOf", "anyOf", "oneOf", "enum"];
        let keys: &[&str] = match self.document.version {
            Version::Swagger2 => &["x-nullable"],
            Version::OpenApi30 => &["nullable"],
            _ => return,
        };
        let mut known = keys.iter().filter_map(|key| Some((key, schema.get(key)?)));
        let Some((key, node)) = known.find(|(_, node)| node.as_bool() == Some(true)) else {
            return;
        };
        let options = schema.get("enum").map(Node::items);
        let lists_null = |all: &[Node]| all.iter().any(|one| matches!(one.kind, Kind::Null));
        let has_type = schema.get("type").is_some();
        let message = if !has_type && OTHERS.iter().any(|other| schema.get(other).is_some()) {
            format!("`{key}` has no effect without a `type` beside it: null is not allowed by it")
        } else if *key == "nullable" && options.is_some_and(|options| !lists_null(options)) {
            format!("`{key}` has no effect here: null is not allowed unless the `enum` lists it")
        } else {
            return;
        };
        self.fault(DiagnosticCode::WithoutEffect, node.at, message);
    }

    /// Schemas beside a base, of which no reference may tell: they are its children if they have it in their `allOf`, or
    /// a child of it.
    fn kin(&mut self) {
        let owner = sources::owner(&self.pointer);
        if !sources::is_elsewhere(owner) {
            return;
        }
        let root = &self.document.root;
        let Some((holder, _)) = owner.rsplit_once('/') else {
            return;
        };
        let beside = root.at_pointer(holder).into_iter().flat_map(Node::members);
        for (name, _) in beside.filter(|(_, schema)| schema.get("allOf").is_some()) {
            let mut pointer = holder.to_owned();
            push(&mut pointer, name);
            self.kin.push(pointer);
        }
    }
}
