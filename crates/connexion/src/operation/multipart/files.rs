//! The files of a form, in one temporary file.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use axum::extract::FromRequestParts;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::request::Parts;

/// Bytes are written and read in chunks of this size.
pub(super) const CHUNK: usize = 256 * 1024;

/// The files of a `multipart/form-data` request, by the names of their fields. They are in one temporary file, which is
/// removed when the last of them is dropped.
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
/// In the [`Body`](crate::Body) of such a request, a file is the object `{"filename", "content_type", "size"}`. Only the
/// `type` of a file's schema is checked.
///
/// It requires the feature `multipart` and tokio's runtime.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<(String, Vec<Upload>)>);

impl Files {
    /// Returns the files of a field, in the order in which they were sent.
    ///
    /// The slice is empty if the field was not sent, if no file was selected, or if the request is not such a form.
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

    /// Returns all files by the names of their fields. Fields without files are left out.
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

    pub(super) fn add(&mut self, name: &str, file: Upload) {
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

/// A file of a form; see [`Files`].
///
/// Its name and media type come from the client and may be wrong: check the bytes before you rely on them.
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
/// let response = service.handle(request.body(form.into())?).await;
/// let body = axum::body::to_bytes(response.into_body(), 1000).await?;
/// assert_eq!(body, r#"Some("a.png"), None, 3 bytes"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Upload {
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) size: u64,
    pub(super) spool: Arc<Spool>,
    pub(super) start: u64,
}

impl Upload {
    /// Returns the file name that the client sent. It may be any string: do not use it as a path.
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

    /// Returns the media type that the client declared, which may be wrong; `None` if it declared none.
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

    /// Returns the number of received bytes, which may be 0.
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

    /// Returns a stream of all bytes. It must be polled within tokio's runtime.
    ///
    /// An item is an error if the temporary file can't be read.
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
        let chunks = stream::try_unfold((spool, self.start), move |(spool, at)| async move {
            let length = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            if length == 0 {
                return Ok(None);
            }
            let from = Arc::clone(&spool);
            let chunk = blocking(move || from.read(at, length)).await?;
            let next = at + length as u64;
            Ok(Some((chunk, (spool, next))))
        });
        chunks.boxed()
    }
}

/// The temporary file with the files of a request.
#[derive(Debug)]
pub(super) struct Spool(Mutex<File>);

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

/// Runs blocking work on another thread, so that other requests do not wait for the file system.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}

/// Writes the files of a request to its temporary file.
#[derive(Default)]
pub(super) struct SpoolWriter {
    /// Created for the first file.
    spool: Option<Arc<Spool>>,
    /// The number of bytes passed to [`Self::write`].
    length: u64,
    buffer: Vec<u8>,
}

impl SpoolWriter {
    /// Returns whether the temporary file exists.
    pub(super) fn is_open(&self) -> bool {
        self.spool.is_some()
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) async fn spool(&mut self) -> io::Result<Arc<Spool>> {
        if let Some(spool) = &self.spool {
            return Ok(Arc::clone(spool));
        }
        let file = blocking(tempfile::tempfile).await?;
        let spool = Arc::new(Spool(Mutex::new(file)));
        self.spool = Some(Arc::clone(&spool));
        Ok(spool)
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush().await?;
        }
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let spool = self.spool().await?;
        let bytes = std::mem::take(&mut self.buffer);
        self.buffer = blocking(move || {
            spool.append(&bytes)?;
            Ok(bytes)
        })
        .await?;
        self.buffer.clear();
        Ok(())
    }
}
