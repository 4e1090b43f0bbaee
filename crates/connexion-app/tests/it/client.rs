//! A client that a generator makes of the document that is served.

use std::process::Command;

use crate::program::Program;

/// In Python, `scripts/client.py` calls what there is and looks at the answers.
#[test]
fn a_generated_client_can_call_every_operation() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/client.sh");
    let program = Program::on("sqlite:people.sqlite");
    // With keys, since only then the document says that there are any.
    let service = program.serve(&["--auth", "all"]);
    let key = program.run(&["keys", "add", "robot", "--scope", "write"]);
    let run = Command::new(script)
        .args([&service.address, key.ok().trim()])
        .arg(program.path("client"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let reason = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{reason}");
    assert!(said.ends_with(" operations called\n"), "{said}");
}
