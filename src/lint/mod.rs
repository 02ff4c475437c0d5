//! Judges Dockerfiles, whoever wrote them: with the ignore file, the bake or compose file beside them, and the facts of the
//! Cargo workspace where there is one.
//!
//! Pure: [`files`] and [`facts`] read, [`judge`] looks at what they read, [`report`] says what it found. A rule is a row in
//! `rules.toml`, a function below [`rules`], examples in `tests/lint` and a page in `docs/lint`.

pub mod allow;
mod bodies;
pub mod call;
pub mod companions;
pub mod expand;
pub mod facts;
pub mod files;
pub mod fix;
#[cfg(test)]
mod hostile_tests;
mod levels;
mod merge;
pub mod model;
mod parse;
mod place;
pub mod report;
pub mod rules;
pub mod shell;
mod shells;
mod table;
pub mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use facts::Facts;
pub use levels::Levels;
pub(crate) use levels::known;
pub use merge::merge;
pub use parse::{Unreadable, parse};
pub use table::{RuleRow, row, rows, url};

use companions::Companion;
use model::{Dockerfile, Span};

/// What a finding means for the build that runs the lint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It is not looked for.
    Allow,
    /// Worth knowing.
    Note,
    /// Something to change.
    Warn,
    /// It fails the run.
    Deny,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Deny => "deny",
        })
    }
}

/// A file's name as people see it, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As it is shown.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// One Dockerfile, and what lies around it.
#[derive(Debug, Clone)]
pub struct Input {
    /// The Dockerfile.
    pub dockerfile: Source,
    /// The ignore file that holds for it.
    pub ignore: Option<Source>,
    /// The context that it is built in, where that can be told.
    pub context: Option<ContextFolder>,
    /// Bake and compose files that build it.
    pub companions: Vec<Companion>,
    /// Prefixes in the place of registries, as the workspace's metadata has them.
    pub mirrors: BTreeMap<String, String>,
}

/// A build context, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextFolder {
    /// Its files and folders, relative to it, folders with a `/` at their end; some levels deep, without what is in `.git`,
    /// `target` and their kin.
    pub entries: Vec<String>,
    /// The text of its `.gitignore`.
    pub gitignore: String,
    /// The toolchain file that holds in it.
    pub toolchain: Option<crate::workspace::ToolchainFile>,
    /// Whether a build script or a manifest speaks of git, so that the build may read the repository.
    pub mentions_git: bool,
}

impl ContextFolder {
    /// Whether a file or a folder is there.
    pub fn has(&self, path: &str) -> bool {
        self.entries.iter().any(|entry| entry.trim_end_matches('/') == path)
    }
}

/// Which of the files a finding is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Where {
    /// The Dockerfile.
    #[default]
    Dockerfile,
    /// The ignore file.
    Ignore,
    /// One of the bake and compose files.
    Companion(usize),
}

/// A text in place of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// What it takes the place of.
    pub span: Span,
    /// The new text.
    pub text: String,
}

/// What a rule found, before it is known whether anybody wants to hear of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Which file.
    pub file: Where,
    /// Where in it.
    pub span: Span,
    /// One line: what is so, not what to do.
    pub message: String,
    /// A few words at the place.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// Other places in the same file, with a few words each.
    pub also: Vec<(Span, String)>,
    /// Edits that do away with it, where that is mechanical.
    pub fix: Vec<Edit>,
    /// Secrets that stand here and are not known by their looks: what shows the file shows stars.
    pub secrets: Vec<Span>,
}

impl Found {
    /// In the Dockerfile, at this place.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), ..Self::default() }
    }

    /// In another file.
    #[must_use]
    pub fn within(mut self, file: Where) -> Self {
        self.file = file;
        self
    }

    /// With a few words at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With another place.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// With a secret, which is not shown.
    #[must_use]
    pub fn hide(mut self, span: Span) -> Self {
        self.secrets.push(span);
        self
    }

    /// With an edit that does away with it; all edits of a finding are made, or none.
    #[must_use]
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fix.push(Edit { span, text: text.into() });
        self
    }
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name; BuildKit's own have `buildkit/` before them.
    pub rule: String,
    /// What it means.
    pub level: Level,
    /// The file, as it is shown.
    pub path: String,
    /// What was found; its `file` is the one that `path` names.
    pub found: Found,
    /// The rule's page, where that has an address.
    pub url: Option<String>,
}

/// What rules look at.
pub struct Context<'a> {
    /// The files.
    pub input: &'a Input,
    /// The Dockerfile, parsed.
    pub file: &'a Dockerfile,
    /// The workspace, where there is one and something asks for it.
    pub facts: Option<&'a Facts>,
    /// The ignore file, where there is one that can be read.
    pub ignore: Option<&'a crate::ignore::Matcher>,
}

impl Context<'_> {
    /// The Dockerfile's text.
    pub fn text(&self) -> &str {
        &self.input.dockerfile.text
    }
}

/// Looks for everything that these levels want to know.
pub fn judge(input: &Input, levels: &Levels, facts: Option<&Facts>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |rule: &RuleRow, found: Found| {
        let level = levels.of(&rule.name);
        if level > Level::Allow {
            let path = input.source(found.file).path.clone();
            findings.push(Finding { rule: rule.name.clone(), level, path, found, url: url(&rule.name) });
        }
    };
    let file = match parse(&input.dockerfile.text) {
        Ok(file) => Dockerfile { mirrors: input.mirrors.clone(), ..file },
        Err(error) => {
            if let Some(rule) = row("syntax") {
                let message = format!("this is no Dockerfile: {}", error.message);
                add(rule, Found::at(error.span, message).label("the engine stops here"));
            }
            return findings;
        }
    };
    let ignore = input.ignore.as_ref().and_then(|ignore| crate::ignore::Matcher::read(&ignore.text).ok());
    let context = Context { input, file: &file, facts, ignore: ignore.as_ref() };
    let mut allowed = allow::read(&file, &input.dockerfile.text);
    for rule in rows().iter().filter(|rule| levels.of(&rule.name) > Level::Allow) {
        let Some(look) = rules::of(&rule.name) else { continue };
        let mut found = Vec::new();
        look(&context, &mut found);
        for one in found {
            let silenced = match one.file {
                Where::Dockerfile => allowed.covers(&rule.name, &one.span),
                other => allow::elsewhere(&input.source(other).text, &rule.name),
            };
            if !silenced {
                add(rule, one);
            }
        }
    }
    if let Some(rule) = row("unused-allow") {
        let asked =
            |name: &str| levels.of(name) > Level::Allow && (facts.is_some() || !row(name).is_some_and(|row| row.facts));
        for found in allowed.complaints(&asked) {
            add(rule, found);
        }
    }
    sort(&mut findings);
    findings
}

/// By their places.
fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| place(a).cmp(&place(b)));
}

fn place(finding: &Finding) -> (u8, &str, usize, usize, &str) {
    let order = u8::from(finding.found.file != Where::Dockerfile);
    (order, &finding.path, finding.found.span.start, finding.found.span.end, &finding.rule)
}

impl Input {
    /// A Dockerfile of whose surroundings nothing is known.
    pub fn alone(dockerfile: Source) -> Self {
        Self { dockerfile, ignore: None, context: None, companions: Vec::new(), mirrors: BTreeMap::new() }
    }

    /// The file that a finding is in.
    pub fn source(&self, place: Where) -> &Source {
        match place {
            Where::Dockerfile => &self.dockerfile,
            Where::Ignore => self.ignore.as_ref().unwrap_or(&self.dockerfile),
            Where::Companion(at) => self.companions.get(at).map_or(&self.dockerfile, |companion| &companion.source),
        }
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
