//! `cargo dockerize measure`.

use camino::Utf8PathBuf;
use cargo_dockerize::trial::Scenario;
use cargo_dockerize::trial::report::{parse_percent, parse_size};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct Measure {
    /// The binary whose image is built [default: the first that has one]
    #[arg(long, value_name = "NAME", help_heading = "Package Selection")]
    pub bin: Option<String>,
    /// What to build for: prod, dev, or a profile of the metadata table
    #[arg(long, default_value = "prod", value_name = "NAME")]
    pub profile: String,
    /// What happens before each build [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = scenarios())]
    pub scenario: Vec<String>,
    /// Whom to build beside: naive, docker-init, cargo-chef, cargo (alone in a container), or a Dockerfile's path
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub against: Vec<String>,
    /// The dependency whose patch release is bumped [default: the first that can be]
    #[arg(long, value_name = "CRATE")]
    pub bump: Option<String>,
    /// The feature that is switched on [default: the package's first that is off]
    #[arg(long, value_name = "FEATURE")]
    pub switch: Option<String>,
    /// The remote cache of fresh machines, as `build` takes it; this run writes to it
    #[arg(long, value_name = "WHERE")]
    pub cache: Option<String>,
    #[command(flatten)]
    pub judgement: Judgement,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub format: Form,
    /// Write it to a file as well, by its ending: .json, .md or .html
    #[arg(short, long, value_name = "FILE")]
    pub write: Vec<Utf8PathBuf>,
    /// The network of the builds' steps: default, none, host
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
    /// The buildx builder
    #[arg(long, value_name = "NAME")]
    pub builder: Option<String>,
    /// Say what would be built, and build nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What is held against an earlier run.
#[derive(Debug, Args)]
pub struct Judgement {
    /// An earlier run's JSON: say what got slower or larger since
    #[arg(long, value_name = "FILE", help_heading = "Budget")]
    pub compare: Option<Utf8PathBuf>,
    /// Fail where the image is larger than this: 20MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Budget")]
    pub max_size: Option<u64>,
    /// Fail where a build takes longer, or the image is larger, by more than this: 10%
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, requires = "compare", help_heading = "Budget")]
    pub max_regression: Option<f64>,
}

/// In which form a trial is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A table
    Text,
    /// The whole account
    Json,
    /// For a pull request
    Markdown,
    /// A page with charts
    Html,
}

fn scenarios() -> PossibleValuesParser {
    PossibleValuesParser::new(Scenario::ALL.map(Scenario::name))
}
