//! A trial's page as a browser shows it: nothing overlaps, leaves the screen, is too pale to be read, or is fetched.
//!
//! `DOCKERIZE_PICTURES=<folder>` keeps pictures of it: look at them before you commit a change of the page.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::PathBuf;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::trial::{Outcome, Trial, report};
use serde::Deserialize;

/// What `tests/browser/facts.js` finds.
#[derive(Debug, Deserialize)]
struct Facts {
    width: u32,
    dark: bool,
    paper: String,
    overflow: f64,
    outside: Vec<String>,
    wrong: Vec<String>,
    charts: usize,
    bars: usize,
    smallest: f64,
    texts: usize,
    faint: Vec<String>,
    pale: Vec<String>,
    scrolling: usize,
    requests: Vec<String>,
    scripts: usize,
}

#[derive(Clone, Copy)]
struct Screen {
    name: &'static str,
    width: u32,
    height: u32,
    dark: bool,
}

const SCREENS: [Screen; 4] = [
    Screen { name: "light", width: 1280, height: 3300, dark: false },
    Screen { name: "dark", width: 1280, height: 3300, dark: true },
    Screen { name: "phone", width: 390, height: 5200, dark: false },
    Screen { name: "phone-dark", width: 390, height: 5200, dark: true },
];

/// The browser, unless there is none and nobody insists.
fn browser() -> Option<PathBuf> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(|name| which::which(name).ok());
    if found.is_none() {
        // An engine of the machine's own says nothing of its browsers; the lab installs one.
        let lab = std::env::var("DOCKERIZE_E2E").is_ok_and(|engine| engine == "lab");
        assert!(!lab, "Chromium is missing: install the package chromium");
        eprintln!("skipped: there is no Chromium");
    }
    found
}

fn fixture() -> Trial {
    report::read(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trial/now.json")).unwrap()
}

struct Lab {
    folder: tempfile::TempDir,
    browser: PathBuf,
}

impl Lab {
    fn new(browser: PathBuf) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), browser }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.folder.path().join(name)).unwrap()
    }

    /// A phone is narrower than the browser's smallest window: the page is in a frame of the screen's size.
    fn open(&self, page: &str, screen: Screen, arguments: &[String]) -> String {
        let (name, Screen { width, height, .. }) = (screen.name, screen);
        fs_err::write(self.path(&format!("{name}.html")), page).unwrap();
        let frame = format!(
            "<!DOCTYPE html><meta name=color-scheme content='light dark'><body style='margin:0'>\
             <iframe src='{name}.html' style='border:0;width:{width}px;height:{height}px'></iframe>\
             <script>addEventListener('message', (event) => {{ document.body.append(event.data); }})</script>"
        );
        fs_err::write(self.path(&format!("{name}-frame.html")), frame).unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(&self.browser);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--virtual-time-budget=5000",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.arg(format!("--window-size={},{height}", width.max(600)));
        command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!screen.dark)));
        command.args(arguments).arg(format!("file://{}", self.path(&format!("{name}-frame.html"))));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn facts(&self, page: &str, screen: Screen) -> Facts {
        // The page forbids scripts; the copy that is looked at has one.
        let script = include_str!("browser/facts.js")
            .replace("document.body.append(out)", "parent.postMessage(out.textContent, '*')");
        let start = page.find("<meta http-equiv").unwrap();
        let end = start + page[start..].find('>').unwrap() + 1;
        let page = format!("{}{}", &page[..start], &page[end..]);
        let page = page.replace("</body>", &format!("<script>{script}</script></body>"));
        let dom = self.open(&page, screen, &["--dump-dom".to_owned()]);
        let from = dom.find("{\"width\"").unwrap_or_else(|| panic!("no facts in {dom}"));
        let text = dom[from..].split("</body>").next().unwrap();
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn picture(&self, page: &str, screen: Screen, into: &Utf8Path) {
        let file = into.join(format!("{}.png", screen.name));
        self.open(page, screen, &[format!("--screenshot={file}")]);
        let picture = fs_err::read(&file).unwrap();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{file}");
    }
}

fn sound(facts: &Facts, screen: Screen) {
    assert_eq!((facts.width, facts.dark), (screen.width, screen.dark), "{facts:?}");
    assert!(facts.overflow.abs() < 0.5, "{facts:?}");
    assert!(facts.outside.is_empty(), "{:#?}", facts.outside);
    assert!(facts.wrong.is_empty(), "{:#?}", facts.wrong);
    assert!(facts.faint.is_empty(), "{:#?}", facts.faint);
    assert!(facts.pale.is_empty(), "{:#?}", facts.pale);
    assert_eq!(facts.charts, 3, "each chart in one shape");
    assert!(facts.smallest >= 11.0, "letters in charts have {} px", facts.smallest);
    assert!(facts.texts > 100);
    assert!(facts.requests.is_empty(), "{:?}", facts.requests);
    assert_eq!(facts.scripts, 1, "only the test's own");
    let paper = if screen.dark { "rgb(20, 23, 27)" } else { "rgb(255, 255, 255)" };
    assert_eq!(facts.paper, paper);
}

#[test]
fn it_can_be_read_on_every_screen() {
    let Some(browser) = browser() else { return };
    let lab = Lab::new(browser);
    let page = report::html(&fixture()).unwrap();
    for screen in SCREENS {
        let facts = lab.facts(&page, screen);
        sound(&facts, screen);
        assert!(facts.bars > 50);
        assert!(screen.width < 1000 || facts.scrolling == 0, "tables fit on a desk");
    }
}

#[test]
fn wild_names_and_figures_change_nothing_of_that() {
    let Some(browser) = browser() else { return };
    let lab = Lab::new(browser);
    let mut trial = fixture();
    let wild = format!("<script>alert(1)</script>\"&'\u{1b}{}/Dockerfile", "W".repeat(120));
    wild.clone_into(&mut trial.image);
    wild.clone_into(&mut trial.machine.engine);
    wild.clone_into(&mut trial.contenders[1].name);
    for run in &mut trial.runs {
        if run.contender == "cargo-chef" {
            wild.clone_into(&mut run.contender);
        }
        wild.clone_into(&mut run.change);
        match &mut run.outcome {
            Outcome::Built(build) => {
                build.seconds *= if run.contender == "cargo" { 0.0 } else { 90_000.0 };
                build.layers.iter_mut().for_each(|layer| wild.clone_into(&mut layer.name));
                for (i, stage) in build.stages.iter_mut().enumerate() {
                    stage.name = format!("{i} {wild}");
                }
            }
            Outcome::Failed { why } | Outcome::Skipped { why } => wild.clone_into(why),
        }
    }
    let page = report::html(&trial).unwrap();
    for screen in [SCREENS[0], SCREENS[2]] {
        sound(&lab.facts(&page, screen), screen);
    }
}

#[test]
fn pictures_can_be_taken() {
    let Some(browser) = browser() else { return };
    let lab = Lab::new(browser);
    let page = report::html(&fixture()).unwrap();
    let kept = std::env::var("DOCKERIZE_PICTURES").map(Utf8PathBuf::from);
    let screens = if kept.is_ok() { &SCREENS[..] } else { &SCREENS[..1] };
    for screen in screens {
        lab.picture(&page, *screen, kept.as_deref().unwrap_or(&lab.path("")));
    }
}
