//! What is said of two builds.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use cargo_dockerize::failure::{Failure, Kind, Result, printable};
use cargo_dockerize::image::Difference;
use serde::Serialize;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The version of its JSON.
const SCHEMA: u32 = 1;

/// Beyond so many differences of one image people are told how many more there are.
const SHOWN: usize = 20;

#[derive(Debug, Serialize)]
pub struct Account {
    schema: u32,
    engine: &'static str,
    images: Vec<Compared>,
}

/// One image for one platform, of both builds.
#[derive(Debug, Serialize)]
pub struct Compared {
    name: String,
    platform: String,
    identical: bool,
    digests: [String; 2],
    differences: Vec<Difference>,
}

impl Compared {
    pub fn new(name: &str, platform: String, digests: [String; 2], differences: Vec<Difference>) -> Self {
        let identical = digests[0] == digests[1];
        Self { name: name.to_owned(), platform, identical, digests, differences }
    }

    fn describe(&self, text: &mut String) {
        let (name, platform) = (&self.name, &self.platform);
        let (green, red) = (AnsiColor::Green.on_default(), AnsiColor::Red.on_default());
        let [first, second] = &self.digests;
        if self.identical {
            let _ = writeln!(text, "{BOLD}{name}{BOLD:#} {platform} {green}is the same{green:#} {DIM}{first}{DIM:#}");
            return;
        }
        let _ =
            writeln!(text, "{BOLD}{name}{BOLD:#} {platform} {red}differs{red:#}\n  {DIM}{first}\n  {second}{DIM:#}");
        for difference in self.differences.iter().take(SHOWN) {
            let Difference { place, what, first, second } = difference;
            let _ = writeln!(text, "  {}: {}", printable(place), printable(what));
            let _ = writeln!(text, "    {DIM}{}\n    {}{DIM:#}", printable(first), printable(second));
        }
        if let Some(more) = self.differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(text, "  and {more} more: `--format json` has all");
        }
    }
}

impl Account {
    pub fn new(engine: &'static str, images: Vec<Compared>) -> Self {
        Self { schema: SCHEMA, engine, images }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        self.images.iter().for_each(|image| image.describe(&mut text));
        text
    }

    /// Fails where two builds made two images.
    pub fn judge(&self) -> Result<()> {
        let mut names: Vec<&str> =
            self.images.iter().filter(|image| !image.identical).map(|image| image.name.as_str()).collect();
        names.dedup();
        if names.is_empty() {
            return Ok(());
        }
        let verb = if names.len() == 1 { "is" } else { "are" };
        Err(Failure::new(Kind::Verify, format!("two builds made two images: {} {verb} not reproducible", names.join(", ")))
            .help("what differs in a program is most often a build script's or a macro's: a time, a random number, the order of a folder's files or of a HashMap"))
    }
}
