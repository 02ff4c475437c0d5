//! The command line of `cargo dockerize builder`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use super::Format;

#[derive(Debug, Args)]
pub struct Builder {
    #[command(subcommand)]
    pub command: BuilderCommand,
}

#[derive(Debug, Subcommand)]
pub enum BuilderCommand {
    /// Make a builder, with the options that builds of Rust want
    Create(Box<Create>),
    /// Say what a builder can do, and what to do where it cannot; exit with 5 where a build could not work
    Check(Check),
}

#[derive(Debug, Args)]
pub struct Create {
    /// Its name
    #[arg(default_value = "dockerize")]
    pub name: String,
    /// Where BuildKit runs: docker-container, remote, kubernetes
    #[arg(long, default_value = "docker-container")]
    pub driver: String,
    /// Platforms that it is for; on kubernetes each gets a node of its own
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', conflicts_with = "node")]
    pub platform: Vec<String>,
    /// A node: a Docker context (docker-container) or BuildKit's address (remote), and what it builds for
    #[arg(long, value_name = "NAME=ENDPOINT[,PLATFORM…]", conflicts_with = "endpoint")]
    pub node: Vec<String>,
    /// The one node: a Docker context (docker-container), or tcp://, unix://, ssh://, docker-container://, kube-pod:// (remote)
    #[arg(long)]
    pub endpoint: Option<String>,
    /// Make it the current builder
    #[arg(long = "use")]
    pub select: bool,
    /// Start it at once
    #[arg(long)]
    pub bootstrap: bool,
    /// Print the commands and the configuration, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// Driver options as buildx takes them: a value that has commas in double quotes. They have the last word
    #[arg(long, value_name = "NAME=VALUE")]
    pub driver_opt: Vec<String>,
    #[command(flatten)]
    pub daemon: Daemon,
    #[command(flatten)]
    pub cluster: Cluster,
    #[command(flatten)]
    pub tls: Tls,
}

/// What BuildKit may use and what it keeps.
#[derive(Debug, Args)]
#[command(next_help_heading = "BuildKit (docker-container, kubernetes)")]
pub struct Daemon {
    /// BuildKit's image, such as a mirror's
    #[arg(long, value_name = "REF")]
    pub image: Option<String>,
    /// Processors that each node may use
    #[arg(long, value_name = "NUMBER")]
    pub cpu: Option<String>,
    /// Memory that each node may use: 8GB, 8GiB
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Cache that each node keeps [default: 20GiB, or nine tenths of --storage]
    #[arg(long, value_name = "SIZE", conflicts_with = "buildkitd_config")]
    pub keep: Option<String>,
    /// Ask this mirror for images of a registry
    #[arg(long, value_name = "REGISTRY=MIRROR", conflicts_with = "buildkitd_config")]
    pub mirror: Vec<String>,
    /// A buildkitd.toml to use in place of ours
    #[arg(long, value_name = "FILE")]
    pub buildkitd_config: Option<Utf8PathBuf>,
    /// The network of BuildKit's container (docker-container)
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
}

/// How it runs in a cluster.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster (kubernetes)")]
pub struct Cluster {
    /// Run BuildKit without root
    #[arg(long)]
    pub rootless: bool,
    /// Pods of each node
    #[arg(long, value_name = "NUMBER")]
    pub replicas: Option<u32>,
    /// A volume of this size for each pod's cache: 50GB (buildx 0.34 or newer)
    #[arg(long, value_name = "SIZE")]
    pub storage: Option<String>,
    /// The namespace [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The pods' service account
    #[arg(long, value_name = "NAME")]
    pub service_account: Option<String>,
}

/// How it is talked to.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS (remote)")]
pub struct Tls {
    /// The authority that signed BuildKit's certificate
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<Utf8PathBuf>,
    /// Our own certificate
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<Utf8PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<Utf8PathBuf>,
    /// The name in BuildKit's certificate [default: the endpoint's host]
    #[arg(long, value_name = "NAME")]
    pub servername: Option<String>,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Its name [default: what `BUILDX_BUILDER` says, else the current one]
    #[arg(env = "BUILDX_BUILDER", hide_env = true)]
    pub name: Option<String>,
    /// Platforms that must be there
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

impl Create {
    /// The driver's flags that are there, and their values.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let Daemon { image, cpu, memory, keep, mirror, buildkitd_config, network } = &self.daemon;
        let Cluster { rootless, replicas, storage, namespace, service_account } = &self.cluster;
        let Tls { cacert, cert, key, servername } = &self.tls;
        let path = |path: &Option<Utf8PathBuf>| path.as_ref().map(ToString::to_string);
        let once = [
            ("endpoint", self.endpoint.clone()),
            ("image", image.clone()),
            ("cpu", cpu.clone()),
            ("memory", memory.clone()),
            ("keep", keep.clone()),
            ("buildkitd-config", path(buildkitd_config)),
            ("network", network.clone()),
            ("rootless", rootless.then(|| "true".to_owned())),
            ("replicas", replicas.map(|count| count.to_string())),
            ("storage", storage.clone()),
            ("namespace", namespace.clone()),
            ("service-account", service_account.clone()),
            ("cacert", path(cacert)),
            ("cert", path(cert)),
            ("key", path(key)),
            ("servername", servername.clone()),
        ];
        let once = once.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        once.chain(mirror.iter().map(|mirror| ("mirror", mirror.clone()))).collect()
    }
}
