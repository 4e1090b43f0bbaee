//! Swagger 2.0, lowered to the model of OpenAPI 3.1 once at load; nothing after this knows 2.0.
//!
//! Every new node stands where the one it was made from stood, so faults point at what the author wrote.
//! What has no counterpart or is not supported stays as it is and is reported by whoever meets it. `host` and `schemes` are dropped: where a service is reached is not its own business.

mod form;
mod references;

use indexmap::IndexMap;

pub(crate) use self::references::as_written;
use self::{
    form::form,
    references::{Moved, moved},
};
use crate::document::{
    MAX_REFERENCES, decoded,
    node::{Kind, Node, Position},
};

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
    references::lead(&mut root, source);
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
            components.put("schemas", definitions.map(|_, schema| without_file(schema)));
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
            let lower = |_: &str, answer: &Node| {
                self.response(self.adopt(answer), self.produces.as_deref())
            };
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
            _ if METHODS.contains(&key) => self.operation(self.follow(member), &bodies, &fields),
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
                self.response(answer, produces.as_deref())
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

    /// The node itself, or what it leads to if that is not where the lowering leaves it a part of its kind: in another
    /// file, below `x-…`, or within an operation.
    fn adopt<'n>(&'n self, node: &'n Node) -> &'n Node {
        let reference = node.get("$ref").and_then(Node::as_str);
        match reference.and_then(moved) {
            Some(Moved::Kept) => self.follow(node),
            None if reference.is_some_and(|one| !one.starts_with("#/paths/")) => self.follow(node),
            _ => node,
        }
    }

    fn response(&self, node: &Node, produces: Option<&[Node]>) -> Node {
        let mut lowered = node.map(|key, member| match key {
            "headers" => member.map(|_, header| parameter(header)),
            _ => member.clone(),
        });
        if let Kind::Object(members) = &mut lowered.kind {
            members.retain(|key, _| !matches!(key.as_str(), "schema" | "examples"));
        }
        let Some(schema) = node.get("schema") else {
            return lowered;
        };
        // "As an extension to the Schema Object, its root type value may also be `file`" (Swagger 2.0, Response Object).
        let types = if is_file(self.follow(schema)) {
            let any = [Node::string(schema.at, "*/*")];
            let types = produces.filter(|types| !types.is_empty());
            content(&bare(node), Some(types.unwrap_or(&any)))
        } else {
            content(node, produces)
        };
        lowered.put("content", types);
        lowered
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
    let mut described = parameter.clone();
    if let (Some(schema), true) = (parameter.get("schema"), is_nullable(parameter)) {
        described.put("schema", or_null(schema));
    }
    body.put("content", content(&described, consumes));
    body
}

fn is_nullable(parameter: &Node) -> bool {
    parameter.get("x-nullable").and_then(Node::as_bool) == Some(true)
}

/// A schema that allows null, too: for `x-nullable` beside `in: body`, which speaks of the whole body.
fn or_null(schema: &Node) -> Node {
    let mut null = object(schema.at);
    null.put("type", Node::string(schema.at, "null"));
    let either = Node::new(schema.at, Kind::Array(vec![schema.clone(), null]));
    let mut lowered = object(schema.at);
    lowered.put("anyOf", either);
    lowered
}

fn is_file(schema: &Node) -> bool {
    schema.get("type").and_then(Node::as_str) == Some("file")
}

/// A response without its schema.
fn bare(response: &Node) -> Node {
    let mut bare = response.clone();
    if let Kind::Object(members) = &mut bare.kind {
        members.shift_remove("schema");
    }
    bare
}

/// A definition for responses that are files: as a schema it allows any value.
fn without_file(schema: &Node) -> Node {
    let mut lowered = schema.clone();
    if let (true, Kind::Object(members)) = (is_file(schema), &mut lowered.kind) {
        members.shift_remove("type");
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
