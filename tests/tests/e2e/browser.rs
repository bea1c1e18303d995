//! A real browser, as a test uses it: Chromium without a window, driven over `WebDriver`.

mod axe;
mod driver;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use reqwest::{Method, Url};
use serde_json::{Value, json};

/// How long a page may take to become what a test waits for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(25);

/// Whether the browser is wanted: it is, unless it is left out by name.
pub(crate) fn wanted() -> bool {
    match std::env::var("PROVESI_TEST_BROWSER").as_deref() {
        Err(_) | Ok("chromium") => true,
        Ok("none") => false,
        Ok(other) => panic!("PROVESI_TEST_BROWSER is `chromium` or `none`, not {other:?}"),
    }
}

/// What one looks at the page with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// 1280 × 900.
    Desk,
    /// 390 × 844.
    Handheld,
}

impl Screen {
    const fn size(self) -> (u32, u32) {
        match self {
            Self::Desk => (1280, 900),
            Self::Handheld => (390, 844),
        }
    }
}

/// A browser with a profile of its own.
pub(crate) struct Browser {
    client: Client,
    screen: Screen,
}

impl Browser {
    pub(crate) async fn open(screen: Screen) -> Self {
        Self::start(screen, true).await
    }

    /// One that runs no script of a page.
    pub(crate) async fn without_script(screen: Screen) -> Self {
        Self::start(screen, false).await
    }

    async fn start(screen: Screen, script: bool) -> Self {
        let driver = tokio::task::spawn_blocking(|| &*driver::RUNNING).await.expect("the driver runs");
        let (width, height) = screen.size();
        // What is fetched in the background is none of a test's business. Root has no sandbox.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            "--lang=es-CO",
        ];
        let options = json!({
            "binary": driver.browser,
            "args": arguments,
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1.0, "mobile": false}},
        });
        let capabilities = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"pageLoad": 30_000, "script": 30_000},
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver.url)
            .await
            .expect("a browser starts");
        if !script {
            // The pages have no script but those files. To switch scripts off in the browser would leave the driver without
            // them too, which it does everything with.
            for command in [Cdp("Network.enable", json!({})), Cdp("Network.setBlockedURLs", json!({"urls": ["*.js*"]}))]
            {
                client.issue_cmd(command).await.expect("Chromium blocks what it is told to");
            }
        }
        Self { client, screen }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    pub(crate) async fn back(&self) {
        self.client.back().await.expect("there is a page before");
    }

    /// Opens each page as if nothing of it had been seen before.
    pub(crate) async fn forget_what_was_seen(&self) {
        for (command, parameters) in
            [("Network.enable", json!({})), ("Network.setCacheDisabled", json!({"cacheDisabled": true}))]
        {
            self.client.issue_cmd(Cdp(command, parameters)).await.expect("the browser forgets");
        }
    }

    pub(crate) async fn url(&self) -> String {
        self.client.current_url().await.expect("a page is open").to_string()
    }

    /// The first element that the CSS selector finds, waited for.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(PATIENCE).every(LOOK).for_element(Locator::Css(selector)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("no `{selector}` at {}: {error}\n{}", self.url().await, self.all_text().await),
        }
    }

    pub(crate) async fn has(&self, selector: &str) -> bool {
        !self.client.find_all(Locator::Css(selector)).await.expect("a selector").is_empty()
    }

    /// What one reads there, waited for.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// All that one reads on the page.
    async fn all_text(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await;
        match body {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Clicks what leads to another page, and waits until that is there.
    pub(crate) async fn click_through(&self, selector: &str) {
        self.evaluate("window.isOld = true").await;
        self.click(selector).await;
        self.wait_until("!window.isOld && document.readyState === 'complete'").await;
    }

    /// Two clicks, faster than any answer.
    pub(crate) async fn double_click(&self, selector: &str) {
        let target = self.find(selector).await;
        let press =
            || [PointerAction::Down { button: MOUSE_BUTTON_LEFT }, PointerAction::Up { button: MOUSE_BUTTON_LEFT }];
        let to = PointerAction::MoveToElement { element: target, duration: None, x: 0.0, y: 0.0 };
        let actions = [to].into_iter().chain(press()).chain(press());
        let mouse = actions.fold(MouseActions::new("mouse".to_owned()), |mouse, action| mouse.then(action));
        self.client.perform_actions(mouse).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Types into a field, in the place of what is there.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.expect("something has the focus");
        focused.send_keys(keys).await.expect("it takes keys");
    }

    /// Presses keys at the pace of a scanner, whatever the page does meanwhile: each text with its Enter, and this pause
    /// after it.
    pub(crate) async fn scan_at_a_pace(&self, scans: &[String], pause: Duration) {
        let press = |key: char| [KeyAction::Down { value: key }, KeyAction::Up { value: key }];
        let keys = scans.iter().fold(KeyActions::new("scanner".to_owned()), |keys, text| {
            let typed = text.chars().chain([char::from(Key::Enter)]).flat_map(press);
            typed.chain([KeyAction::Pause { duration: pause }]).fold(keys, |keys, action| keys.then(action))
        });
        self.client.perform_actions(keys).await.expect("the browser takes keys");
    }

    /// Slows the processor of the page down by this factor.
    pub(crate) async fn slow_down(&self, factor: u32) {
        let command = Cdp("Emulation.setCPUThrottlingRate", json!({"rate": factor}));
        self.client.issue_cmd(command).await.expect("Chromium slows down");
    }

    /// Presses the tabulator until the element has the focus: what cannot be reached so is out of reach for whoever has a
    /// keyboard alone.
    pub(crate) async fn tab_to(&self, selector: &str) {
        let target = self.find(selector).await;
        for _ in 0..200 {
            let focused = self.client.active_element().await.expect("something has the focus");
            if focused.element_id() == target.element_id() {
                return;
            }
            focused.send_keys(&Key::Tab.to_string()).await.expect("it takes keys");
        }
        panic!("`{selector}` at {} cannot be reached by the keyboard", self.url().await);
    }

    /// Waits until the page satisfies `condition`, a JavaScript expression.
    pub(crate) async fn wait_until(&self, condition: &str) {
        let start = Instant::now();
        while self.evaluate(condition).await != Value::Bool(true) {
            assert!(
                start.elapsed() < PATIENCE,
                "`{condition}` does not come true at {}:\n{}",
                self.url().await,
                self.all_text().await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) async fn evaluate(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.client.execute(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Nothing is wider than the screen, and nothing on the page was fetched from elsewhere.
    pub(crate) async fn assert_keeps_to_itself(&self) {
        // A scroll bar at the side takes some of the width.
        let over = self.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert_eq!(over, 0, "px too wide at {}", self.url().await);
        let fetched = self
            .evaluate(
                "performance.getEntriesByType('resource').map(entry => entry.name) \
                 .filter(name => !name.startsWith(location.origin + '/') && !name.startsWith('data:'))",
            )
            .await;
        assert_eq!(fetched, json!([]), "at {}", self.url().await);
    }

    /// Nothing on the page moved by itself since it was opened.
    pub(crate) async fn assert_stays_put(&self) {
        let shifts = self
            .client
            .execute_async(
                "const done = arguments[arguments.length - 1]; \
                 const shifts = []; \
                 new PerformanceObserver(list => shifts.push(...list.getEntries())) \
                     .observe({type: 'layout-shift', buffered: true}); \
                 requestAnimationFrame(() => setTimeout(() => done(shifts.map(shift => shift.value)), 50))",
                Vec::new(),
            )
            .await
            .expect("the browser tells what moved");
        // What nobody can see is let through: 0.1 is where the web calls a shift poor.
        let shift: f64 = shifts.as_array().into_iter().flatten().filter_map(Value::as_f64).sum();
        assert!(shift < 0.01, "{shifts} at {}", self.url().await);
    }

    /// How many bytes came over the wire for the page, and how many requests were made for it.
    pub(crate) async fn wire(&self) -> (u64, u64) {
        let told = self
            .evaluate(
                "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')] \
                 .map(entry => entry.transferSize).filter(size => size > 0)",
            )
            .await;
        let sizes: Vec<u64> = told.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        (sizes.iter().sum(), sizes.len() as u64)
    }

    /// No finding of axe-core that is serious or worse.
    pub(crate) async fn assert_accessible(&self) {
        self.client.execute(&axe::SCRIPT, Vec::new()).await.expect("axe-core loads");
        let findings = self
            .client
            .execute_async(
                "const done = arguments[arguments.length - 1]; \
                 axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations \
                     .filter(rule => rule.impact === 'serious' || rule.impact === 'critical') \
                     .map(rule => `${rule.id}: ${rule.help}\\n` + rule.nodes.map(node => '  ' + node.html).join('\\n'))), \
                     error => done([String(error)]))",
                Vec::new(),
            )
            .await
            .expect("axe-core runs");
        let findings: Vec<&str> = findings.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(findings.is_empty(), "{}:\n{}", self.url().await, findings.join("\n"));
    }

    /// A picture of what the screen shows of the page, in `target/screenshots/`.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = provesi_tests::target_dir().join("screenshots");
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        let file: PathBuf = folder.join(format!("{name}-{}.png", self.screen.size().0));
        let picture = self.client.screenshot().await.expect("a picture is taken");
        std::fs::write(&file, picture).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// What a script of a page fell over.
    pub(crate) async fn errors(&self) -> Vec<Value> {
        let log = self.client.issue_cmd(ErrorLog).await.expect("the driver keeps a log");
        let entries = log.as_array().cloned().unwrap_or_default();
        // A page of 404 or 422 is logged as a resource that failed to load.
        entries.into_iter().filter(|entry| entry["level"] == "SEVERE" && entry["source"] != "network").collect()
    }

    /// Ends it. One that is dropped instead, as in a test that fails, ends with the run.
    pub(crate) async fn close(self) {
        self.client.close().await.expect("the browser ends");
    }
}

/// A command of Chromium's own protocol, passed on by its driver.
#[derive(Debug)]
struct Cdp(&'static str, Value);

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"cmd": self.0, "params": self.1}).to_string()))
    }
}

/// Chromium's own command for the log of the browser.
#[derive(Debug)]
struct ErrorLog;

impl WebDriverCompatibleCommand for ErrorLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}
