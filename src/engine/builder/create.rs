//! A builder as command lines: one `docker buildx create` for each node.

use std::fmt::Write;
use std::path::Path;

use semver::Version;

use super::drivers::{self, Driver, Row};
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result};

/// How much cache is kept where nobody says: BuildKit's own rules throw cache mounts away that were not used for two
/// days once all cache is more than 512 MB, and cargo's target folder is in one.
const KEEP: u64 = 20 << 30;

/// What somebody wants to have made.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The builder's name.
    pub name: String,
    /// docker-container, remote or kubernetes.
    pub driver: String,
    /// Platforms that its nodes are for.
    pub platforms: Vec<String>,
    /// Nodes by name; none: as many as the driver needs for the platforms.
    pub nodes: Vec<Node>,
    /// Our flags and their values, as in `drivers.toml`.
    pub flags: Vec<(&'static str, String)>,
    /// Driver options as buildx takes them, `name=value`. They come last, and so have the last word.
    pub driver_opts: Vec<String>,
    /// Make it the current builder.
    pub select: bool,
    /// Start it at once.
    pub bootstrap: bool,
}

/// A node that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name; none: buildx numbers it.
    pub name: Option<String>,
    /// Where it is.
    pub endpoint: Option<String>,
    /// What it builds for.
    pub platforms: Vec<String>,
}

impl Node {
    /// `NAME=ENDPOINT[,PLATFORM…]`
    ///
    /// # Errors
    /// [`Kind::Usage`]: it is not written like that.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(',');
        let named = parts.next().and_then(|first| first.split_once('='));
        let Some((name, endpoint)) = named.filter(|(name, endpoint)| !name.is_empty() && !endpoint.is_empty()) else {
            return Err(Failure::new(Kind::Usage, format!("`--node {text}` cannot be understood"))
                .help("write it like `--node arm=tcp://arm.example:1234,linux/arm64`"));
        };
        let platforms = parts.map(str::to_owned).collect();
        Ok(Self { name: Some(name.to_owned()), endpoint: Some(endpoint.to_owned()), platforms })
    }
}

/// What will be done.
#[derive(Debug, Clone)]
pub struct Creation {
    /// BuildKit's configuration, where it is ours to write.
    pub config: Option<String>,
    /// The command of each node, in their order.
    pub commands: Vec<Command>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Flags that need a newer buildx than 0.13, and which.
    since: Vec<(String, Version)>,
    driver: String,
}

impl Creation {
    /// Whether this buildx has all options.
    ///
    /// # Errors
    /// [`Kind::Engine`]: it is too old.
    pub fn fits(&self, buildx: &Version) -> Result<()> {
        match self.since.iter().find(|(_, since)| buildx < since) {
            None => Ok(()),
            Some((flag, since)) => Err(Failure::new(
                Kind::Engine,
                format!("buildx {buildx} has no `--{flag}` for the driver {}", self.driver),
            )
            .help(format!("update the buildx plugin to {since} or newer, or leave `--{flag}` out"))),
        }
    }
}

/// Decides how the builder is made. `config` is where its configuration will be, should it need one.
///
/// # Errors
/// [`Kind::Usage`]: the driver does not have what is asked for.
pub fn create(request: &Request, docker: &Path, config: &str) -> Result<Creation> {
    let all = drivers::all()?;
    let driver = all.iter().find(|driver| driver.name == request.driver).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|driver| driver.name.as_str()).collect();
        Failure::new(Kind::Usage, format!("builders cannot be made with the driver `{}`", request.driver))
            .help(format!("there is {}", names.join(", ")))
    })?;
    refuse(request, driver, &all)?;
    let mut options = Vec::new();
    let mut since = Vec::new();
    let mut daemon = Vec::new();
    for (row, value) in rows(request, driver) {
        let value = row.form.write(&row.flag, value)?;
        options.extend(row.set.iter().map(|(name, template)| pair(name, &template.replace("{}", &value))));
        since.extend(row.since.clone().map(|since| (row.flag.clone(), since)));
        daemon.extend(row.buildkitd_flags.clone());
    }
    let text = if driver.takes_config() && flag(request, "buildkitd-config").is_none() {
        Some(configuration(request)?)
    } else {
        None
    };
    let file = flag(request, "buildkitd-config").or(text.as_ref().map(|_| config));
    let nodes = nodes(request, driver);
    let mut commands = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        let mut command = Command::new(docker, format!("make node {} of the builder {}", i + 1, request.name));
        command = command.args(["buildx", "create", "--name", request.name.as_str()]);
        if i > 0 {
            command = command.arg("--append");
        }
        command = command.args(["--driver", driver.name.as_str()]);
        if let Some(name) = &node.name {
            command = command.args(["--node", name]);
        }
        if !node.platforms.is_empty() {
            command = command.args(["--platform", &node.platforms.join(",")]);
        }
        let here = driver.platform_option.as_ref().zip(architecture(node));
        let here = here.map(|((name, template), arch)| pair(name, &template.replace("{}", arch)));
        for option in options.iter().chain(&here).chain(&request.driver_opts) {
            command = command.args(["--driver-opt", option]);
        }
        if let Some(file) = file {
            command = command.args(["--buildkitd-config", file]);
        }
        if !daemon.is_empty() {
            command = command.arg(format!("--buildkitd-flags={}", daemon.join(" ")));
        }
        // Of the last one, when all nodes are known.
        let last = i + 1 == nodes.len();
        let late = [(request.select, "--use"), (request.bootstrap, "--bootstrap")];
        command = command.args(late.iter().filter(|(wanted, _)| last && *wanted).map(|(_, flag)| *flag));
        command = command.args(node.endpoint.clone());
        commands.push(command);
    }
    Ok(Creation { config: text, commands, notes: notes(request, driver), since, driver: driver.name.clone() })
}

/// Flags that another driver has.
fn refuse(request: &Request, driver: &Driver, all: &[Driver]) -> Result<()> {
    let named = [("node", !request.nodes.is_empty())];
    let given = request.flags.iter().map(|(flag, _)| *flag);
    for flag in given.chain(named.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag)) {
        if driver.row(flag).is_some() {
            continue;
        }
        let have: Vec<&Driver> = all.iter().filter(|other| other.row(flag).is_some()).collect();
        let others: Vec<&str> = have.iter().map(|other| other.name.as_str()).collect();
        return Err(Failure::new(Kind::Usage, format!("the driver {} has no `--{flag}`", driver.name))
            .help(format!("it is an option of {}: pass `--driver`, or leave it out", others.join(" and ")))
            .help(format!("what the driver {} has: {}", driver.name, driver.source)));
    }
    let there = |need: &String| flag(request, need).is_some() || (need == "node" && !request.nodes.is_empty());
    if !driver.needs.is_empty() && !driver.needs.iter().any(there) {
        return Err(Failure::new(Kind::Usage, format!("the driver {} needs to know where BuildKit is", driver.name))
            .help("pass `--endpoint tcp://HOST:PORT`, or `--node NAME=ENDPOINT,PLATFORM` for each machine"));
    }
    Ok(())
}

fn flag<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.flags.iter().find(|(flag, _)| *flag == name).map(|(_, value)| value.as_str())
}

/// The rows of the flags that are there, in the table's order.
fn rows<'a>(request: &'a Request, driver: &'a Driver) -> impl Iterator<Item = (&'a Row, &'a str)> {
    driver.options.iter().filter(|row| !row.config).filter_map(|row| Some((row, flag(request, &row.flag)?)))
}

fn nodes(request: &Request, driver: &Driver) -> Vec<Node> {
    if !request.nodes.is_empty() {
        return request.nodes.clone();
    }
    if driver.node_for_each_platform && !request.platforms.is_empty() {
        let node = |platform: &String| {
            // `linux/arm/v7` is `NAME-arm-v7`.
            let suffix = platform.split_once('/').map_or(platform.as_str(), |(_, rest)| rest).replace('/', "-");
            Node { name: Some(format!("{}-{suffix}", request.name)), endpoint: None, platforms: vec![platform.clone()] }
        };
        return request.platforms.iter().map(node).collect();
    }
    let endpoint = flag(request, "endpoint").map(str::to_owned);
    vec![Node { name: None, endpoint, platforms: request.platforms.clone() }]
}

/// Of a node that is for one platform.
fn architecture(node: &Node) -> Option<&str> {
    match node.platforms.as_slice() {
        [one] => one.split('/').nth(1),
        _ => None,
    }
}

/// buildx reads driver options as CSV.
fn pair(name: &str, value: &str) -> String {
    if value.contains([',', '"']) {
        format!("\"{name}={}\"", value.replace('"', "\"\""))
    } else {
        format!("{name}={value}")
    }
}

fn notes(request: &Request, driver: &Driver) -> Vec<String> {
    let there = |name: &String| match name.as_str() {
        "several-platforms" => request.platforms.len() > 1,
        "node" => !request.nodes.is_empty(),
        name => flag(request, name).is_some(),
    };
    let known = driver.notes.iter().filter(|note| note.with.iter().all(there) && !note.without.iter().any(there));
    known.map(|note| note.text.clone()).collect()
}

/// BuildKit's configuration: how much cache is kept, and which mirrors are asked.
fn configuration(request: &Request) -> Result<String> {
    let keep = match (flag(request, "keep"), flag(request, "storage")) {
        (Some(keep), _) => drivers::size("keep", keep)?,
        // A full volume fails builds.
        (None, Some(storage)) => drivers::size("storage", storage)? / 10 * 9,
        (None, None) => KEEP,
    };
    let keep = drivers::in_units(keep, &[("GiB", 1 << 30), ("MiB", 1 << 20), ("", 1)]);
    let mut text = String::from(
        "# Made by `cargo dockerize builder create`. BuildKit's own rules throw cache mounts away that were not used\n\
         # for two days once all cache is more than 512 MB; cargo's target folder is in one. With these, what was used last\n\
         # is kept longest, whatever it is. For BuildKit 0.17 or newer.\n\
         [worker.oci]\n  gc = true\n",
    );
    // Frontends and other internals go last.
    for all in [false, true] {
        let _ = write!(text, "\n  [[worker.oci.gcpolicy]]\n    all = {all}\n    maxUsedSpace = \"{keep}\"\n");
    }
    for mirror in request.flags.iter().filter(|(flag, _)| *flag == "mirror").map(|(_, value)| value) {
        let (registry, mirror) = mirror.split_once('=').ok_or_else(|| {
            Failure::new(Kind::Usage, format!("`--mirror {mirror}` cannot be understood"))
                .help("write it like `--mirror docker.io=mirror.example`")
        })?;
        let [registry, mirror] = [registry, mirror].map(|name| toml::Value::from(name).to_string());
        let _ = write!(text, "\n[registry.{registry}]\n  mirrors = [{mirror}]\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
