//! Runs the JSON Schema Test Suite over schemas of documents, and prints each difference:
//! `cargo run -p connexion --example json_schema_suite -- FOLDER 3.1.0 [PART OF A NAME]`.
//!
//! FOLDER holds tests of one draft, such as `tests/draft2020-12` of
//! <https://github.com/json-schema-org/JSON-Schema-Test-Suite>. Each schema becomes a component of a document of the given
//! version, `2.0` for Swagger. Remote schemas are not offered.

use std::{
    error::Error,
    io::Write as _,
    path::{Path, PathBuf},
};

use connexion::{Api, Diagnostics, Document, Validator};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Group {
    description: String,
    schema: Value,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    description: String,
    data: Value,
    valid: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, version, part) = match arguments.as_slice() {
        [folder, version] => (folder, version, ""),
        [folder, version, part] => (folder, version, part.as_str()),
        _ => return Err("usage: json_schema_suite FOLDER VERSION [PART OF A NAME]".into()),
    };
    let mut files = Vec::new();
    list(Path::new(folder), &mut files)?;
    files.sort();
    let (mut passed, mut failed) = (0, 0);
    let mut out = std::io::stdout().lock();
    for file in files {
        let groups: Vec<Group> = serde_json::from_slice(&std::fs::read(&file)?)?;
        let name = file.strip_prefix(folder)?.display().to_string();
        for group in groups {
            let described = format!("{name}: {}", group.description);
            if !described.contains(part) {
                continue;
            }
            let differences = differences(group.schema, &group.tests, version);
            passed += group.tests.len() - differences.len();
            failed += differences.len();
            for difference in differences {
                writeln!(out, "{described}: {difference}")?;
            }
        }
    }
    writeln!(out, "{passed} as the suite says, {failed} not")?;
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The tests that end otherwise than the suite says.
fn differences(schema: Value, tests: &[Test], version: &str) -> Vec<String> {
    let validator = match validator(schema, version) {
        Ok(validator) => validator,
        Err(diagnostics) => {
            let diagnostics = diagnostics.to_string().replace('\n', "; ");
            return tests.iter().map(|_| diagnostics.clone()).collect();
        }
    };
    let differs = |test: &&Test| {
        let read = validator.read::<Value>(test.data.to_string().as_bytes());
        read.is_ok() != test.valid || validator.check(&test.data).is_ok() != test.valid
    };
    let shown = |test: &Test| format!("{}: should be {}", test.description, test.valid);
    tests.iter().filter(differs).map(shown).collect()
}

fn validator(mut schema: Value, version: &str) -> Result<Validator, Diagnostics> {
    let info = json!({"title": "Test", "version": "1"});
    let document = if version == "2.0" {
        embed(&mut schema, "#/definitions/Test");
        json!({"swagger": "2.0", "info": info, "paths": {}, "definitions": {"Test": schema}})
    } else {
        embed(&mut schema, "#/components/schemas/Test");
        let components = json!({"schemas": {"Test": schema}});
        json!({"openapi": version, "info": info, "paths": {}, "components": components})
    };
    let document = Document::parse("test.json", document.to_string())?;
    Api::<()>::from_document(document).validator("Test")
}

/// Makes references to the schema itself lead to where it stands in the document, except in what has an identifier.
fn embed(schema: &mut Value, at: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| embed(item, at)),
        Value::Object(members) if members.get("$id").is_some_and(Value::is_string) => {}
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text)
                        if key == "$ref" && (text == "#" || text.starts_with("#/")) =>
                    {
                        text.replace_range(..1, at);
                    }
                    _ if matches!(key.as_str(), "enum" | "const") => {}
                    member => embed(member, at),
                }
            }
        }
        _ => {}
    }
}
