//! Embedded migrations are read by a macro, which the compiler doesn't run again for a new file by itself.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
