//! Swagger 2.0, lowered to the model of OpenAPI 3.1 once at load; nothing after this knows 2.0.
//!
//! Every new node stands where the one it was made from stood, so faults point at what the author wrote.
//! What has no counterpart or is not supported stays as it is and is reported by whoever meets it. `host` and `schemes` are dropped: where a service is reached is not its own business.

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::document::{
    MAX_REFERENCES, decoded, files as sources,
    node::{Kind, Node, Position},
};

/// Where the reusable parts went.
const MOVED: [(&str, &str); 4] = [
    ("#/definitions/", "#/components/schemas/"),
    ("#/parameters/", "#/components/parameters/"),
    ("#/responses/", "#/components/responses/"),
    ("#/securityDefinitions/", "#/components/securitySchemes/"),
];

/// Members of a parameter or header that are about it, not about its value.
const ABOUT: [&str; 5] = ["name", "in", "description", "required", "allowEmptyValue"];

/// Keys of a path item that are operations (Swagger 2.0, "Path Item Object").
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// Lowers a whole document.
pub(crate) fn lower(source: &Node) -> Node {
    let lowering = Lowering {
        source,
        consumes: types(source, "consumes"),
        produces: types(source, "produces"),
    };
    let mut root = object(source.at);
    root.put("openapi", Node::string(source.at, "3.1.0"));
    for (key, member) in source.members() {
        match key {
            "paths" => root.put(
                key,
                member.map(|_, item| lowering.path_item(lowering.adopt(item))),
            ),
            "basePath" => {
                let mut server = object(member.at);
                server.put("url", member.clone());
                root.put("servers", Node::new(member.at, Kind::Array(vec![server])));
            }
            "swagger"
            | "host"
            | "schemes"
            | "consumes"
            | "produces"
            | "definitions"
            | "parameters"
            | "responses"
            | "securityDefinitions" => {}
            _ => root.put(key, member.clone()),
        }
    }
    root.put("components", lowering.components());
    references(&mut root);
    root
}

/// The parameters of a path item or operation.
#[derive(Default)]
struct Split<'n> {
    bodies: Vec<&'n Node>,
    /// Fields of a form.
    fields: Vec<&'n Node>,
    /// All others, lowered.
    others: Vec<Node>,
}

struct Lowering<'s> {
    source: &'s Node,
    consumes: Option<Vec<Node>>,
    produces: Option<Vec<Node>>,
}

impl Lowering<'_> {
    fn components(&self) -> Node {
        let mut components = object(self.source.at);
        if let Some(definitions) = self.source.get("definitions") {
            components.put("schemas", definitions.clone());
        }
        if let Some(parameters) = self.source.get("parameters") {
            // A body is lowered where it is used.
            let mut parameters = parameters.clone();
            if let Kind::Object(members) = &mut parameters.kind {
                members.retain(|_, parameter| {
                    let parameter = self.adopt(parameter);
                    !is_body(parameter) && !is_field(parameter)
                });
            }
            components.put(
                "parameters",
                parameters.map(|_, node| parameter(self.adopt(node))),
            );
        }
        if let Some(responses) = self.source.get("responses") {
            let lower =
                |_: &str, answer: &Node| response(self.adopt(answer), self.produces.as_deref());
            components.put("responses", responses.map(lower));
        }
        if let Some(schemes) = self.source.get("securityDefinitions") {
            components.put(
                "securitySchemes",
                schemes.map(|_, scheme| security_scheme(self.adopt(scheme))),
            );
        }
        components
    }

    fn path_item(&self, item: &Node) -> Node {
        let Split {
            bodies,
            fields,
            others,
        } = self.split(item);
        item.map(|key, member| match key {
            "parameters" => with_items(member, &others),
            _ if METHODS.contains(&key) => self.operation(member, &bodies, &fields),
            _ => member.clone(),
        })
    }

    fn split<'n>(&'n self, holder: &'n Node) -> Split<'n> {
        let mut split = Split::default();
        for parameter in holder.get("parameters").map_or(&[][..], Node::items) {
            let followed = self.follow(parameter);
            if is_body(followed) {
                split.bodies.push(followed);
            } else if is_field(followed) && !split.fields.iter().any(|one| is_same(one, followed)) {
                split.fields.push(followed);
            } else {
                split.others.push(self::parameter(self.adopt(parameter)));
            }
        }
        split
    }

    fn operation(&self, operation: &Node, inherited: &[&Node], inherited_fields: &[&Node]) -> Node {
        let consumes = types(operation, "consumes").or_else(|| self.consumes.clone());
        let produces = types(operation, "produces").or_else(|| self.produces.clone());
        let Split {
            bodies,
            mut fields,
            others: mut parameters,
        } = self.split(operation);
        // A second body is one too many: it stays a parameter, which is reported.
        parameters.extend(bodies.iter().skip(1).map(|body| parameter(body)));
        let body = bodies.first().or(inherited.first());
        if body.is_some() {
            // So are fields beside a body.
            parameters.extend(fields.drain(..).map(parameter));
        } else {
            let own = fields.len();
            for field in inherited_fields {
                if !fields.iter().take(own).any(|one| is_same(one, field)) {
                    fields.push(field);
                }
            }
        }
        let mut lowered = operation.map(|key, member| match key {
            "parameters" => with_items(member, &parameters),
            "responses" => member.map(|_, answer| {
                let answer = self.follow(answer);
                response(answer, produces.as_deref())
            }),
            _ => member.clone(),
        });
        if let Kind::Object(members) = &mut lowered.kind {
            members.retain(|key, _| !matches!(key.as_str(), "consumes" | "produces" | "schemes"));
        }
        if let Some(body) = body {
            lowered.put("requestBody", request_body(body, consumes.as_deref()));
        } else if let Some(first) = fields.first() {
            lowered.put("requestBody", form(first.at, &fields, consumes.as_deref()));
        }
        lowered
    }

    /// The node itself, or what it leads to if that is in another file: only the document's own parts are
    /// lowered where they stand.
    fn adopt<'n>(&'n self, node: &'n Node) -> &'n Node {
        let reference = node.get("$ref").and_then(Node::as_str);
        if reference.is_some_and(|reference| sources::is_elsewhere(&decoded(reference))) {
            self.follow(node)
        } else {
            node
        }
    }

    /// What a reference leads to in the end, or the node itself.
    fn follow<'n>(&'n self, mut node: &'n Node) -> &'n Node {
        for _ in 0..MAX_REFERENCES {
            let reference = node.get("$ref").and_then(Node::as_str);
            let local = reference.filter(|reference| reference.starts_with('#'));
            match local.and_then(|reference| self.source.at_pointer(&decoded(reference))) {
                Some(target) => node = target,
                None => break,
            }
        }
        node
    }
}

/// The type `basic` became a scheme of the type `http`.
fn security_scheme(scheme: &Node) -> Node {
    let mut lowered = scheme.clone();
    if let Some(kind) = scheme
        .get("type")
        .filter(|kind| kind.as_str() == Some("basic"))
    {
        lowered.put("type", Node::string(kind.at, "http"));
        lowered.put("scheme", Node::string(kind.at, "basic"));
    }
    lowered
}

fn is_body(parameter: &Node) -> bool {
    parameter.get("in").and_then(Node::as_str) == Some("body")
}

fn is_field(parameter: &Node) -> bool {
    parameter.get("in").and_then(Node::as_str) == Some("formData")
        && parameter.get("name").and_then(Node::as_str).is_some()
}

fn is_same(field: &Node, other: &Node) -> bool {
    field.get("name").and_then(Node::as_str) == other.get("name").and_then(Node::as_str)
}

/// A parameter or header: the keywords of its value, which stand beside its name, move into a `schema`. A
/// reference stays one.
fn parameter(node: &Node) -> Node {
    let Some(members) = node
        .as_object()
        .filter(|members| !members.contains_key("$ref"))
    else {
        return node.clone();
    };
    let mut lowered = object(node.at);
    let mut schema = object(node.at);
    let has_schema = members.contains_key("schema");
    let is_array = node.get("type").and_then(Node::as_str) == Some("array");
    for (key, member) in members {
        match key.as_str() {
            "collectionFormat" => {
                let style = match member.as_str() {
                    Some("csv") if !is_array => continue,
                    Some("csv") => "collectionFormat: csv",
                    Some("multi") => "form",
                    // OpenAPI 3 has none for tabs, and the others in a query only.
                    Some("ssv") => "collectionFormat: ssv",
                    Some("tsv") => "collectionFormat: tsv",
                    Some("pipes") => "collectionFormat: pipes",
                    // Reported as unknown.
                    other => other.unwrap_or_default(),
                };
                lowered.put("style", Node::string(member.at, style));
            }
            key if has_schema
                || ABOUT.contains(&key)
                || key.starts_with("x-") && key != "x-nullable" =>
            {
                lowered.put(key, member.clone());
            }
            key => schema.put(key, member.clone()),
        }
    }
    if is_array {
        if lowered.get("style").is_none() {
            lowered.put("style", Node::string(node.at, "collectionFormat: csv"));
        }
        let explode = lowered.get("style").and_then(Node::as_str) == Some("form");
        lowered.put("explode", Node::new(node.at, Kind::Bool(explode)));
    }
    if !has_schema {
        lowered.put("schema", schema);
    }
    lowered
}

fn request_body(parameter: &Node, consumes: Option<&[Node]>) -> Node {
    let mut body = object(parameter.at);
    for key in ["description", "required"] {
        if let Some(member) = parameter.get(key) {
            body.put(key, member.clone());
        }
    }
    body.put("content", content(parameter, consumes));
    body
}

/// The schema of a form's field.
fn property(field: &Node, lowered: &Node) -> Node {
    let schema = lowered.get("schema").cloned();
    let mut schema = schema.unwrap_or_else(|| object(field.at));
    let kind = schema.get("type").map(|kind| (kind.at, kind.as_str()));
    if let Some((at, Some("file"))) = kind {
        schema.put("type", Node::string(at, "string"));
        schema.put("format", Node::string(at, "binary"));
    }
    if field.get("allowEmptyValue").and_then(Node::as_bool) == Some(true) {
        let mut empty = object(field.at);
        empty.put("type", Node::string(field.at, "string"));
        empty.put("const", Node::string(field.at, ""));
        let either = Node::new(field.at, Kind::Array(vec![schema, empty]));
        schema = object(field.at);
        schema.put("anyOf", either);
    }
    schema
}

/// The types of forms.
const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

/// The body that parameters of `in: formData` make. With a file among them it can only be multipart; without
/// `consumes` it is either.
fn form(at: Position, fields: &[&Node], consumes: Option<&[Node]>) -> Node {
    let (mut properties, mut encoding) = (object(at), object(at));
    let mut required = Vec::new();
    let mut has_file = false;
    for field in fields {
        let name = field.get("name").and_then(Node::as_str).unwrap_or_default();
        let lowered = parameter(field);
        has_file |= field.get("type").and_then(Node::as_str) == Some("file");
        properties.put(name, property(field, &lowered));
        let mut how = object(field.at);
        for key in ["style", "explode"] {
            if let Some(member) = lowered.get(key) {
                how.put(key, member.clone());
            }
        }
        if how.members().next().is_some() {
            encoding.put(name, how);
        }
        if field.get("required").and_then(Node::as_bool) == Some(true) {
            required.push(Node::string(field.at, name));
        }
    }
    let is_required = !required.is_empty();
    let mut schema = object(at);
    schema.put("type", Node::string(at, "object"));
    schema.put("properties", properties);
    if is_required {
        schema.put("required", Node::new(at, Kind::Array(required)));
    }
    let mut media = object(at);
    media.put("schema", schema);
    media.put("encoding", encoding);
    let [_, multipart] = FORMS;
    let consumes = consumes.unwrap_or_default().iter().filter_map(Node::as_str);
    let mut types: Vec<_> = consumes
        .filter(|name| FORMS.contains(name) && (!has_file || *name == multipart))
        .collect();
    if types.is_empty() {
        let is_read = |name: &str| name != multipart || has_file || cfg!(feature = "multipart");
        let fit = FORMS.iter().filter(|name| !has_file || **name == multipart);
        types.extend(fit.filter(|name| is_read(name)));
    }
    let mut content = object(at);
    for name in types {
        content.put(name, media.clone());
    }
    let mut body = object(at);
    body.put("required", Node::new(at, Kind::Bool(is_required)));
    body.put("content", content);
    body
}

fn response(node: &Node, produces: Option<&[Node]>) -> Node {
    let mut lowered = node.map(|key, member| match key {
        "headers" => member.map(|_, header| parameter(header)),
        _ => member.clone(),
    });
    if let Kind::Object(members) = &mut lowered.kind {
        members.retain(|key, _| !matches!(key.as_str(), "schema" | "examples"));
    }
    if node.get("schema").is_some() {
        lowered.put("content", content(node, produces));
    }
    lowered
}

/// The `content` with one entry for each media type, all with the schema of `node`.
fn content(node: &Node, types: Option<&[Node]>) -> Node {
    let mut content = object(node.at);
    let json = [Node::string(node.at, "application/json")];
    for name in types.filter(|types| !types.is_empty()).unwrap_or(&json) {
        let mut media = object(name.at);
        if let Some(schema) = node.get("schema") {
            media.put("schema", schema.clone());
        }
        let examples = node.get("examples");
        if let Some(example) = name.as_str().and_then(|name| examples?.get(name)) {
            media.put("example", example.clone());
        }
        content.put(name.as_str().unwrap_or_default(), media);
    }
    content
}

fn types(node: &Node, key: &str) -> Option<Vec<Node>> {
    node.get(key).map(|types| match types.kind {
        Kind::Array(_) => types.items().to_vec(),
        _ => vec![types.clone()],
    })
}

/// A lowered reference as it was before.
pub(crate) fn as_written(reference: &str) -> Cow<'_, str> {
    MOVED
        .iter()
        .find_map(|(from, to)| Some(format!("{from}{}", reference.strip_prefix(to)?).into()))
        .unwrap_or(reference.into())
}

fn references(node: &mut Node) {
    match &mut node.kind {
        Kind::Array(items) => items.iter_mut().for_each(references),
        Kind::Object(members) => {
            for (key, member) in members {
                if let (Kind::String(text), "$ref") = (&mut member.kind, key.as_str()) {
                    for (from, to) in MOVED {
                        if let Some(rest) = text.strip_prefix(from) {
                            *text = format!("{to}{rest}");
                        }
                    }
                } else {
                    references(member);
                }
            }
        }
        _ => {}
    }
}

fn object(at: Position) -> Node {
    Node::new(at, Kind::Object(IndexMap::new()))
}

/// A list with other items; anything but a list stays as it is.
fn with_items(list: &Node, items: &[Node]) -> Node {
    match list.kind {
        Kind::Array(_) => Node::new(list.at, Kind::Array(items.to_vec())),
        _ => list.clone(),
    }
}

impl Node {
    /// Sets a member of an object.
    fn put(&mut self, key: &str, value: Self) {
        if let Kind::Object(members) = &mut self.kind {
            members.insert(key.to_owned(), value);
        }
    }

    /// The object with each member changed; anything but an object stays as it is.
    fn map(&self, change: impl Fn(&str, &Self) -> Self) -> Self {
        let Some(members) = self.as_object() else {
            return self.clone();
        };
        let members = members
            .iter()
            .map(|(key, member)| (key.clone(), change(key, member)));
        Self::new(self.at, Kind::Object(members.collect()))
    }
}
