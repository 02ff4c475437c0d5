//! `cargo dockerize ci`.

use cargo_dockerize::plan::model::Forge;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct Ci {
    /// Whose workflows
    #[arg(value_enum, value_name = "FORGE", required = true)]
    pub forges: Vec<ForgeArg>,
    /// Write nothing; show what would change, and exit with 1 if anything would
    #[arg(long)]
    pub check: bool,
    /// Overwrite files that hold somebody's own work, and keep those beside them as `.orig`
    #[arg(long, conflicts_with = "check")]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForgeArg {
    /// GitHub Actions: .github/workflows/dockerize.yml
    Github,
    /// GitLab CI: .gitlab/dockerize.yml, which .gitlab-ci.yml includes
    Gitlab,
    /// Forgejo Actions: .forgejo/workflows/dockerize.yml
    Forgejo,
}

impl From<ForgeArg> for Forge {
    fn from(arg: ForgeArg) -> Self {
        match arg {
            ForgeArg::Github => Self::Github,
            ForgeArg::Gitlab => Self::Gitlab,
            ForgeArg::Forgejo => Self::Forgejo,
        }
    }
}
