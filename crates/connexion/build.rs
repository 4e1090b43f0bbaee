//! Takes the files of the docs page out of Swagger UI's release archive, so that programs don't carry the rest of it.

#[cfg(not(feature = "swagger-ui"))]
fn main() {}

#[cfg(feature = "swagger-ui")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::{fs::File, io::Cursor, path::Path};

    use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
    use zip::{ZipArchive, ZipWriter};

    println!("cargo::rerun-if-changed=build.rs");
    let directory = std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let target = File::create(Path::new(&directory).join("swagger-ui.zip"))?;
    let mut target = ZipWriter::new(target);
    let mut release = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    // The folder's name has the version in it.
    let paths = release.file_names().map(|path| path.map(String::from));
    let paths = paths.collect::<Result<Vec<_>, _>>()?;
    let root = paths.first().and_then(|path| path.split('/').next());
    let root = root.ok_or("Swagger UI's archive is empty")?;
    for (folder, name) in [
        ("/dist", "swagger-ui.css"),
        ("/dist", "swagger-ui-bundle.js"),
        ("/dist", "favicon-32x32.png"),
        ("", "LICENSE"),
        ("", "NOTICE"),
    ] {
        let path = format!("{root}{folder}/{name}");
        let index = paths.iter().position(|there| *there == path);
        let index = index.ok_or_else(|| format!("Swagger UI has no {path}"))?;
        target.raw_copy_file_rename(release.by_index_raw(index)?, name)?;
    }
    target.finish()?;
    Ok(())
}
