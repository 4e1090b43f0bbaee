//! What may stand where in a document (OpenAPI 3.1, section 4.8), and whether it does.
//!
//! A member that nobody reads is a fault, not a trifle: a misspelt `requestbody` would otherwise mean that
//! bodies are not checked. So is what this library does not do yet, security above all. Swagger 2.0 is
//! looked at after lowering, so there is one table for all versions.

mod schema;
mod version;

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::keywords;
use crate::{
    diagnostics::{Diagnostic, DiagnosticCode},
    document::{
        Document, MAX_REFERENCES, Version, decoded,
        files::{self as sources, Broken},
        node::{Kind, Node, Position, push},
        object::{Part, Rule, is_remark_in_3_2},
        server,
    },
    schema::{Sample, is_format},
};

/// What a look at the whole document found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Members that are unknown, of the wrong kind or not supported, and references that lead nowhere.
    pub(crate) faults: Vec<Diagnostic>,
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
            kin: Vec::new(),
            is_unserved: false,
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
    /// JSON Pointers of schemas that no reference leads to, but that build on one with a discriminator.
    kin: Vec<String>,
    /// Whether the walk is where no request or response depends on what is described.
    is_unserved: bool,
}

impl<'d> Walk<'d> {
    fn part(&mut self, node: &'d Node, part: Part) {
        self.places.insert(self.pointer.clone(), part);
        let members = match &node.kind {
            Kind::Object(members) => members,
            Kind::Bool(_) if part == Part::Schema => return,
            _ => {
                return self.fault(
                    DiagnosticCode::MemberInvalid,
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
                None if key.starts_with("x-") => {}
                None if part == Part::Schema => self.schema_keyword(key, member),
                None if self.is_3_2() && part.has_in_3_2(key) => {
                    if !is_remark_in_3_2(key) {
                        self.passed_over(key, member.at);
                    }
                }
                None => self.unknown(part, key, member.at),
            }
        }
        match part {
            Part::SecurityScheme => self.security_scheme(members),
            Part::Schema => {
                self.format(node);
                self.discriminator(node);
                self.schema_samples(node);
                self.without_effect(node);
            }
            Part::Media | Part::Parameter | Part::Header => self.samples(node, part),
            Part::Server => self.server(node),
            _ => {}
        }
        if self.is_3_2() && part == Part::Parameter {
            self.new_parameter(node);
        }
    }

    /// A member that is probably misspelt, or means something elsewhere, is an error: requests could be read otherwise
    /// than the author thinks.
    fn unknown(&mut self, part: Part, key: &str, at: Position) {
        let has = |known: &str| part.rule(known).is_some();
        let meant = keywords::meant_member(key, has);
        let is_effective = keywords::is_effective(key, meant);
        let rest = match meant {
            Some(meant) => format!("; `{meant}` is probably meant"),
            None if is_effective => String::new(),
            None => "; it is passed over".to_owned(),
        };
        let message = format!("{} has no member `{key}`{rest}", part.name());
        let fault = self
            .document
            .diagnostic(DiagnosticCode::MemberUnknown, at, message);
        let is_error = is_effective && !self.is_unserved;
        self.survey.faults.push(if is_error {
            fault
        } else {
            fault.into_warning()
        });
    }

    /// A keyword of a schema that holds no other schema.
    fn schema_keyword(&mut self, key: &str, member: &Node) {
        if let Some(meant) = keywords::meant_in_schema(key) {
            self.misspelt(key, meant, member.at);
        }
        self.remark(key, member);
    }

    fn security_scheme(&mut self, members: &IndexMap<String, Node>) {
        for (key, member) in members {
            if let Some(meant) = keywords::meant_in_security_scheme(key) {
                self.misspelt(key, meant, member.at);
            }
        }
    }

    /// What is for people and other programs has keywords, too.
    fn remark(&mut self, holder: &str, node: &Node) {
        let Some(known) = keywords::of_remark(holder) else {
            return;
        };
        let objects: Vec<_> = match (holder, &node.kind) {
            ("tags", Kind::Array(items)) => items.iter().collect(),
            ("variables", Kind::Object(named)) => named.values().collect(),
            _ => vec![node],
        };
        for (key, member) in objects.into_iter().flat_map(Node::members) {
            if let Some(meant) = keywords::meant(key, known.iter().copied()) {
                self.misspelt(key, meant, member.at);
            }
        }
    }

    fn misspelt(&mut self, key: &str, meant: &str, at: Position) {
        let message = format!("`{key}` is not known and passed over; `{meant}` is probably meant");
        self.fault(DiagnosticCode::KeywordMisspelt, at, message);
    }

    fn reference(&mut self, holder: &'d Node, reference: &'d Node, part: Part) {
        match reference.as_str() {
            Some(text) => {
                if self.is_away() {
                    self.away.insert(reference.at);
                }
                self.references.push((reference.at, text, part));
            }
            None => self.fault(
                DiagnosticCode::MemberInvalid,
                reference.at,
                "`$ref` must be a text",
            ),
        }
        if part != Part::Schema {
            self.siblings(holder);
        }
    }

    fn member(&mut self, key: &str, node: &'d Node, rule: Rule) {
        let before = self.is_unserved;
        self.is_unserved |=
            rule.is_unserved() || matches!(key, "deprecated" | "title" | "webhooks");
        self.member_of_kind(key, node, rule);
        self.is_unserved = before;
    }

    fn member_of_kind(&mut self, key: &str, node: &'d Node, rule: Rule) {
        match (rule, &node.kind) {
            (Rule::Any, _) => self.remark(key, node),
            (Rule::Text, Kind::String(_)) | (Rule::Flag, Kind::Bool(_)) => {}
            (Rule::Text, _) => self.fault(
                DiagnosticCode::MemberInvalid,
                node.at,
                format!("`{key}` must be a text"),
            ),
            (Rule::Refused, _) => {
                self.fault(
                    DiagnosticCode::Unsupported,
                    node.at,
                    format!("`{key}` is not supported"),
                );
            }
            (Rule::Flag, _) => {
                self.fault(
                    DiagnosticCode::MemberInvalid,
                    node.at,
                    format!("`{key}` must be true or false"),
                );
            }
            (Rule::One(Part::Schema), Kind::Array(items)) if key == "items" => {
                self.tuple(node, items);
            }
            (Rule::One(part), _) => self.outer(node, part),
            (Rule::List(part), Kind::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    self.below(&i.to_string(), |walk| walk.outer(item, part));
                }
            }
            (Rule::List(_), _) => {
                self.fault(
                    DiagnosticCode::MemberInvalid,
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
                DiagnosticCode::MemberInvalid,
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
                self.fault(DiagnosticCode::ReferenceSibling, member.at, message);
            }
        }
    }

    /// What stands before each path is that of its servers; those of requests that go to the client may be anywhere.
    fn server(&mut self, server: &Node) {
        let at = server.get("url").map_or(server.at, |url| url.at);
        match server::path(server) {
            _ if self.is_away() => {}
            Ok(path) if server::has_empty_segment(&path) => {
                let message = format!(
                    "`{path}` has an empty segment, which proxies may remove; it is served with and without"
                );
                self.fault(DiagnosticCode::NotUnderstood, at, message);
            }
            Ok(_) => {}
            Err(message) => self.fault(DiagnosticCode::MemberInvalid, at, message),
        }
    }

    /// Whether the walk is where requests go to the client.
    fn is_away(&self) -> bool {
        self.is_away
            || self.pointer.starts_with("/webhooks/")
            || self.pointer.contains("/callbacks/")
    }

    /// What stands where the specification has no part, in another file or below `x-…`, is looked at where a
    /// reference leads to it, as what the reference expects.
    fn elsewhere(&mut self, at: Position, reference: &str, part: Part) {
        let pointer = decoded(reference);
        let Ok(target) = self.document.target(reference) else {
            return;
        };
        let may_be_part = match target.kind {
            Kind::Object(_) => !Part::is_collection(&pointer),
            Kind::Bool(_) => part == Part::Schema,
            _ => false,
        };
        if sources::is_elsewhere(&pointer) || may_be_part {
            self.is_away = self.away.contains(&at);
            self.visit(target, pointer.into_owned(), part);
        }
    }

    /// Looks at a part that stands at a pointer, unless that was done.
    fn visit(&mut self, node: &'d Node, pointer: String, part: Part) {
        if self.places.contains_key(&pointer) {
            return;
        }
        if part == Part::Schema {
            self.survey.schemas.push(pointer.clone());
        }
        self.pointer = pointer;
        self.part(node, part);
    }

    fn references(&mut self) {
        loop {
            if let Some((at, reference, part)) = self.references.pop() {
                self.elsewhere(at, reference, part);
                self.lead(at, reference, part);
            } else if let Some(pointer) = self.kin.pop() {
                if let Some(node) = self.document.root.at_pointer(&pointer) {
                    self.visit(node, pointer, Part::Schema);
                }
            } else {
                return;
            }
        }
    }

    /// Reports a reference that does not lead to a part of the kind that is expected.
    fn lead(&mut self, at: Position, reference: &str, part: Part) {
        let document = self.document;
        let written = document.written_at(at, reference);
        let target = match document.target_of(at, reference) {
            Err(Broken::Because(message)) => {
                return self.fault(DiagnosticCode::ReferenceUnresolvable, at, message);
            }
            Err(Broken::Told) => return,
            Ok(target) => target,
        };
        match self.places.get(&*decoded(reference)) {
            Some(known) if *known == part => {
                if self.is_endless(target) {
                    let message = format!("`{written}` leads back to itself");
                    self.fault(DiagnosticCode::ReferenceEndless, at, message);
                }
            }
            // JSON Schema 2020-12, section 6.5 of the core: keywords that are unknown are ignored.
            Some(known) if part == Part::Schema && known.may_be_reference() => {
                let known = known.name();
                let message =
                    format!("`{written}` is {known}; read as a schema, it allows any value");
                self.fault(DiagnosticCode::NotChecked, at, message);
            }
            _ => {
                let message = format!("`{written}` is not {}", part.name());
                self.fault(DiagnosticCode::ReferenceMismatch, at, message);
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

    fn fault(&mut self, code: DiagnosticCode, at: Position, message: impl Into<String>) {
        let fault = self.document.diagnostic(code, at, message);
        let is_warning = self.is_unserved;
        self.survey.faults.push(if is_warning {
            fault.into_warning()
        } else {
            fault
        });
    }
}
