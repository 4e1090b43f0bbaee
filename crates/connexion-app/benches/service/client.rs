//! A client for answers and requests that are too long for `wrk`, or asked for only now and then.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// A client that keeps its connections.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

/// A page of a list.
pub(crate) struct Page {
    pub(crate) body: String,
    /// The path of the next one.
    pub(crate) next: Option<String>,
}

impl Client {
    pub(crate) fn of(address: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None);
        Self {
            agent: config.build().into(),
            base: format!("http://{address}"),
        }
    }

    /// A page, or the answer's status if it is no good one.
    pub(crate) fn page(&self, path: &str) -> Result<Page, u16> {
        let answer = self.agent.get(format!("{}{path}", self.base)).call();
        let (head, body) = answer.unwrap().into_parts();
        let body = body.into_with_config().limit(u64::MAX).read_to_string();
        if head.status != 200 {
            return Err(head.status.as_u16());
        }
        let link = head.headers.get("link");
        let links = link.and_then(|link| link.to_str().ok()).unwrap_or_default();
        let next = links.split(", <").find_map(|link| {
            let (path, relation) = link.split_once('>')?;
            let is_next = relation.contains(r#"rel="next""#);
            is_next.then(|| path.trim_start_matches('<').to_owned())
        });
        Ok(Page {
            body: body.unwrap(),
            next,
        })
    }

    /// Reads an answer to its end and keeps none of it; says how many bytes it had.
    pub(crate) fn drain(&self, path: &str) -> usize {
        let answer = self.agent.get(format!("{}{path}", self.base)).call();
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().into_with_config().limit(u64::MAX);
        let (mut body, mut part, mut all) = (body.reader(), vec![0; 256 * 1024], 0);
        loop {
            match body.read(&mut part).unwrap() {
                0 => return all,
                length => all += length,
            }
        }
    }

    /// Sends a file of CSV; the answer must be a good one.
    pub(crate) fn send(&self, path: &str, file: &Path) -> String {
        let request = self.agent.post(format!("{}{path}", self.base));
        let file = File::open(file).unwrap();
        let length = file.metadata().unwrap().len();
        let request = request
            .header("content-type", "text/csv")
            .header("content-length", length);
        let answer = request
            .send(ureq::SendBody::from_owned_reader(file))
            .unwrap();
        let (head, mut body) = answer.into_parts();
        let body = body.read_to_string().unwrap();
        assert_eq!(head.status, 200, "{body}");
        body
    }
}
