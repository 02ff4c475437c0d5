//! Expected failures: what happened, where, and what to do next.
//!
//! Every error that a user can meet is a [`Failure`]; its [`Kind`] is the documented exit code. Messages are lowercase
//! fragments without a full stop, as cargo's are, so that they can stand behind `error: ` and in front of a cause.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

/// What is said where no workspace is found.
pub(crate) const NO_WORKSPACE: &str = "this is not a Cargo workspace: no Cargo.toml here or above";

/// The result of everything that can fail in an expected way.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// What kind of failure this is; the number is the process's exit code and part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Generated files are not what the workspace asks for now (`--check`, `--locked`).
    Drift = 1,
    /// The command line cannot be understood (clap uses the same code), or names something that is not there.
    Usage = 2,
    /// The workspace, its manifests, its lock file or its metadata table cannot be used as they are.
    Workspace = 3,
    /// A file that we would write holds somebody's own work, or cannot be written.
    Emit = 4,
    /// No engine answers, or the one that answers cannot do what is needed.
    Engine = 5,
    /// A build step failed.
    Build = 6,
    /// The image was built, and is not what the plan promised.
    Verify = 7,
    /// A Dockerfile has what a rule of level `deny` finds.
    Lint = 8,
    /// A defect of this tool: please report it.
    Internal = 70,
    /// Interrupted by the user (128 + SIGINT).
    Interrupted = 130,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// A place in a file of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name as shown, relative where that is shorter.
    pub file: String,
    /// The file's whole text.
    pub text: String,
    /// Bytes in `text`.
    pub span: Range<usize>,
    /// What is wrong there, a few words.
    pub label: String,
}

/// An expected failure, built step by step: `Failure::new(Kind::Engine, "…").help("…")`.
///
/// ```
/// use cargo_dockerize::failure::{Failure, Kind};
/// let failure = Failure::new(Kind::Engine, "no Docker engine answers").help("start Docker, or set DOCKER_HOST");
/// assert_eq!(failure.kind().exit_code(), 5);
/// assert_eq!(failure.to_string(), "no Docker engine answers");
/// ```
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    details: Vec<String>,
    help: Vec<String>,
    place: Option<Place>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure of this kind; `message` is a lowercase fragment.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            details: Vec::new(),
            help: Vec::new(),
            place: None,
            cause: None,
        }))
    }

    /// Adds what to do next: an imperative sentence, with the command to run where there is one. May be called again.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    /// Adds lines that the user should see as they are, such as the end of a child's stderr. May be called again.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        if !detail.trim().is_empty() {
            self.0.details.push(detail);
        }
        self
    }

    /// Points at the place in a file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Keeps the error underneath; it is shown with its own sources as `caused by`.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// What to do next, as it was added.
    pub fn remedies(&self) -> &[String] {
        &self.0.help
    }

    /// Whether there is no workspace at all.
    pub fn is_outside(&self) -> bool {
        self.0.message == NO_WORKSPACE
    }

    /// What kind it is, and so the exit code.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The place that it points at.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The whole report as people read it, with ANSI colours (strip them on the way out where they are not wanted).
    pub fn report(&self) -> String {
        let title = printable(&self.0.message);
        let mut primary = Group::with_title(Level::ERROR.primary_title(title.as_str()));
        if let Some(place) = &self.0.place {
            primary = primary.element(
                Snippet::source(place.text.as_str())
                    .path(place.file.as_str())
                    .annotation(AnnotationKind::Primary.span(place.span.clone()).label(place.label.as_str())),
            );
        }
        let report: [Group<'_>; 1] = [primary];
        let mut text = Renderer::styled().render(&report);
        text.push('\n');
        let dim = Style::new().dimmed();
        let mut cause: Option<&dyn std::error::Error> = self.0.cause.as_deref().map(|c| c as _);
        while let Some(error) = cause {
            text.push_str(&format!("  {dim}caused by:{dim:#} {}\n", indent(&printable(&error.to_string()), "    ")));
            cause = error.source();
        }
        for detail in &self.0.details {
            text.push_str(&format!("\n{}\n", indent_all(&printable(detail), "  ")));
        }
        if !self.0.details.is_empty() && !self.0.help.is_empty() {
            text.push('\n');
        }
        let cyan = AnsiColor::Cyan.on_default().bold();
        for help in &self.0.help {
            text.push_str(&format!("{cyan}help:{cyan:#} {}\n", indent(&printable(help), "      ")));
        }
        text
    }
}

/// Control characters that a user's tree or a child could smuggle into the terminal are shown, not sent.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

fn indent(text: &str, with: &str) -> String {
    text.trim_end().replace('\n', &format!("\n{with}"))
}

fn indent_all(text: &str, with: &str) -> String {
    text.trim_end().lines().map(|line| format!("{with}{line}")).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}
