//! `.env` beside python-dotenv, which the legacy service used: the same file gives the same values.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use crate::program::Program;

/// What the files are seen by: a setting of free text that holds other values, some of which the environment has.
const SEEN: &str = "\nAPP_ACCESS_LOG=<${A:-none}|${B:-none}|${C.D:-none}|${E:-none}>\n";
const ENVIRONMENT: [(&str, &str); 2] = [("E", "of the environment"), ("EMPTY", "")];

const FILES: &[&str] = &[
    "",
    "A=1",
    "A=1\nB=2\nC.D=3\n",
    "A=hello world",
    "A=p$ss",
    "A=p$ss\\word",
    "A=$B\nB=2",
    "A=",
    "A= ",
    "A",
    "A\nB=${A:-x}",
    "A \nB=1",
    "A =1",
    "A= 1",
    "A = 1 ",
    "  A=1",
    "\tA=1\t",
    "A=1 # comment",
    "A=1# no comment",
    "A=1\t#comment",
    "A=#1",
    "A= #1",
    "A=a #b #c",
    "A=a#b #c",
    "# A=1",
    "  # A=1",
    "A#B=1",
    "#\n\n\nA=1",
    "A='a b'",
    "A='a b' # comment",
    "A='a b'#comment",
    "A=\"a b\"",
    "A=\"a # b\"",
    "A='a # b'",
    "A='it\\'s'",
    "A='a\\nb'",
    "A='a\\\\'",
    "A=\"a\\\\\"",
    "A=\"say \\\"so\\\"\"",
    "A=\"it\\'s\"",
    "A=\"a\\nb\\tc\\\\d\\qe\"",
    "A=\"\\a\\b\\f\\v\\r\"",
    "A=a\\nb",
    "A=\"two\nlines\"",
    "A='two\n\nlines'\nB=2",
    "A=\"two\r\nlines\"\r\nB=2\r\n",
    "A=1\rB=2\r",
    "A=\"a\nb\" x\nB=2",
    "A='a' b\nB=2",
    "A='a\nB=2",
    "A=\"a\nB=2",
    "A='a\nB='2'",
    "A='\\'\nB=2",
    "A=a'b'",
    "A=a\"b",
    "A=''",
    "A=\"\"",
    "export A=1",
    "export\tA=1",
    "exportA=1\nA=2",
    "export=1\nA=${export}",
    "  export A = 'a'",
    "export A",
    "export",
    "'A'=1",
    "'A' = 1",
    "'A=1\nB=2",
    "''=1\nB=2",
    "'' # x\nB=2",
    "\"A\"=1",
    "=1\nB=2",
    "A:1\nB=2",
    "A 1\nB=2",
    "A==1",
    "A=1=2",
    "A=1\nA=2",
    "A=1\nA",
    "A=1\nA=",
    "E=of the file\nA=$E ${E}",
    "A=1\nB=${A}${A}",
    "B=${A}\nA=1",
    "A=${NOBODY}",
    "A=${NOBODY:-default}",
    "A=${NOBODY:-}",
    "A=${NOBODY-default}",
    "A=${NOBODY:default}",
    "A=${NOBODY:-a b}",
    "A=${NOBODY:-a:-b}",
    "A=${NOBODY:-${E}}",
    "A=${EMPTY:-default}",
    "A='${E}'",
    "A=\"${E}\"",
    "A=\\${E}",
    "A=${E",
    "A=${E:${E}}",
    "A=${}",
    "A=${E}${",
    "A=$${E}",
    "\u{feff}A=1",
    "\u{a0}A=1\u{a0}",
    "A=a\u{a0}#b",
    "A=a\u{1f}#b",
    "A=\u{c}1\u{c}",
    "A=Zoë 😀",
    "A=1\n\nB\n=2\nC.D=3",
    "A=1;B=2",
    "A=`date`",
    "A=$(date)",
    "set A=1",
    "A-B=1\nB=${A-B}",
    "A='a''b'",
    "A='a' 'b'\nB=2",
    "A=\"a\"b\nB=2",
];

/// Reads each file as an application does that calls `load_dotenv()` first.
const SCRIPT: &str = r#"
import json, logging, os, sys
from dotenv import load_dotenv
logging.disable()
before = dict(os.environ)
seen = []
for text in json.load(sys.stdin):
    with open(".env", "w", newline="", encoding="utf-8") as file:
        file.write(text)
    load_dotenv(".env")
    seen.append(os.environ["APP_ACCESS_LOG"])
    os.environ.clear()
    os.environ.update(before)
json.dump(seen, sys.stdout)
"#;

fn file(text: &str) -> String {
    format!("{text}{SEEN}")
}

fn python() -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/pypi.sh");
    let tools = Command::new(script)
        .args(["dotenv", "dotenv"])
        .output()
        .unwrap();
    assert!(tools.status.success(), "{tools:?}");
    let tools = String::from_utf8(tools.stdout).unwrap();
    let program = Program::new();
    let mut python = Command::new(format!("{}/python", tools.trim()))
        .args(["-c", SCRIPT])
        .env_clear()
        .envs(ENVIRONMENT)
        .env("PYTHONUTF8", "1")
        .current_dir(program.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let files: Vec<_> = FILES.iter().map(|text| file(text)).collect();
    let mut stdin = python.stdin.take().unwrap();
    stdin
        .write_all(&serde_json::to_vec(&files).unwrap())
        .unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The value that `config` prints, which may have several lines.
fn ours(text: &str) -> String {
    let program = ENVIRONMENT
        .iter()
        .fold(Program::new(), |program, (name, value)| {
            program.env(name, value)
        });
    let printed = program.file(".env", &file(text)).run(&["config"]).ok();
    let (_, value) = printed.split_once("\nAPP_ACCESS_LOG").unwrap();
    let (value, _) = value
        .split_once("  (APP_ACCESS_LOG, .env:")
        .unwrap_or_else(|| panic!("{text}: {value}"));
    value.trim_start_matches(' ').to_owned()
}

#[test]
fn dotenv_files_are_read_as_python_dotenv_reads_them() {
    let expected = python();
    assert_eq!(expected.len(), FILES.len());
    for (text, expected) in FILES.iter().zip(expected) {
        assert_eq!(ours(text), expected, "{text:?}");
    }
}
