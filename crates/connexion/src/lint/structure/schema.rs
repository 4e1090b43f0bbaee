//! Annotations of schemas: dialect, discriminator, format, defaults and examples.

use std::collections::HashSet;

use super::{
    DiagnosticCode, Kind, Node, ObjectKind, Sample, StructureWalker, Value, Version, is_format,
};
use crate::{
    document::{
        files::{is_elsewhere, owner},
        node::{push, unescape},
    },
    operation::media_type::MediaType,
};

impl<'d> StructureWalker<'d> {
    /// Reports unknown dialects. All schemas are read in the same dialect.
    pub(super) fn check_dialect(&mut self, key: &str, member: &Node) {
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
                "the dialect of `{key}` is unknown; schemas are read as JSON Schema 2020-12"
            );
            self.report(DiagnosticCode::NotUnderstood, member.at, message);
        }
    }

    /// Checks a discriminator. In Swagger 2.0 it is only the name of a property.
    pub(super) fn check_discriminator(&mut self, schema: &'d Node) {
        let Some(discriminator) = schema.get("discriminator") else {
            return;
        };
        if self.document.version == Version::Swagger2 {
            if discriminator.as_str().is_none() {
                let message = "`discriminator` must be a string";
                self.report(DiagnosticCode::MemberInvalid, discriminator.at, message);
            }
            return self.collect_possible_children();
        }
        self.collect_possible_children();
        if discriminator.as_object().is_none() {
            let message = "`discriminator` must be an object";
            return self.report(DiagnosticCode::MemberInvalid, discriminator.at, message);
        }
        if discriminator.get("propertyName").is_none() {
            let message = "the `discriminator` has no `propertyName`";
            self.report(DiagnosticCode::MemberMissing, discriminator.at, message);
        }
        for (key, member) in discriminator.members() {
            match (key, &member.kind) {
                ("propertyName", Kind::String(_)) => {}
                ("propertyName", _) => {
                    let message = "`propertyName` must be a string";
                    self.report(DiagnosticCode::MemberInvalid, member.at, message);
                }
                ("mapping", Kind::Object(_)) => member.members().for_each(|(_, target)| {
                    self.check_mapping(target);
                }),
                ("mapping", _) => {
                    let message = "`mapping` must be an object";
                    self.report(DiagnosticCode::MemberInvalid, member.at, message);
                }
                ("defaultMapping", Kind::String(_)) => self.check_default_mapping(member),
                _ if key.starts_with("x-") => {}
                _ => {
                    let message = format!("a discriminator has no field `{key}`");
                    self.report(DiagnosticCode::MemberUnknown, member.at, message);
                }
            }
        }
    }

    /// Checks the schema of values without a discriminator (OpenAPI 3.2.0, section 4.25).
    fn check_default_mapping(&mut self, target: &'d Node) {
        if self.document.version < Version::OpenApi32 {
            let message = "`defaultMapping` does not belong to this version of OpenAPI; declare `openapi: 3.2.0` or remove it";
            self.report(DiagnosticCode::OtherVersion, target.at, message);
        }
        self.check_mapping(target);
    }

    /// Checks a value of `mapping`: the name of a schema, or a reference.
    fn check_mapping(&mut self, target: &'d Node) {
        let Some(text) = target.as_str() else {
            return self.report(
                DiagnosticCode::MemberInvalid,
                target.at,
                "a value of `mapping` must be a string",
            );
        };
        let schemas = self.document.root.at_pointer("/components/schemas");
        if schemas.is_some_and(|schemas| schemas.get(text).is_some()) {
            return;
        }
        // In another file, a name may refer to a sibling schema.
        let holder = owner(&self.pointer).rsplit_once('/');
        let siblings = holder.and_then(|(holder, _)| self.document.root.at_pointer(holder));
        if let (Some((holder, _)), true) =
            (holder, siblings.is_some_and(|it| it.get(text).is_some()))
        {
            let mut pointer = holder.to_owned();
            push(&mut pointer, text);
            return self.possible_children.push(pointer);
        }
        if text.contains(['#', '/', '.']) {
            self.references.push((target.at, text, ObjectKind::Schema));
        } else {
            self.report(
                DiagnosticCode::ReferenceUnresolvable,
                target.at,
                format!("there is no schema `{text}`"),
            );
        }
    }

    /// Collects a format that the library does not know.
    pub(super) fn collect_format(&mut self, schema: &Node) {
        if let Some(node) = schema.get("format")
            && let Some(name) = node.as_str()
            && !is_format(name)
        {
            self.findings.formats.push((node.at, name.to_owned()));
        }
    }

    /// Collects the defaults and examples in a schema.
    pub(super) fn collect_schema_samples(&mut self, schema: &Node) {
        let parent = self.pointer.rsplit_once('/').map(|(parent, _)| parent);
        // The default of a parameter, which may be behind a reference, is checked when the parameter is compiled.
        let is_parameter =
            parent.is_some_and(|parent| self.kinds.get(parent) == Some(&ObjectKind::Parameter));
        let pointer = self.pointer.clone();
        if let Some(default) = schema.get("default").filter(|_| !is_parameter) {
            self.add_sample(&pointer, "default", default);
        }
        if let Some(example) = schema.get("example") {
            self.add_sample(&pointer, "example", example);
        }
        for example in schema.get("examples").map_or(&[][..], Node::items) {
            self.add_sample(&pointer, "examples", example);
        }
    }

    /// Collects the examples beside a schema. Those of a body that is not JSON are strings and do not match the schema.
    pub(super) fn collect_samples(&mut self, node: &Node, kind: ObjectKind) {
        let name = self.pointer.rsplit_once('/').map(|(_, name)| name);
        let is_json = || MediaType::parse(&unescape(name.unwrap_or_default())).is_json();
        if node.get("schema").is_none() || kind == ObjectKind::Media && !is_json() {
            return;
        }
        let pointer = format!("{}/schema", self.pointer);
        if let Some(example) = node.get("example") {
            self.add_sample(&pointer, "example", example);
        }
        let examples = node.get("examples");
        for (_, example) in examples.into_iter().flat_map(Node::members) {
            let reference = example.get("$ref").and_then(Node::as_str);
            let target = reference.and_then(|reference| self.document.target(reference).ok());
            if let Some(value) = target.unwrap_or(example).get("value") {
                self.add_sample(&pointer, "examples", value);
            }
        }
    }

    fn add_sample(&mut self, schema: &str, keyword: &'static str, node: &Node) {
        self.findings.samples.push(Sample {
            schema: schema.to_owned(),
            keyword,
            at: node.at,
            value: Value::from(node),
        });
    }

    /// Checks a list of schemas under `items`, which JSON Schema had before 2020-12: one for each item, by its index.
    pub(super) fn check_tuple(&mut self, node: &'d Node, items: &'d [Node]) {
        let message = "a list under `items` does not belong to this version of OpenAPI; write `prefixItems` (OpenAPI 3.1) or one \
                       schema for all items";
        self.report(DiagnosticCode::OtherVersion, node.at, message);
        for (i, item) in items.iter().enumerate() {
            self.below(&i.to_string(), |walker| {
                walker.check_object_or_schema(item, ObjectKind::Schema);
            });
        }
    }

    /// Reports keywords that are valid, or nearly so, but have no effect.
    pub(super) fn report_without_effect(&mut self, schema: &Node) {
        self.report_repeated("required", schema.get("required"));
        self.report_repeated("type", schema.get("type"));
        let dependent = schema.get("dependentRequired");
        for (_, names) in dependent.into_iter().flat_map(Node::members) {
            self.report_repeated("dependentRequired", Some(names));
        }
        if let Some(examples) = schema.get("examples").filter(|it| it.as_object().is_some()) {
            let message = "the `examples` of a schema must be a list; an object is ignored";
            self.report(DiagnosticCode::NotChecked, examples.at, message);
        }
        self.check_nullable(schema);
    }

    fn report_repeated(&mut self, keyword: &str, names: Option<&Node>) {
        let mut seen = HashSet::new();
        for node in names.map_or(&[][..], Node::items) {
            if let Some(name) = node.as_str().filter(|name| !seen.insert(*name)) {
                let message = format!("`{name}` is listed twice in `{keyword}`");
                self.report(DiagnosticCode::WithoutEffect, node.at, message);
            }
        }
    }

    /// Reports a `nullable` without effect. It changes only the `type` of the same schema (OpenAPI 3.0.3, section 4.7.24.1;
    /// clarified in proposal 003): it has no effect without a `type`, and none on `enum`. Many authors expect otherwise.
    fn check_nullable(&mut self, schema: &Node) {
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
        self.report(DiagnosticCode::WithoutEffect, node.at, message);
    }

    /// Collects the siblings of a schema with a discriminator that have an `allOf` and may extend it. A document need not
    /// refer to them.
    fn collect_possible_children(&mut self) {
        let owner = owner(&self.pointer);
        if !is_elsewhere(owner) {
            return;
        }
        let root = &self.document.root;
        let Some((holder, _)) = owner.rsplit_once('/') else {
            return;
        };
        let siblings = root.at_pointer(holder).into_iter().flat_map(Node::members);
        for (name, _) in siblings.filter(|(_, schema)| schema.get("allOf").is_some()) {
            let mut pointer = holder.to_owned();
            push(&mut pointer, name);
            self.possible_children.push(pointer);
        }
    }
}
