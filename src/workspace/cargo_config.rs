//! What the workspace's `.cargo/config.toml` says of builds: linkers, flags, wrappers, sources, registries. Only files that
//! travel with the workspace count: those of the user's home stay on this machine, but for the registries that they name.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

/// What counts for a build elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoConfig {
    /// The file, relative to the workspace's root.
    pub file: String,
    /// `[target.KEY]` and `[build]` (key `None`): what rustc links with.
    pub link: Vec<Link>,
    /// `[build] rustc-wrapper` and `rustc-workspace-wrapper`, by the variable that overrides them.
    pub wrappers: BTreeMap<String, String>,
    /// Folders that `[source.*] directory` reads packages from, absolute.
    pub vendored: Vec<Utf8PathBuf>,
    /// Configuration files above the workspace's root, absolute: cargo reads them, and they are no part of a recipe.
    pub above: Vec<Utf8PathBuf>,
    /// `[http] cainfo`, absolute: the authorities that cargo trusts.
    pub cainfo: Option<Utf8PathBuf>,
    /// Registries' indices, by name.
    pub registries: BTreeMap<String, String>,
    /// `[net] offline`.
    pub offline: bool,
    /// `[net] git-fetch-with-cli`.
    pub git_cli: bool,
    /// The names of `[env]`.
    pub env: BTreeSet<String>,
    /// `[unstable] build-std`: std is compiled with the program, from its sources.
    pub build_std: bool,
}

/// Sections that say nothing of a build elsewhere.
const AT_HOME: &[&str] = &["alias", "cargo-new", "doc", "future-incompat-report", "install", "term"];

/// How one kind of target is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// A triple, or `cfg(…)`; none: every target.
    pub target: Option<String>,
    /// The program that links.
    pub linker: Option<String>,
    /// Flags of rustc's.
    pub rustflags: Vec<String>,
}

/// Reads the file in the root, and those of the folders above it up to `top`.
pub(super) fn read(root: &Utf8Path, top: &Utf8Path) -> CargoConfig {
    let mut config = CargoConfig::default();
    // The nearest file wins; what it does not say comes from those above.
    for folder in root.ancestors().take_while(|folder| folder.starts_with(top)) {
        for name in [".cargo/config", ".cargo/config.toml"] {
            let path = folder.join(name);
            // A file that does not parse has been refused by cargo already.
            let Some(table) = fs_err::read_to_string(&path).ok().and_then(|text| text.parse::<Table>().ok()) else {
                continue;
            };
            if config.file.is_empty() {
                config.file = super::relative(root, &path).into_string();
            }
            if folder != root && table.keys().any(|section| !AT_HOME.contains(&section.as_str())) {
                config.above.push(path);
            }
            config.add(folder, &table);
            break;
        }
    }
    config
}

/// The registries that this user's own configuration names: a build elsewhere must be told their indices.
pub(super) fn home_registries() -> BTreeMap<String, String> {
    let home = std::env::var("CARGO_HOME").ok().or_else(|| Some(format!("{}/.cargo", std::env::var("HOME").ok()?)));
    let text = home.and_then(|home| fs_err::read_to_string(Utf8Path::new(&home).join("config.toml")).ok());
    let mut config = CargoConfig::default();
    if let Some(table) = text.and_then(|text| text.parse::<Table>().ok()) {
        config.registries(&table);
    }
    config.registries
}

impl CargoConfig {
    /// Whether it says who links for this target.
    pub fn names_linker(&self, triple: &str) -> bool {
        self.link.iter().any(|link| link.linker.is_some() && link.applies(triple))
    }

    fn add(&mut self, folder: &Utf8Path, table: &Table) {
        let get = |section: &str, key: &str| table.get(section).and_then(|section| section.get(key));
        if let Some(build) = table.get("build").and_then(Value::as_table) {
            self.link.push(link(None, build));
        }
        for (key, value) in table.get("target").and_then(Value::as_table).into_iter().flatten() {
            if let Some(target) = value.as_table() {
                self.link.push(link(Some(key.clone()), target));
            }
        }
        for (key, variable) in
            [("rustc-wrapper", "RUSTC_WRAPPER"), ("rustc-workspace-wrapper", "RUSTC_WORKSPACE_WRAPPER")]
        {
            if let Some(wrapper) = get("build", key).and_then(Value::as_str) {
                self.wrappers.entry(variable.to_owned()).or_insert_with(|| wrapper.to_owned());
            }
        }
        for (_, source) in table.get("source").and_then(Value::as_table).into_iter().flatten() {
            if let Some(directory) = source.get("directory").and_then(Value::as_str) {
                self.vendored.push(super::normal(&folder.join(directory)));
            }
        }
        if let (None, Some(file)) = (&self.cainfo, get("http", "cainfo").and_then(Value::as_str)) {
            self.cainfo = Some(super::normal(&folder.join(file)));
        }
        self.offline |= get("net", "offline").and_then(Value::as_bool) == Some(true);
        self.git_cli |= get("net", "git-fetch-with-cli").and_then(Value::as_bool) == Some(true);
        self.env.extend(table.get("env").and_then(Value::as_table).into_iter().flat_map(Table::keys).cloned());
        self.build_std |= match get("unstable", "build-std") {
            Some(Value::Array(crates)) => !crates.is_empty(),
            Some(Value::String(crates)) => !crates.is_empty(),
            Some(Value::Boolean(on)) => *on,
            _ => false,
        };
        self.registries(table);
    }

    fn registries(&mut self, table: &Table) {
        for (name, registry) in table.get("registries").and_then(Value::as_table).into_iter().flatten() {
            if let Some(index) = registry.get("index").and_then(Value::as_str) {
                self.registries.entry(name.clone()).or_insert_with(|| index.to_owned());
            }
        }
    }
}

fn link(target: Option<String>, table: &Table) -> Link {
    let rustflags = match table.get("rustflags") {
        Some(Value::String(flags)) => flags.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(flags)) => flags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Link { target, linker: table.get("linker").and_then(Value::as_str).map(str::to_owned), rustflags }
}

impl Link {
    /// Whether it speaks of this target.
    pub fn applies(&self, triple: &str) -> bool {
        let Some(key) = &self.target else { return true };
        if !key.starts_with("cfg(") {
            return key == triple;
        }
        let platform = target_spec::Platform::new(triple.to_owned(), target_spec::TargetFeatures::Unknown);
        let (Ok(spec), Ok(platform)) = (target_spec::TargetSpec::new(key.clone()), platform) else { return false };
        // What hangs on the processor's features may hold.
        spec.eval(&platform).unwrap_or(true)
    }

    /// What `-fuse-ld=` names.
    pub fn fuse_ld(&self) -> Option<&str> {
        self.rustflags
            .iter()
            .find_map(|flag| flag.split("-fuse-ld=").nth(1))
            .map(|name| name.rsplit('/').next().unwrap_or(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_targets_that_apply() {
        let text = r#"
            [build]
            rustc-wrapper = "sccache"
            [target.'cfg(target_os = "linux")']
            rustflags = ["-C", "link-arg=-fuse-ld=mold"]
            [target.x86_64-pc-windows-msvc]
            linker = "rust-lld"
            [registries.company]
            index = "sparse+https://crates.example/"
            [source.vendored]
            directory = "third/../vendor"
        "#;
        let mut config = CargoConfig::default();
        config.add(Utf8Path::new("/w"), &text.parse().unwrap());
        let linux: Vec<&Link> = config.link.iter().filter(|link| link.applies("x86_64-unknown-linux-musl")).collect();
        assert_eq!(linux.iter().find_map(|link| link.fuse_ld()), Some("mold"));
        assert!(linux.iter().all(|link| link.linker.is_none()));
        assert_eq!(config.wrappers["RUSTC_WRAPPER"], "sccache");
        assert_eq!(config.registries["company"], "sparse+https://crates.example/");
        assert_eq!(config.vendored, ["/w/vendor"]);
    }

    #[test]
    fn std_from_its_sources() {
        let builds = |said: &str| {
            let mut config = CargoConfig::default();
            config.add(Utf8Path::new("/w"), &format!("[unstable]\nbuild-std = {said}\n").parse().unwrap());
            config.build_std
        };
        assert!(builds("[\"std\", \"panic_abort\"]") && builds("\"core,alloc\"") && builds("true"));
        assert!(!builds("[]") && !builds("false"));
    }

    proptest::proptest! {
        #[test]
        fn no_configuration_is_too_bad(
            key in "cfg\\([a-z_=\" ()]{0,20}\\)|[a-z0-9_-]{1,20}",
            flags in "[\\PC]{0,40}",
            value in proptest::sample::select(vec!["1", "true", "[]", "{}", "\"x\"", "[1, \"-fuse-ld=\"]"]),
        ) {
            let text = format!(
                "[target.{key:?}]\nlinker = {value}\nrustflags = {flags:?}\n[build]\nrustflags = {value}\nrustc-wrapper = {value}\n\
                 [source.{key:?}]\ndirectory = {value}\n[registries.{key:?}]\nindex = {value}\n[net]\noffline = {value}\n",
            );
            if let Ok(table) = text.parse() {
                let mut config = CargoConfig::default();
                config.add(Utf8Path::new("/w"), &table);
                for link in &config.link {
                    link.applies("x86_64-unknown-linux-musl");
                    link.fuse_ld();
                }
            }
        }
    }
}
