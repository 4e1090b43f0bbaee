//! Lowers Swagger 2.0 to the model of OpenAPI 3.1 when a document is loaded. Other modules do not know Swagger 2.0.
//!
//! New nodes have the positions of the original ones, so that diagnostics refer to the author's text. Fields without a
//! counterpart and unsupported ones are not changed; the checks report them. `host` and `schemes` are ignored: the public
//! address of a service does not affect it.

mod form;
mod parameter;
mod references;

use indexmap::IndexMap;

pub(crate) use self::references::as_written;
use self::{
    form::form,
    parameter::{parameter, request_body},
    references::{Moved, moved},
};
use crate::document::{
    MAX_REFERENCES, decoded,
    node::{Kind, Node, Position},
};

/// The fields of a path item that are operations (Swagger 2.0, "Path Item Object").
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
                member.map(|_, item| lowering.path_item(lowering.inline_moved(item))),
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
    references::redirect(&mut root, source);
    root
}

/// The parameters of a path item or operation.
#[derive(Default)]
struct Split<'n> {
    bodies: Vec<&'n Node>,
    /// Fields of a form.
    fields: Vec<&'n Node>,
    /// All other parameters, lowered.
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
                    let parameter = self.inline_moved(parameter);
                    !is_body(parameter) && !is_field(parameter)
                });
            }
            components.put(
                "parameters",
                parameters.map(|_, node| parameter(self.inline_moved(node))),
            );
        }
        if let Some(responses) = self.source.get("responses") {
            let lower = |_: &str, response: &Node| {
                self.response(self.inline_moved(response), self.produces.as_deref())
            };
            components.put("responses", responses.map(lower));
        }
        if let Some(schemes) = self.source.get("securityDefinitions") {
            components.put(
                "securitySchemes",
                schemes.map(|_, scheme| security_scheme(self.inline_moved(scheme))),
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
                split
                    .others
                    .push(self::parameter(self.inline_moved(parameter)));
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
        // A second body remains a parameter, which is reported.
        parameters.extend(bodies.iter().skip(1).map(|body| parameter(body)));
        let body = bodies.first().or(inherited.first());
        if body.is_some() {
            // Form fields beside a body are reported in the same way.
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
            "responses" => member.map(|_, response| {
                let response = self.follow(response);
                self.response(response, produces.as_deref())
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

    /// Returns the node itself, or the target of its reference if lowering would not lower the target as an object of this
    /// kind: in another file, below `x-…`, or within an operation.
    fn inline_moved<'n>(&'n self, node: &'n Node) -> &'n Node {
        let reference = node.get("$ref").and_then(Node::as_str);
        match reference.and_then(moved) {
            Some(Moved::Original) => self.follow(node),
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
            content(&without_schema(node), Some(types.unwrap_or(&any)))
        } else {
            content(node, produces)
        };
        lowered.put("content", types);
        lowered
    }

    /// Follows the references at a node.
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

/// Lowers a security scheme: `type: basic` becomes `type: http`.
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

fn is_file(schema: &Node) -> bool {
    schema.get("type").and_then(Node::as_str) == Some("file")
}

/// Returns a response without its schema.
fn without_schema(response: &Node) -> Node {
    let mut lowered = response.clone();
    if let Kind::Object(members) = &mut lowered.kind {
        members.shift_remove("schema");
    }
    lowered
}

/// Returns a definition without `type: file`, which is for responses that are files: as a schema it allows any value.
fn without_file(schema: &Node) -> Node {
    let mut lowered = schema.clone();
    if let (true, Kind::Object(members)) = (is_file(schema), &mut lowered.kind) {
        members.shift_remove("type");
    }
    lowered
}

/// Returns a `content` with an entry for each media type, all with the schema of `node`.
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

/// Replaces the items of a list; other nodes are returned unchanged.
fn with_items(list: &Node, items: &[Node]) -> Node {
    match list.kind {
        Kind::Array(_) => Node::new(list.at, Kind::Array(items.to_vec())),
        _ => list.clone(),
    }
}

impl Node {
    /// Sets a field of an object.
    fn put(&mut self, key: &str, value: Self) {
        if let Kind::Object(members) = &mut self.kind {
            members.insert(key.to_owned(), value);
        }
    }

    /// Changes each field of an object; other nodes are returned unchanged.
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
