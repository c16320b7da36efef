//! A page in a real browser. What its console complains of, and what it asks of other hosts, fails the test.

use headless_chrome::browser::tab::point::Point;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Network, Page as Pages};
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A build on two cores may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser of its own. A missing one fails the test: a skip would look green.
pub fn browser() -> Browser {
    browser_with(&[])
}

/// The same with more options.
pub fn browser_with(more: &[&str]) -> Browser {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let path = found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("the page's tests need Chromium (tests/run installs it; Debian and Ubuntu: chromium)")
    });
    let args = ["--disable-dev-shm-usage", "--hide-scrollbars"].iter().chain(more).map(OsStr::new);
    let options = LaunchOptions::default_builder()
        .path(Some(path))
        // Chromium's sandbox does not work for root, as in a container. Only our own page is opened.
        .sandbox(false)
        .window_size(Some((1280, 1000)))
        .idle_browser_timeout(Duration::from_secs(600))
        .args(args.collect())
        .build()
        .unwrap();
    Browser::new(options).expect("Chromium starts")
}

/// One tab.
pub struct Page {
    tab: Arc<Tab>,
    problems: Arc<Mutex<Vec<String>>>,
}

impl Page {
    /// A new tab at the address that a server printed, and then at `path`; the server is the only host that it may ask.
    pub fn open(browser: &Browser, address: &str, path: &str) -> Page {
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(PATIENCE);
        let problems = Arc::new(Mutex::new(Vec::new()));
        let (told, home) = (problems.clone(), address.split('#').next().unwrap().to_string());
        let listen = move |event: &Event| {
            let problem = match event {
                Event::LogEntryAdded(event) => {
                    let entry = &event.params.entry;
                    format!("{:?}", entry.level)
                        .contains("Error")
                        .then(|| format!("{} {:?}", entry.text, entry.url))
                }
                Event::RuntimeExceptionThrown(event) => Some(format!("{:?}", event.params.exception_details)),
                Event::RuntimeConsoleAPICalled(event) => {
                    let kind = format!("{:?}", event.params.Type);
                    let values: Vec<_> = event.params.args.iter().map(|arg| arg.value.clone()).collect();
                    (kind == "Error" || kind == "Warning").then(|| format!("{kind} {values:?}"))
                }
                Event::NetworkRequestWillBeSent(event) => {
                    let url = &event.params.request.url;
                    let is_own =
                        url.starts_with(&home) || url.starts_with("data:") || url.starts_with("blob:");
                    (!is_own).then(|| format!("a request to {url}"))
                }
                _ => None,
            };
            told.lock().unwrap().extend(problem);
        };
        tab.add_event_listener(Arc::new(listen)).unwrap();
        tab.enable_log().unwrap().enable_runtime().unwrap();
        let enable = Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        };
        tab.call_method(enable).unwrap();
        let page = Page { tab, problems };
        page.tab.navigate_to(address).unwrap().wait_until_navigated().unwrap();
        page.is_let_in();
        if !path.is_empty() {
            page.js(&format!("history.replaceState(null, '', {path:?})"));
            page.reload();
        }
        page
    }

    /// As somebody who pastes the address that a server printed into the tab of an earlier one.
    pub fn enter(&self, address: &str) {
        self.js(&format!("void (location.href = {address:?})"));
        self.is_let_in();
    }

    /// Waits for the page itself, without the token in its address. Its HTML alone is not enough: it may go to the entrance.
    pub fn is_let_in(&self) {
        self.wait("document.title.includes('Train ·') && !location.href.includes('token')");
    }

    pub fn reload(&self) {
        self.reload_to("#start");
    }

    pub fn reload_to(&self, selector: &str) {
        self.tab.reload(false, None).unwrap().wait_until_navigated().unwrap();
        self.wait(&format!("document.querySelector({selector:?})"));
    }

    /// The value of an expression, which may be a promise.
    pub fn js(&self, expression: &str) -> Value {
        self.try_js(expression).unwrap_or_else(|why| panic!("{expression}: {why}"))
    }

    fn try_js(&self, expression: &str) -> Result<Value, String> {
        let text = format!("(async () => JSON.stringify(await ({expression})))()");
        let value = self.tab.evaluate(&text, true).map_err(|why| why.to_string())?.value;
        Ok(match value {
            Some(Value::String(text)) => serde_json::from_str(&text).unwrap(),
            _ => Value::Null,
        })
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait(&self, expression: &str) {
        self.wait_for(PATIENCE, expression);
    }

    /// As [`wait`](Page::wait), as long as that.
    #[track_caller]
    pub fn wait_for(&self, patience: Duration, expression: &str) {
        let start = Instant::now();
        // The page looks by itself: each question from here takes a tenth of a second.
        let look = format!(
            "(async () => {{\
               for (let i = 0; i < 40; i++) {{\
                 if ({expression}) return true;\
                 await new Promise((wake) => setTimeout(wake, 25));\
               }}\
               return false;\
             }})()"
        );
        // A page that gives way to the next one cannot answer.
        while self.try_js(&look) != Ok(Value::Bool(true)) {
            if start.elapsed() > patience {
                let text = self.js("document.body.innerText");
                panic!("never: {expression}\nproblems: {:?}\n{text}", self.problems.lock().unwrap());
            }
        }
    }

    /// Runs a script as if it were the page's own.
    pub fn run(&self, script: &str) {
        self.tab.evaluate(script, false).unwrap();
    }

    pub fn activate(&self) {
        self.tab.activate().unwrap();
    }

    /// What an element says, spaces and line ends made one space.
    pub fn text(&self, selector: &str) -> String {
        let text = self.js(&format!("document.querySelector({selector:?})?.innerText ?? '(not there)'"));
        text.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until an element says `words`.
    #[track_caller]
    pub fn says(&self, selector: &str, words: &str) {
        self.wait(&format!(
            "document.querySelector({selector:?})?.innerText.replace(/\\s+/g, ' ').includes({words:?})"
        ));
    }

    /// Clicks with the mouse in the middle of an element, which is scrolled to where it is out of sight.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.wait(&format!("document.querySelector({selector:?})?.getClientRects().length"));
        let place = self.js(&format!(
            "(() => {{\
               const node = document.querySelector({selector:?});\
               const inSight = ({{top, bottom}}) => top >= 0 && bottom <= innerHeight;\
               if (!inSight(node.getBoundingClientRect())) node.scrollIntoView({{block: 'center', behavior: 'instant'}});\
               const {{x, y, width, height}} = node.getBoundingClientRect();\
               return [x + width / 2, y + height / 2];\
             }})()"
        ));
        let [x, y] = [0, 1].map(|axis| place[axis].as_f64().unwrap());
        self.tab.click_point(Point { x, y }).unwrap_or_else(|why| panic!("{selector}: {why}"));
    }

    /// Replaces what is in a field, as a paste does.
    pub fn fill(&self, selector: &str, text: &str) {
        let field = format!("document.querySelector({selector:?})");
        self.wait(&format!("{field} && !{field}.disabled"));
        self.js(&format!("({field}.focus(), {field}.select())"));
        match text {
            "" => self.press("Delete"),
            _ => drop(self.tab.send_character(text).unwrap()),
        }
    }

    /// The same, key by key.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.fill(selector, "");
        self.tab.type_str(text).unwrap();
    }

    /// Chooses an option of a menu by its value.
    pub fn select(&self, selector: &str, value: &str) {
        self.js(&format!(
            "(() => {{ const menu = document.querySelector({selector:?}); menu.value = {value:?};\
               menu.dispatchEvent(new Event('change')); }})()"
        ));
    }

    pub fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    /// Chooses files in an input.
    pub fn choose(&self, selector: &str, files: &[&Path]) {
        let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        let input = self.tab.wait_for_element(selector).unwrap_or_else(|why| panic!("{selector}: {why}"));
        input.set_input_files(&files).unwrap();
    }

    /// Emulates a screen of this width.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = Emulation::SetDeviceMetricsOverride {
            width,
            height,
            device_scale_factor: 1.0,
            mobile: false,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        };
        self.tab.call_method(metrics).unwrap();
    }

    /// Saves a picture of the page where PAWGRAD_SCREENSHOTS names a folder, for people to look at.
    pub fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("PAWGRAD_SCREENSHOTS") else { return };
        std::thread::sleep(Duration::from_millis(700));
        let format = Pages::CaptureScreenshotFormatOption::Png;
        let png = self.tab.capture_screenshot(format, None, None, true).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }

    /// What the console complained of since the last call, other than about `expected`.
    #[track_caller]
    pub fn is_content_but_for(&self, expected: &[&str]) {
        let problems = std::mem::take(&mut *self.problems.lock().unwrap());
        let others: Vec<_> =
            problems.iter().filter(|problem| !expected.iter().any(|known| problem.contains(known))).collect();
        assert!(others.is_empty(), "the page's console: {others:#?}");
    }

    #[track_caller]
    pub fn is_content(&self) {
        self.is_content_but_for(&[]);
    }
}
