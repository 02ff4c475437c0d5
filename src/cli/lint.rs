//! `cargo dockerize lint`

use clap::{Args, ValueEnum};

/// Exits with 8 where a finding has the level `deny`; warnings are none of those unless `--deny warnings` makes them.
#[derive(Debug, Args)]
pub struct Lint {
    /// Dockerfiles, folders to look for them in, or `-` for standard input [default: those of the workspace]
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// For people, for programs, for code scanning, or as annotations of GitHub's
    #[arg(long, value_enum, default_value_t = LintFormat::Text)]
    pub format: LintFormat,
    /// Fail where this rule finds something; `warnings` are all rules of level warn
    #[arg(short = 'D', long, value_name = "RULE", help_heading = "Rules")]
    pub deny: Vec<String>,
    /// Warn of what this rule finds
    #[arg(short = 'W', long, value_name = "RULE", help_heading = "Rules")]
    pub warn: Vec<String>,
    /// Do not look for what this rule finds
    #[arg(short = 'A', long, value_name = "RULE", help_heading = "Rules")]
    pub allow: Vec<String>,
    /// Say what a rule finds, why that matters and what to do
    #[arg(long, value_name = "RULE", help_heading = "Rules", conflicts_with_all = ["paths", "list", "fix"])]
    pub explain: Option<String>,
    /// List the rules, with what each one means here
    #[arg(long, help_heading = "Rules", conflicts_with_all = ["paths", "fix"])]
    pub list: bool,
    /// Do not ask BuildKit for its own checks
    #[arg(long)]
    pub no_engine: bool,
    #[command(flatten)]
    pub fixing: Fixing,
}

/// `--fix`, as cargo has it.
#[derive(Debug, Args)]
pub struct Fixing {
    /// Make the edits that findings suggest, after showing them
    #[arg(long, help_heading = "Fixing")]
    pub fix: bool,
    /// Show the edits, and make none
    #[arg(long, requires = "fix", help_heading = "Fixing")]
    pub dry_run: bool,
    /// Do not ask before the files are written
    #[arg(short, long, requires = "fix", help_heading = "Fixing")]
    pub yes: bool,
    /// Edit files that hold changes which are not committed
    #[arg(long, requires = "fix", help_heading = "Fixing")]
    pub allow_dirty: bool,
    /// Edit files that no version control keeps
    #[arg(long, requires = "fix", help_heading = "Fixing")]
    pub allow_no_vcs: bool,
}

/// Who reads the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    Text,
    Json,
    Sarif,
    Github,
}
