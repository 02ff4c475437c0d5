//! What the drivers of buildx take: the table `drivers.toml`.

use bytesize::ByteSize;
use camino::Utf8Path;
use semver::Version;
use serde::Deserialize;

use crate::failure::{Failure, Kind, Result};

/// A driver that builders can be made with.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Driver {
    pub name: String,
    /// The page that says so.
    pub source: String,
    /// Whether several platforms become several nodes without anybody naming them.
    pub node_for_each_platform: bool,
    /// Flags of which one must be there.
    #[serde(default)]
    pub needs: Vec<String>,
    /// A driver option and its value for a node of one platform; `{}` is the architecture.
    pub platform_option: Option<(String, String)>,
    #[serde(default, rename = "option")]
    pub options: Vec<Row>,
    #[serde(default, rename = "note")]
    pub notes: Vec<Note>,
}

/// One of our flags, and what becomes of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Row {
    pub flag: String,
    /// Driver options; `{}` is the value.
    #[serde(default)]
    pub set: Vec<(String, String)>,
    #[serde(default, rename = "as")]
    pub form: Form,
    pub since: Option<Version>,
    /// It goes into BuildKit's configuration file, not into a driver option.
    #[serde(default)]
    pub config: bool,
    /// Flags of buildkitd that come with it.
    pub buildkitd_flags: Option<String>,
}

/// Something to know about flags that are there together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub with: Vec<String>,
    #[serde(default)]
    pub without: Vec<String>,
    pub text: String,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    #[default]
    Text,
    /// An absolute path: buildx refuses others.
    Path,
    /// Processors as microseconds in each 0.1 s.
    Quota,
    /// Docker reads each suffix as a power of 1024.
    DockerSize,
    /// Kubernetes knows `G` and `Gi`, and no `GB`.
    KubernetesSize,
}

#[derive(Deserialize)]
struct Table {
    driver: Vec<Driver>,
}

/// All drivers.
pub(super) fn all() -> Result<Vec<Driver>> {
    let table: Table = toml::from_str(include_str!("drivers.toml")).map_err(|error| {
        Failure::new(Kind::Internal, "the table of buildx's drivers cannot be read").caused_by(error)
    })?;
    Ok(table.driver)
}

impl Driver {
    /// The row of this flag.
    pub fn row(&self, flag: &str) -> Option<&Row> {
        self.options.iter().find(|row| row.flag == flag)
    }

    /// Whether it takes a configuration file of BuildKit's.
    pub fn takes_config(&self) -> bool {
        self.options.iter().any(|row| row.config)
    }
}

impl Form {
    /// The value as the driver wants it.
    pub fn write(self, flag: &str, value: &str) -> Result<String> {
        let wrong = |example: &str| {
            Failure::new(Kind::Usage, format!("`--{flag} {value}` cannot be understood"))
                .help(format!("write it like `--{flag} {example}`"))
        };
        match self {
            Self::Text => Ok(value.to_owned()),
            Self::Path => absolute(value),
            Self::Quota => {
                let cpus: f64 = value.parse().ok().filter(|cpus| *cpus >= 0.01).ok_or_else(|| wrong("2"))?;
                Ok(format!("{:.0}", cpus * 100_000.0))
            }
            Self::DockerSize => Ok(in_units(size(flag, value)?, &[("g", 1 << 30), ("m", 1 << 20)])),
            Self::KubernetesSize => Ok(in_units(
                size(flag, value)?,
                &[("Gi", 1 << 30), ("G", 1_000_000_000), ("Mi", 1 << 20), ("M", 1_000_000)],
            )),
        }
    }
}

/// Bytes: `4GB` are 4 000 000 000, `4GiB` are 4 294 967 296.
pub(super) fn size(flag: &str, value: &str) -> Result<u64> {
    value.parse::<ByteSize>().ok().map(|size| size.as_u64()).filter(|bytes| *bytes > 0).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("`--{flag} {value}` is no size")).help("write it like `8GB` or `8GiB`")
    })
}

/// With the first unit that it is a multiple of, else plain bytes.
pub(super) fn in_units(bytes: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, unit)| bytes.is_multiple_of(*unit))
        .map_or_else(|| bytes.to_string(), |(suffix, unit)| format!("{}{suffix}", bytes / unit))
}

fn absolute(path: &str) -> Result<String> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::new(Kind::Usage, format!("`{path}` is no path")).caused_by(error))?;
    Utf8Path::from_path(&absolute)
        .map(ToString::to_string)
        .ok_or_else(|| Failure::new(Kind::Usage, format!("the path of `{path}` is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for driver in all().unwrap() {
            assert!(driver.source.starts_with("https://docs.docker.com/"), "{}", driver.source);
            for row in &driver.options {
                let pointless = row.set.is_empty() && !row.config && row.flag != "node" && row.flag != "endpoint";
                assert!(!pointless, "{} of {} does nothing", row.flag, driver.name);
                assert_eq!(row.set.is_empty(), row.since.is_none(), "{} of {}", row.flag, driver.name);
            }
            for need in &driver.needs {
                assert!(driver.row(need).is_some());
            }
        }
    }

    #[test]
    fn sizes_mean_the_same_to_each_driver() {
        let write = |form: Form, value| form.write("memory", value).unwrap();
        assert_eq!(write(Form::DockerSize, "4GiB"), "4g");
        assert_eq!(write(Form::DockerSize, "4GB"), "4000000000");
        assert_eq!(write(Form::DockerSize, "512MiB"), "512m");
        assert_eq!(write(Form::KubernetesSize, "4GiB"), "4Gi");
        assert_eq!(write(Form::KubernetesSize, "4GB"), "4G");
        assert_eq!(write(Form::KubernetesSize, "1500MiB"), "1500Mi");
        assert_eq!(write(Form::Quota, "1.5"), "150000");
        assert!(Form::DockerSize.write("memory", "lots").is_err());
        assert!(Form::Quota.write("cpu", "-1").is_err());
    }
}
