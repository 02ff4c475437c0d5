//! The command line of `cargo dockerize cache`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Caching, Format, Running};

#[derive(Debug, Args)]
pub struct Cache {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Say what is cached for this workspace, where, and how large it is
    Show(Show),
    /// Compile the dependencies of all images, and nothing of the sources
    Warm(Box<Warm>),
    /// Remove what a builder keeps for this workspace, and nothing of other projects
    Prune(Prune),
}

/// Which cache.
#[derive(Debug, Args)]
pub struct Place {
    /// The cache besides the builder's own: registry=REF, local=DIR, gha, gitlab, s3=region=…,bucket=…, inline or none
    /// [default: the metadata's]
    #[arg(long, value_name = "WHERE")]
    pub cache: Option<String>,
    /// The buildx builder
    #[arg(long, value_name = "NAME")]
    pub builder: Option<String>,
    /// What builds are given as the build argument `BUILDKIT_CACHE_MOUNT_NS`
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The profile whose cache and dependencies are looked for
    #[arg(long, default_value = "prod", value_name = "NAME")]
    pub profile: String,
    #[command(flatten)]
    pub place: Place,
    /// Platforms that dependencies are looked for [default: the engine's own]
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Warm {
    /// What to compile for: prod, dev, test, or a profile of the metadata table
    #[arg(long, default_value = "prod", value_name = "NAME")]
    pub profile: String,
    #[command(flatten)]
    pub caching: Caching,
    #[command(flatten)]
    pub running: Running,
    /// Print the commands, and run none
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Prune {
    /// Only what this profile compiles [default: all profiles']
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    #[command(flatten)]
    pub place: Place,
    /// Only what was not used for so long: 30m, 24h, 7d, 2w
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub older_than: Option<Duration>,
    /// Also cargo's downloads, which other projects use as well
    #[arg(long)]
    pub downloads: bool,
    /// Also target folders under this workspace's name that it does not lead to: earlier toolchains', or those of another
    /// project of this name
    #[arg(long)]
    pub namesakes: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a number and a unit: 30m, 24h, 7d, 2w".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    // More than BuildKit can count is a mistake.
    count.checked_mul(seconds).filter(|all| *all < 1 << 32).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("7d"), Ok(Duration::from_hours(7 * 24)));
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        for text in ["", "7", "d", "-1d", "1.5h", "7µ", "99999999999w"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
