//! `multipart/form-data`: fields go to the form, files to one temporary file for the whole request.
//!
//! A request is validated as a whole before its handler runs, so its files must be kept somewhere until then;
//! not in memory, since a few uploads would fill it. One file holds them all, as a request with a thousand
//! small files would otherwise use up the process' file descriptors.

use std::{
    fs::File,
    future::poll_fn,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::extract::FromRequestParts;
use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, stream};
use http::{StatusCode, request::Parts};

use crate::{
    operation::{
        form::{Fields, Form, PartHead},
        memory::{Held, Limits},
    },
    problem::Problem,
    schema::json::Room,
};

/// A form may have this many parts.
const MAX_PARTS: usize = 1_000;

/// All parts that are not files, which are held in memory, may have this many bytes together.
const MAX_TEXT: usize = 2 * 1024 * 1024;

/// What stands before a part, boundary and header fields, may have about this many bytes.
const MAX_HEAD: u64 = 16 * 1024;

/// Bytes are written and read in pieces of this size.
const PIECE: usize = 256 * 1024;

/// The files of a `multipart/form-data` request, by the names of their fields. They are in a temporary file, which
/// is gone when nobody holds one of them any more.
///
/// ```
/// use connexion::Files;
/// use futures_util::TryStreamExt;
///
/// async fn store(files: Files) -> Result<String, connexion::Problem> {
///     let mut bytes = 0;
///     for photo in files.get("photos") {
///         let mut chunks = photo.stream();
///         while let Some(chunk) = chunks.try_next().await.map_err(|_| unavailable())? {
///             bytes += chunk.len();
///         }
///     }
///     Ok(format!("{} photos, {bytes} bytes", files.get("photos").len()))
/// }
///
/// fn unavailable() -> connexion::Problem {
///     connexion::Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, "The photos can't be read.")
/// }
/// ```
///
/// In the [`Body`](crate::Body) of such a request a file is the object `{"filename", "content_type", "size"}`. Of the
/// schema of a file only the type is looked at.
///
/// Needs the feature `multipart` and tokio's runtime.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<(String, Vec<Upload>)>);

impl Files {
    /// The files of a field, in the order in which they were sent.
    ///
    /// There are none if the field was not sent, if no file was chosen in it, or if the request is no such form.
    ///
    /// ```
    /// # use connexion::Files;
    /// async fn count(files: Files) -> String {
    ///     format!("{} photos", files.get("photos").len())
    /// }
    /// # assert!(Files::default().get("photos").is_empty());
    /// ```
    pub fn get(&self, name: &str) -> &[Upload] {
        let mut all = self.iter();
        all.find(|(known, _)| *known == name)
            .map_or(&[], |(_, files)| files)
    }

    /// All files by the names of their fields.
    ///
    /// A field without a file is not among them.
    ///
    /// ```
    /// # use connexion::Files;
    /// async fn size(files: Files) -> String {
    ///     let all = files.iter().flat_map(|(_, files)| files);
    ///     format!("{} bytes", all.map(|file| file.size()).sum::<u64>())
    /// }
    /// # assert_eq!(Files::default().iter().count(), 0);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Upload])> {
        self.0
            .iter()
            .map(|(name, files)| (name.as_str(), files.as_slice()))
    }

    fn add(&mut self, name: &str, file: Upload) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, files)) => files.push(file),
            None => self.0.push((name.to_owned(), vec![file])),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Files {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// A file that was sent in a form; see [`Files`].
///
/// What the client says of it may be wrong: look at the bytes before you believe it.
///
/// ```
/// # use connexion::{Api, Document, Files};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let document = Document::parse("hello.yaml", r#"
/// # openapi: 3.1.0
/// # info: {title: Hello, version: "1"}
/// # paths:
/// #   /photos:
/// #     post:
/// #       operationId: store
/// #       requestBody:
/// #         content:
/// #           multipart/form-data:
/// #             schema: {type: object, properties: {photo: {type: string, format: binary}}}
/// #       responses: {"200": {description: stored}}
/// # "#)?;
/// async fn store(files: Files) -> String {
///     let photo = &files.get("photo")[0];
///     format!("{:?}, {:?}, {} bytes", photo.filename(), photo.content_type(), photo.size())
/// }
///
/// let service = Api::from_document(document).operation("store", store).build(())?;
/// let form = "--x\r\nContent-Disposition: form-data; name=photo; filename=\"a.png\"\r\n\r\n123\r\n--x--\r\n";
/// let request = http::Request::post("/photos").header("Content-Type", "multipart/form-data; boundary=x");
/// let answer = service.handle(request.body(form.into())?).await;
/// let body = axum::body::to_bytes(answer.into_body(), 1000).await?;
/// assert_eq!(body, r#"Some("a.png"), None, 3 bytes"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Upload {
    filename: Option<String>,
    content_type: Option<String>,
    size: u64,
    spool: Arc<Spool>,
    start: u64,
}

impl Upload {
    /// The name that the client gave it. It may be any text: make no path of it.
    ///
    /// ```
    /// # use connexion::Upload;
    /// fn shown(photo: &Upload) -> &str {
    ///     photo.filename().unwrap_or("a photo without a name")
    /// }
    /// ```
    pub fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }

    /// The media type that the client says it has.
    ///
    /// It need not be true. `None` if it says nothing.
    ///
    /// ```
    /// # use connexion::Upload;
    /// fn claims_to_be_png(photo: &Upload) -> bool {
    ///     photo.content_type() == Some("image/png")
    /// }
    /// ```
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// How many bytes it has.
    ///
    /// They were counted, so it is true; it may be 0.
    ///
    /// ```
    /// # use connexion::Upload;
    /// fn is_empty(photo: &Upload) -> bool {
    ///     photo.size() == 0
    /// }
    /// ```
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its bytes. Each stream begins at the first one.
    ///
    /// An error in it says that the temporary file can't be read. It must be polled within tokio's runtime.
    ///
    /// ```
    /// # use connexion::Upload;
    /// use futures_util::TryStreamExt;
    ///
    /// async fn save(photo: &Upload, to: &mut impl std::io::Write) -> std::io::Result<()> {
    ///     let mut chunks = photo.stream();
    ///     while let Some(chunk) = chunks.try_next().await? {
    ///         to.write_all(&chunk)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn stream(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static {
        let (spool, end) = (Arc::clone(&self.spool), self.start + self.size);
        let pieces = stream::try_unfold((spool, self.start), move |(spool, at)| async move {
            let length = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
            if length == 0 {
                return Ok(None);
            }
            let from = Arc::clone(&spool);
            let piece = blocking(move || from.read(at, length)).await?;
            let next = at + length as u64;
            Ok(Some((piece, (spool, next))))
        });
        pieces.boxed()
    }
}

/// The temporary file with the files of a request.
#[derive(Debug)]
struct Spool(Mutex<File>);

impl Spool {
    fn read(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(bytes)
    }
}

/// A file system may be slow, and other requests must not wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}

/// Where files go while a request is read.
#[derive(Default)]
struct Writer {
    /// Made for the first file.
    spool: Option<Arc<Spool>>,
    /// How many bytes were handed over.
    length: u64,
    waiting: Vec<u8>,
}

impl Writer {
    async fn spool(&mut self) -> io::Result<Arc<Spool>> {
        if let Some(spool) = &self.spool {
            return Ok(Arc::clone(spool));
        }
        let file = blocking(tempfile::tempfile).await?;
        let spool = Arc::new(Spool(Mutex::new(file)));
        self.spool = Some(Arc::clone(&spool));
        Ok(spool)
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let spool = self.spool().await?;
        let bytes = std::mem::take(&mut self.waiting);
        self.waiting = blocking(move || {
            spool.append(&bytes)?;
            Ok(bytes)
        })
        .await?;
        self.waiting.clear();
        Ok(())
    }
}

/// Why a form was not read to its end.
enum Failure {
    Malformed,
    Problem(Problem),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        tracing::error!("the files of a request can't be kept: {error}");
        Self::Problem(Problem::internal())
    }
}

/// Reads a form.
///
/// # Errors
/// If it is too long, if the client broke off, or if the files could not be kept. That it is malformed is told
/// among the violations.
pub(crate) async fn read(
    chunks: impl Stream<Item = Result<Bytes, Problem>> + Send + Unpin + 'static,
    content_type: &str,
    form: &Form,
    limits: &Limits,
    held: &mut Held<'_>,
) -> Result<(Fields<'static>, Files), Problem> {
    let mut reader = Reader {
        form,
        fields: Fields::with_room(limits.values),
        held,
        files: Files::default(),
        writer: Some(Writer::default()),
    };
    let chunks = chunks.map_err(Interrupted::Body);
    match reader.read(chunks, content_type).await {
        Ok(()) => {}
        Err(Failure::Malformed) => reader.fields.malformed(),
        Err(Failure::Problem(problem)) => return Err(problem),
    }
    Ok((reader.fields, reader.files))
}

/// The fields of a form that is in memory already; its files are not kept.
pub(crate) fn read_whole(
    body: &[u8],
    content_type: &str,
    form: &Form,
    room: &Room,
) -> Fields<'static> {
    let mut reader = Reader {
        form,
        fields: Fields::with_room(room.left()),
        held: &mut Held::default(),
        files: Files::default(),
        writer: None,
    };
    let chunk = Ok(Bytes::copy_from_slice(body));
    let chunks = stream::once(std::future::ready(chunk));
    // Nothing is waited for where nothing is written.
    if !matches!(
        reader.read(chunks, content_type).now_or_never(),
        Some(Ok(()))
    ) {
        reader.fields.malformed();
    }
    reader.fields
}

/// A name as it was before a browser wrote it, which encodes quotes and line ends, and nothing else (WHATWG HTML, section
/// 4.10.21.8, "Multipart form data").
fn unescaped(name: &str) -> String {
    if !name.contains('%') {
        return name.to_owned();
    }
    let name = name.replace("%22", "\"");
    name.replace("%0D", "\r").replace("%0A", "\n")
}

struct Reader<'f, 'l> {
    form: &'f Form,
    fields: Fields<'static>,
    /// What of it is in memory, if that is limited.
    held: &'f mut Held<'l>,
    files: Files,
    /// `None` if files are only looked at.
    writer: Option<Writer>,
}

impl Reader<'_, '_> {
    async fn read(
        &mut self,
        chunks: impl Stream<Item = Result<Bytes, Interrupted>> + Send + Unpin + 'static,
        content_type: &str,
    ) -> Result<(), Failure> {
        let Ok(boundary) = multer::parse_boundary(content_type) else {
            return Err(Failure::Malformed);
        };
        let gate = Arc::new(Gate::default());
        let guarded = Guarded {
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
            let Some(name) = part.name() else {
                return Err(Failure::Malformed);
            };
            let content_type = part.headers().get(http::header::CONTENT_TYPE);
            let content_type =
                content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let head = PartHead {
                name: unescaped(name),
                filename: part.file_name().map(unescaped),
                content_type,
            };
            if self.form.is_file(&head) {
                self.file(&gate, &mut part, head).await?;
                continue;
            }
            let mut text = Vec::new();
            while let Some(chunk) = gate.wait(|cx| part.poll_next_unpin(cx)).await {
                let chunk = chunk.map_err(failure)?;
                text_left = text_left.checked_sub(chunk.len()).ok_or_else(|| {
                    let detail =
                        format!("The fields that are not files are longer than {MAX_TEXT} bytes.");
                    too_large(detail)
                })?;
                self.hold(chunk.len())?;
                text.extend_from_slice(&chunk);
            }
            self.fields.add_part(self.form, head, &text);
        }
        match &mut self.writer {
            Some(writer) => Ok(writer.flush().await?),
            None => Ok(()),
        }
    }

    async fn file(
        &mut self,
        gate: &Gate,
        part: &mut multer::Field<'_>,
        head: PartHead,
    ) -> Result<(), Failure> {
        // Nobody will read what the document does not have.
        let is_kept = self.form.knows(&head.name);
        if is_kept
            && self
                .writer
                .as_ref()
                .is_some_and(|writer| writer.spool.is_none())
        {
            self.hold(PIECE)?;
        }
        let start = self.writer.as_ref().map_or(0, |writer| writer.length);
        let mut size = 0;
        while let Some(chunk) = gate.wait(|cx| part.poll_next_unpin(cx)).await {
            let chunk = chunk.map_err(failure)?;
            size += chunk.len() as u64;
            if let Some(writer) = self.writer.as_mut().filter(|_| is_kept) {
                writer.write(&chunk).await?;
            }
        }
        // What a browser sends for a file that was not chosen.
        if size == 0 && head.filename.as_deref() == Some("") {
            return Ok(());
        }
        if let Some(writer) = self.writer.as_mut().filter(|_| is_kept) {
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

/// Lets one chunk at a time through to `multer`, and only if it can't go on without: by itself it would take all
/// that has come, and hold it.
#[derive(Debug, Default)]
struct Gate {
    is_open: AtomicBool,
    was_asked: AtomicBool,
    /// How many bytes went through, and how many may.
    passed: AtomicU64,
    allowed: AtomicU64,
}

impl Gate {
    /// What comes now is what stands before a part, which `multer` holds until it is whole.
    fn expect_head(&self) {
        let passed = self.passed.load(Ordering::Relaxed);
        self.allowed.store(passed + MAX_HEAD, Ordering::Relaxed);
    }

    fn expect_data(&self) {
        self.allowed.store(u64::MAX, Ordering::Relaxed);
    }

    async fn wait<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        poll_fn(|cx| {
            loop {
                self.was_asked.store(false, Ordering::Relaxed);
                if let Poll::Ready(done) = poll(cx) {
                    return Poll::Ready(done);
                }
                if !self.was_asked.load(Ordering::Relaxed) {
                    return Poll::Pending;
                }
                self.is_open.store(true, Ordering::Relaxed);
            }
        })
        .await
    }
}

struct Guarded<S> {
    chunks: S,
    gate: Arc<Gate>,
}

/// Why the chunks ended.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("the body ended early")]
    Body(Problem),
    #[error("what stands before a part is too long")]
    LongHead,
}

impl<S: Stream<Item = Result<Bytes, Interrupted>> + Unpin> Stream for Guarded<S> {
    type Item = Result<Bytes, Interrupted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let gate = Arc::clone(&self.gate);
        if !gate.is_open.load(Ordering::Relaxed) {
            gate.was_asked.store(true, Ordering::Relaxed);
            return Poll::Pending;
        }
        if gate.passed.load(Ordering::Relaxed) > gate.allowed.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(Interrupted::LongHead)));
        }
        let next = self.chunks.poll_next_unpin(cx);
        if let Poll::Ready(next) = &next {
            gate.is_open.store(false, Ordering::Relaxed);
            if let Some(Ok(chunk)) = next {
                gate.passed.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
        }
        next
    }
}
