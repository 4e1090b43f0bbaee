//! `import-data` and `export-data`: people from a file, and people to one.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{migrated_store, say};
use crate::app;
use crate::config::Settings;
use crate::export::export;
use crate::import::{Format, Options, import};
use crate::opened::Opened;
use crate::progress::{Progress, summary};
use crate::query::Select;
use crate::spec;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file; - is standard input
    file: PathBuf,
    /// csv, which has no keys, or ndjson, a JSON text a line, which has them [default: by the file's name, else csv]
    #[arg(long, hide_possible_values = true)]
    format: Option<FileFormat>,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The file; - is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// csv, which has no keys, or ndjson, a JSON text a line, which has them [default: by the file's name, else csv]
    #[arg(long, hide_possible_values = true)]
    format: Option<FileFormat>,
    /// Put ' before texts that a spreadsheet would run as a formula, in CSV; importing such a file keeps it
    #[arg(long)]
    spreadsheet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FileFormat {
    /// A header and a row for each person, without keys: an import gives everybody a new key
    Csv,
    /// A JSON text a line for each person, with the key: an import restores the same people
    #[value(alias = "jsonl")]
    Ndjson,
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Csv => Self::Csv,
            FileFormat::Ndjson => Self::Lines,
        }
    }
}

/// The format that was chosen, else that of the file's name.
fn format_of(chosen: Option<FileFormat>, file: &Path) -> Format {
    let suffix = file.extension().unwrap_or_default();
    let is_lines = ["ndjson", "jsonl"]
        .iter()
        .any(|lines| suffix.eq_ignore_ascii_case(lines));
    let named = if is_lines { Format::Lines } else { Format::Csv };
    chosen.map_or(named, Format::from)
}

pub(super) async fn import_data(
    settings: &Settings,
    opened: &Opened<'_>,
    ImportArgs { file: path, format }: ImportArgs,
) -> Result<(), Box<dyn Error>> {
    let name = |error| format!("{}: {error}", path.display());
    let file = if path == Path::new("-") {
        spooled(io::stdin())?
    } else {
        let file = File::open(&path).map_err(name)?;
        // A pipe can't be read twice.
        let is_file = file.metadata().map_err(name)?.is_file();
        if is_file { file } else { spooled(file)? }
    };
    let size = file.metadata().map_err(name)?.len();
    let schema = app::new_person(spec::document(settings)?)?;
    let store = migrated_store(settings, opened).await?;
    let progress = Progress::start(size);
    let (reading, rows) = (progress.reading(file), progress.rows());
    let options = Options {
        format: format_of(format, &path),
        ..Options::default()
    };
    let imported = import(store.as_ref(), &schema, reading, options, rows).await;
    drop(progress);
    say(&summary(&imported?))
}

/// All that comes, in a temporary file, at its beginning.
fn spooled(mut source: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut source, &mut file)?;
    file.rewind()?;
    Ok(file)
}

pub(super) async fn export_data(
    settings: &Settings,
    opened: &Opened<'_>,
    arguments: ExportArgs,
) -> Result<(), Box<dyn Error>> {
    let ExportArgs {
        file,
        format,
        spreadsheet,
    } = arguments;
    let format = format_of(format, &file);
    // First the people, then the file: a database that is away must not cost the last export.
    let store = migrated_store(settings, opened).await?;
    let people = store.list(&Select::all()).await?;
    if file == Path::new("-") {
        export(people, format, spreadsheet, io::stdout()).await?;
        return Ok(());
    }
    let target = File::create(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let rows = export(people, format, spreadsheet, target).await?;
    say(&format!("{rows} people written to {}", file.display()))
}
