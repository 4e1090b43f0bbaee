//! A real browser: Chromium without a window, told what to do through chromedriver (`WebDriver`: JSON over HTTP).
//!
//! There is one, which tests take turns with; it ends with the last test that has it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Service, until};

/// What an element is called in answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const SPACE: &str = " ";

const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
];

/// The one that runs, if one does.
static RUNNING: Mutex<Weak<Mutex<Driver>>> = Mutex::new(Weak::new());

/// The browser, for whoever's turn it is to come.
pub(crate) struct Browser(Arc<Mutex<Driver>>);

/// The browser, for whoever's turn it is.
pub(crate) struct Turn<'b> {
    driver: MutexGuard<'b, Driver>,
    /// Host and port of the service that is looked at.
    address: String,
}

struct Driver {
    process: Child,
    client: ureq::Agent,
    session: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(driver) = running.upgrade() {
            return Self(driver);
        }
        let driver = Arc::new(Mutex::new(Driver::start()));
        *running = Arc::downgrade(&driver);
        Self(driver)
    }

    /// Waits for this test's turn, and makes the browser as if it were new.
    pub(crate) fn turn(&self, service: &Service) -> Turn<'_> {
        let driver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = Turn {
            driver,
            address: service.address.clone(),
        };
        turn.cdp("Network.clearBrowserCookies", &json!({}));
        turn.scripts(true);
        turn.dark(false);
        turn.width(1280);
        turn
    }
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: scripts/setup-tests.sh installs it");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_mins(1)));
        let mut driver = Self {
            process,
            client: config.build().into(),
            session: format!("http://127.0.0.1:{}/session", port.unwrap()),
        };
        let options = json!({"goog:chromeOptions": {"args": ARGUMENTS}});
        let session = driver.post("", &json!({"capabilities": {"alwaysMatch": options}}));
        driver.session = format!(
            "{}/{}",
            driver.session,
            session["sessionId"].as_str().unwrap()
        );
        driver
    }

    #[track_caller]
    fn post(&self, command: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{command}", self.session));
        let answer = request
            .header("content-type", "application/json")
            .send(body.to_string());
        let text = answer
            .unwrap()
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .read_to_string()
            .unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        let value = answer["value"].take();
        let error = &value["error"];
        assert!(error.is_null(), "{command}: {error}: {}", value["message"]);
        value
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.client.delete(&self.session).call();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Turn<'_> {
    /// Opens a path of the service.
    #[track_caller]
    pub(crate) fn open(&self, path: &str) {
        let url = format!("http://{}{path}", self.address);
        self.driver.post("/url", &json!({"url": url}));
        // On a busy machine the command returned before all rows of a page were there.
        until(|| {
            let is_complete = self.js("return document.readyState === 'complete'") == true;
            is_complete
                .then_some(())
                .ok_or_else(|| format!("{path} is still loading"))
        });
    }

    /// The path and query of what is shown.
    #[track_caller]
    pub(crate) fn path(&self) -> String {
        self.js("return location.pathname + decodeURI(location.search)")
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What a script returns.
    #[track_caller]
    pub(crate) fn js(&self, script: &str) -> Value {
        self.driver
            .post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The texts that are seen in the elements of this selector.
    #[track_caller]
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        let script = "return Array.from(document.querySelectorAll(arguments[0]), one => one.innerText.trim().replace(/\\s+/g, ' '))";
        let found = self.driver.post(
            "/execute/sync",
            &json!({"script": script, "args": [selector]}),
        );
        serde_json::from_value(found).unwrap()
    }

    /// The text of the first of them.
    #[track_caller]
    pub(crate) fn text(&self, selector: &str) -> String {
        let mut all = self.texts(selector);
        assert!(!all.is_empty(), "there is no {selector} at {}", self.path());
        all.swap_remove(0)
    }

    /// Waits until an element has this in its text.
    #[track_caller]
    pub(crate) fn until(&self, selector: &str, text: &str) {
        until(|| {
            let found = self.texts(selector);
            let is_there = found.iter().any(|one| one.contains(text));
            is_there
                .then_some(())
                .ok_or_else(|| format!("“{text}” in {selector}, where there is {found:?}"))
        });
    }

    /// Waits until this path is shown.
    #[track_caller]
    pub(crate) fn until_at(&self, path: &str) {
        until(|| {
            let found = self.path();
            found
                .starts_with(path)
                .then_some(())
                .ok_or_else(|| format!("{path} instead of {found}"))
        });
    }

    #[track_caller]
    fn find(&self, using: &str, value: &str) -> String {
        let found = self
            .driver
            .post("/element", &json!({"using": using, "value": value}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Clicks on what this selector finds first.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let element = self.find("css selector", selector);
        self.driver
            .post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Clicks on what leads to another page, and waits for that.
    #[track_caller]
    pub(crate) fn go(&self, selector: &str) {
        let element = self.find("css selector", selector);
        self.leave(&element);
    }

    /// The same with a link of this text.
    #[track_caller]
    pub(crate) fn follow(&self, text: &str) {
        let element = self.find("partial link text", text);
        self.leave(&element);
    }

    #[track_caller]
    fn leave(&self, element: &str) {
        self.js("window.isBefore = true");
        self.driver
            .post(&format!("/element/{element}/click"), &json!({}));
        until(|| {
            let has_come = self
                .js("return window.isBefore === undefined && document.readyState === 'complete'");
            (has_come == true)
                .then_some(())
                .ok_or_else(|| format!("another page than {}", self.path()))
        });
    }

    /// An attribute of what this selector finds first, without a script.
    #[track_caller]
    pub(crate) fn attribute(&self, selector: &str, name: &str) -> String {
        let element = self.find("css selector", selector);
        let command = format!("/element/{element}/attribute/{name}");
        let request = self
            .driver
            .client
            .get(format!("{}{command}", self.driver.session));
        let text = request.call().unwrap().into_body().read_to_string();
        let answer: Value = serde_json::from_str(&text.unwrap()).unwrap();
        answer["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Forgets all cookies, as a browser does whose session has ended.
    pub(crate) fn forget_cookies(&self) {
        self.cdp("Network.clearBrowserCookies", &json!({}));
    }

    /// Enters a text, or chooses a file, in place of what was there.
    #[track_caller]
    pub(crate) fn enter(&self, selector: &str, text: &str) {
        let element = self.find("css selector", selector);
        if text.chars().any(|one| one > '\u{ffff}') {
            // chromedriver has no keys for these.
            self.js(&format!(
                "document.querySelector({selector:?}).value = {}",
                json!(text)
            ));
            return;
        }
        if self.js(&format!("return document.querySelector({selector:?}).type")) != "file" {
            self.driver
                .post(&format!("/element/{element}/clear"), &json!({}));
        }
        self.driver
            .post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Presses keys, wherever the focus is.
    #[track_caller]
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [
                json!({"type": "keyDown", "value": key}),
                json!({"type": "keyUp", "value": key}),
            ]
        });
        let strokes: Vec<_> = strokes.collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.driver.post("/actions", &actions);
    }

    /// Goes from element to element with the tabulator until the focus is on one of this selector.
    #[track_caller]
    pub(crate) fn tab_to(&self, selector: &str) {
        for _ in 0..200 {
            self.press(TAB);
            let script = format!(
                "const one = document.activeElement; if (!one.matches({selector:?})) return null; \
                const style = getComputedStyle(one); return style.outlineStyle !== 'none' && style.outlineWidth !== '0px'"
            );
            match self.js(&script) {
                Value::Null => {}
                is_visible => {
                    assert_eq!(is_visible, true, "the focus on {selector} can't be seen");
                    return;
                }
            }
        }
        panic!("{selector} can't be reached with the tabulator");
    }

    #[track_caller]
    fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.driver.post(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
    }

    /// How wide the window is, in CSS pixels.
    pub(crate) fn width(&self, width: u32) {
        let height = if width < 500 { 740 } else { 860 };
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
    }

    pub(crate) fn dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.cdp(
            "Emulation.setEmulatedMedia",
            &json!({"media": "", "features": features}),
        );
    }

    /// Shows pages as they are printed.
    pub(crate) fn print(&self) {
        self.cdp("Emulation.setEmulatedMedia", &json!({"media": "print"}));
    }

    /// Lets what is sent take its time: bytes a second, or -1 for no limit.
    pub(crate) fn slow_uploads(&self, bytes: i64) {
        self.cdp("Network.enable", &json!({}));
        let conditions = json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes});
        self.cdp("Network.emulateNetworkConditions", &conditions);
    }

    /// Lets pages that are opened from now on run scripts, or not.
    pub(crate) fn scripts(&self, are_run: bool) {
        self.cdp(
            "Emulation.setScriptExecutionDisabled",
            &json!({"value": !are_run}),
        );
    }

    pub(crate) fn without_scripts(&self) {
        self.scripts(false);
    }

    /// How many elements of this selector can be seen.
    #[track_caller]
    pub(crate) fn visible(&self, selector: &str) -> u64 {
        let script = format!(
            "return Array.from(document.querySelectorAll({selector:?})).filter(one => one.checkVisibility()).length"
        );
        self.js(&script).as_u64().unwrap()
    }

    /// Writes what is seen into `target/screenshots`.
    pub(crate) fn screenshot(&self, name: &str) {
        let picture = self.cdp("Page.captureScreenshot", &json!({"format": "png"}));
        let bytes = base64(picture["data"].as_str().unwrap());
        let directory = screenshots();
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Asks axe-core what keeps people from using the page; and nothing may be wider than the window.
    #[track_caller]
    pub(crate) fn is_accessible(&self) {
        let script = format!(
            "{}; const done = arguments[arguments.length - 1]; \
            axe.run(document, {{resultTypes: ['violations']}}).then(({{violations}}) => done(violations.map(one => \
            one.id + ': ' + one.nodes.map(node => node.html.slice(0, 200) + ' ' + node.failureSummary).join(' | '))), \
            error => done([String(error)]))",
            include_str!("../../data/axe.min.js")
        );
        let found = self
            .driver
            .post("/execute/async", &json!({"script": script, "args": []}));
        assert_eq!(found, json!([]), "at {}", self.path());
        let overhang = self.js(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert_eq!(overhang, 0, "{} is wider than the window", self.path());
        let script = "return Array.from(document.querySelectorAll('main table')).filter(one => { \
            const [own, its] = [one, one.parentElement].map(one => one.getBoundingClientRect()); \
            return one.checkVisibility() && !one.closest('.scroll') && own.right > its.right + 1; \
        }).map(one => one.className)";
        assert_eq!(self.js(script), json!([]), "a table at {}", self.path());
    }
}

fn screenshots() -> PathBuf {
    // Where cargo builds to, wherever that is.
    let program = Path::new(env!("CARGO_BIN_EXE_connexion-app"));
    program.ancestors().nth(2).unwrap().join("screenshots")
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.decode(text).unwrap()
}
