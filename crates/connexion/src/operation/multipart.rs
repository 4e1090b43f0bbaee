//! Reads `multipart/form-data`: fields into the form, files into one temporary file for the whole request.
//!
//! The whole request is validated before its handler runs, so its files must be stored until then. In memory, a few uploads
//! would exhaust it. One temporary file holds them all, because a request with a thousand small files would otherwise use up
//! the file descriptors of the process.

mod files;
mod gate;

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;

pub use self::files::{Files, Upload};
use self::{
    files::{CHUNK, SpoolWriter},
    gate::{Gate, GatedChunks, Interrupted},
};
use crate::{
    operation::{
        form::{Fields, Form, PartHead},
        memory::{Held, Limits},
    },
    problem::Problem,
    schema::json::Room,
};

/// The maximum number of parts in a form.
const MAX_PARTS: usize = 1_000;

/// The maximum bytes of all parts that are not files, which are held in memory.
const MAX_TEXT: usize = 2 * 1024 * 1024;

/// The reason why a form was not read to its end.
enum Failure {
    Malformed,
    Problem(Problem),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        tracing::error!("the files of a request can't be stored: {error}");
        Self::Problem(Problem::internal())
    }
}

/// Reads a form.
///
/// # Errors
/// If it is too long, if the client disconnected, or if the files could not be stored. A malformed form is a violation
/// instead.
pub(crate) async fn read(
    chunks: impl Stream<Item = Result<Bytes, Problem>> + Send + Unpin + 'static,
    content_type: &str,
    form: &Form,
    limits: &Limits,
    held: &mut Held<'_>,
) -> Result<(Fields<'static>, Files), Problem> {
    let mut reader = FormReader {
        form,
        fields: Fields::with_room(limits.values),
        held,
        files: Files::default(),
        writer: Some(SpoolWriter::default()),
    };
    let chunks = chunks.map_err(Interrupted::Body);
    match reader.read(chunks, content_type).await {
        Ok(()) => {}
        Err(Failure::Malformed) => reader.fields.malformed(),
        Err(Failure::Problem(problem)) => return Err(problem),
    }
    Ok((reader.fields, reader.files))
}

/// Reads the fields of a form that is in memory; its files are not stored.
pub(crate) fn read_whole(
    body: &[u8],
    content_type: &str,
    form: &Form,
    room: &Room,
) -> Fields<'static> {
    let mut reader = FormReader {
        form,
        fields: Fields::with_room(room.left()),
        held: &mut Held::default(),
        files: Files::default(),
        writer: None,
    };
    let chunk = Ok(Bytes::copy_from_slice(body));
    let chunks = stream::once(std::future::ready(chunk));
    // Without files to write, reading never has to wait.
    if !matches!(
        reader.read(chunks, content_type).now_or_never(),
        Some(Ok(()))
    ) {
        reader.fields.malformed();
    }
    reader.fields
}

/// Decodes a name. Browsers encode only quotes and line ends (WHATWG HTML, section 4.10.21.8, "Multipart form data").
fn unescaped(name: &str) -> String {
    if !name.contains('%') {
        return name.to_owned();
    }
    let name = name.replace("%22", "\"");
    name.replace("%0D", "\r").replace("%0A", "\n")
}

/// Returns the head of a part; `None` if it has no name.
fn part_head(part: &multer::Field<'_>) -> Option<PartHead> {
    let content_type = part.headers().get(http::header::CONTENT_TYPE);
    let content_type =
        content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Some(PartHead {
        name: unescaped(part.name()?),
        filename: part.file_name().map(unescaped),
        content_type,
    })
}

struct FormReader<'f, 'l> {
    form: &'f Form,
    fields: Fields<'static>,
    /// The memory of the form, if it is limited.
    held: &'f mut Held<'l>,
    files: Files,
    /// `None` if files are not stored.
    writer: Option<SpoolWriter>,
}

impl FormReader<'_, '_> {
    async fn read(
        &mut self,
        chunks: impl Stream<Item = Result<Bytes, Interrupted>> + Send + Unpin + 'static,
        content_type: &str,
    ) -> Result<(), Failure> {
        let Ok(boundary) = multer::parse_boundary(content_type) else {
            return Err(Failure::Malformed);
        };
        let gate = Arc::new(Gate::default());
        let guarded = GatedChunks {
            chunks,
            gate: Arc::clone(&gate),
        };
        let mut multipart = multer::Multipart::new(guarded, boundary);
        let (mut count, mut text_left) = (0, MAX_TEXT);
        loop {
            gate.expect_head();
            let next = gate.wait(|cx| multipart.poll_next_field(cx)).await;
            let Some(mut part) = next.map_err(failure)? else {
                break;
            };
            gate.expect_data();
            count += 1;
            if count > MAX_PARTS {
                let detail = format!("The request's body has more than {MAX_PARTS} parts.");
                return Err(too_large(detail));
            }
            let head = part_head(&part).ok_or(Failure::Malformed)?;
            if self.form.is_file(&head) {
                self.file(&gate, &mut part, head).await?;
            } else {
                self.field(&gate, &mut part, head, &mut text_left).await?;
            }
        }
        match &mut self.writer {
            Some(writer) => Ok(writer.flush().await?),
            None => Ok(()),
        }
    }

    /// Reads a part that is not a file. `left` is the number of bytes that such parts may still have.
    async fn field(
        &mut self,
        gate: &Gate,
        part: &mut multer::Field<'_>,
        head: PartHead,
        left: &mut usize,
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = gate.wait(|cx| part.poll_next_unpin(cx)).await {
            let chunk = chunk.map_err(failure)?;
            *left = left.checked_sub(chunk.len()).ok_or_else(|| {
                let detail =
                    format!("The fields that are not files are longer than {MAX_TEXT} bytes.");
                too_large(detail)
            })?;
            self.hold(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        self.fields.add_part(self.form, head, &bytes);
        Ok(())
    }

    /// Reads a part that is a file.
    async fn file(
        &mut self,
        gate: &Gate,
        part: &mut multer::Field<'_>,
        head: PartHead,
    ) -> Result<(), Failure> {
        // Handlers can't get undeclared files.
        let is_stored = self.form.allows(&head.name);
        let writer = self.writer.as_ref();
        if is_stored && writer.is_some_and(|writer| !writer.is_open()) {
            self.hold(CHUNK)?;
        }
        let start = self.writer.as_ref().map_or(0, SpoolWriter::length);
        let mut size = 0;
        while let Some(chunk) = gate.wait(|cx| part.poll_next_unpin(cx)).await {
            let chunk = chunk.map_err(failure)?;
            size += chunk.len() as u64;
            if let Some(writer) = self.writer.as_mut().filter(|_| is_stored) {
                writer.write(&chunk).await?;
            }
        }
        // Browsers send this if no file was selected.
        if size == 0 && head.filename.as_deref() == Some("") {
            return Ok(());
        }
        if let Some(writer) = self.writer.as_mut().filter(|_| is_stored) {
            let upload = Upload {
                filename: head.filename.clone(),
                content_type: head.content_type.clone(),
                size,
                spool: writer.spool().await?,
                start,
            };
            self.files.add(&head.name, upload);
        }
        self.fields.add_file(self.form, head, size);
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Failure> {
        self.held.add(bytes).map_err(Failure::Problem)
    }
}

fn failure(error: multer::Error) -> Failure {
    let multer::Error::StreamReadFailed(error) = error else {
        return Failure::Malformed;
    };
    match error.downcast_ref::<Interrupted>() {
        Some(Interrupted::Body(problem)) => Failure::Problem(problem.clone()),
        Some(Interrupted::LongHead) | None => Failure::Malformed,
    }
}

fn too_large(detail: String) -> Failure {
    Failure::Problem(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
}
