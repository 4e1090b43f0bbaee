//! As many requests as are answered: the load of `wrk`.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Request<'a> {
    /// Of somebody, by a key out of a file that has one a line.
    Read(&'a Path),
    List,
    Insert,
}

pub(crate) const BODY: &str = r#"{"survived":true,"passengerClass":3,"name":"Braund, Mr. Owen Harris 3e8","sex":"male","age":22,"siblingsOrSpousesAboard":1,"parentsOrChildrenAboard":0,"fare":7.25}"#;

impl Request<'_> {
    /// What `wrk` runs. Requests are written once, so that less of the machine goes to the load.
    fn script(self) -> String {
        match self {
            Self::Read(keys) => format!(
                "local requests = {{}}
                function init()
                    for key in io.lines('{}') do
                        requests[#requests + 1] = wrk.format('GET', '/people/' .. key)
                    end
                end
                function request() return requests[math.random(#requests)] end",
                keys.display()
            ),
            Self::List => "wrk.path = '/people'".to_owned(),
            Self::Insert => format!(
                "wrk.method = 'POST'
                wrk.path = '/people'
                wrk.body = '{BODY}'
                wrk.headers['Content-Type'] = 'application/json'"
            ),
        }
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read(_) => "read by key",
            Self::List => "list of 887",
            Self::Insert => "insert",
        })
    }
}

/// A load of `wrk`, to be put on one server after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) request: Request<'a>,
    /// Where the script is put.
    pub(crate) script: &'a Path,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
}

impl Load<'_> {
    /// Requests per second, all of which were answered well.
    pub(crate) fn on(&self, address: &str) -> f64 {
        std::fs::write(self.script, self.request.script()).unwrap();
        let mut wrk = Command::new("wrk");
        wrk.arg("-t1")
            .arg(format!("-c{}", self.connections))
            .arg(format!("-d{}s", self.time.as_secs().max(1)))
            .arg("-s")
            .arg(self.script)
            .arg(format!("http://{address}"));
        let output = wrk.output().expect("wrk is installed");
        let text = String::from_utf8(output.stdout).unwrap();
        let went_well = !text.contains("Non-2xx") && !text.contains("Socket errors");
        assert!(went_well, "{} at {address}: {text}", self.request);
        after(&text, "Requests/sec:").expect(&text)
    }
}

/// The number after a word in a program's output.
pub(crate) fn after<T: FromStr>(text: &str, word: &str) -> Option<T> {
    let (_, rest) = text.split_once(word)?;
    rest.split_whitespace().next()?.parse().ok()
}
