//! The storeys of the source: each imports only from those below it, so no import goes up and none goes round.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// From the bottom to the top. ARCHITECTURE.md says what each is for.
const STOREYS: [&str; 11] = [
    "problem",
    "diagnostics",
    "compat",
    "pairs",
    "document",
    "schema",
    "security",
    "operation",
    "lint",
    "http",
    "guide",
];

#[test]
fn imports_only_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut upward = Vec::new();
    for file in files(&source) {
        let name = file.strip_prefix(&source).unwrap();
        let storey = name.with_extension("");
        let storey = storey.iter().next().unwrap().to_str().unwrap().to_owned();
        if storey == "lib" {
            continue;
        }
        let own = rank(&storey).unwrap_or_else(|| panic!("{} is in no storey", name.display()));
        let text = fs::read_to_string(&file).unwrap();
        let above = imported(&text)
            .into_iter()
            .filter(|other| *other != storey && rank(other).is_some_and(|other| other >= own));
        upward.extend(above.map(|other| format!("{} imports {other}", name.display())));
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn imports_of_every_form_are_found() {
    let text = "use crate::{a::{self, B}, c::D, e};\nuse crate::f::G; // crate::no\nlet h = crate::i();\n\
        /// [`crate::no`]\nuse crate::{\n    j::{K, L},\n    m,\n};";
    let found = imported(text);
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a", "c", "e", "f", "i", "j", "m"]
    );
}

fn rank(storey: &str) -> Option<usize> {
    STOREYS.iter().position(|known| *known == storey)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules below the crate's root that a file names.
fn imported(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let name = |text: &str| -> String {
            let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
            text.trim_start().chars().take_while(is_part).collect()
        };
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    found.insert(name(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}
