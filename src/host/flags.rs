//! The flags of rustc's that the user's own configuration gives, as cargo would take them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use camino::Utf8Path;
use cargo_config2::{Config, ResolveOptions};

use crate::failure::{Failure, Kind, Result};

/// What cargo would tell rustc for this target in the folder `root`: of the variables, `[target.*]` and `[build]` the first
/// that says something, from all files up to those of the user's home. `env` comes on top of this process's environment.
///
/// cargo-config2 spawns `rustc --print cfg`, and only where a `[target.'cfg(…)']` asks it: the one process that
/// [`exec`](crate::exec) does not start.
///
/// # Errors
/// [`Kind::Workspace`] where the configuration cannot be read.
pub fn user_rustflags(root: &Utf8Path, triple: &str, env: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let own = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    resolve(root, triple, ResolveOptions::default().env(std::env::vars_os().chain(own)))
}

fn resolve(root: &Utf8Path, triple: &str, options: ResolveOptions) -> Result<Vec<String>> {
    let flags = Config::load_with_options(root, options).and_then(|config| config.rustflags(triple));
    let flags = flags.map_err(|error| {
        Failure::new(Kind::Workspace, "cargo's configuration cannot be read")
            .caused_by(error)
            .help("put it right: `cargo build` reads the same files")
    })?;
    Ok(flags.map(|flags| flags.flags).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GNU: &str = "x86_64-unknown-linux-gnu";

    fn flags(config: &str, env: &[(&str, &str)]) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir(root.join(".cargo")).unwrap();
        fs_err::write(root.join(".cargo/config.toml"), config).unwrap();
        // The files and variables that the tests are run with are none of theirs.
        let options = ResolveOptions::default().env(env.iter().copied()).cargo_home(None::<std::path::PathBuf>);
        resolve(root, GNU, options)
    }

    #[test]
    fn the_first_source_that_says_something_is_taken_whole() {
        let build = "[build]\nrustflags = [\"--cfg\", \"build\"]\n";
        assert_eq!(flags(build, &[]).unwrap(), ["--cfg", "build"]);
        assert_eq!(flags("[build]\nrustflags = \"-C opt-level=1\"\n", &[]).unwrap(), ["-C", "opt-level=1"]);
        let target = format!("{build}[target.{GNU}]\nrustflags = [\"--cfg\", \"target\"]\n");
        assert_eq!(flags(&target, &[]).unwrap(), ["--cfg", "target"]);
        let cfg = format!(
            "{target}[target.'cfg(unix)']\nrustflags = [\"--cfg\", \"cfg\"]\n[target.'cfg(windows)']\nrustflags = [\"--cfg\", \"no\"]\n"
        );
        assert_eq!(flags(&cfg, &[]).unwrap(), ["--cfg", "target", "--cfg", "cfg"]);
        assert_eq!(flags(&cfg, &[("RUSTFLAGS", "--cfg env")]).unwrap(), ["--cfg", "env"]);
        let encoded = [("RUSTFLAGS", "--cfg env"), ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}a=\"b c\"")];
        assert_eq!(flags(&cfg, &encoded).unwrap(), ["--cfg", "a=\"b c\""]);
        assert!(flags("", &[]).unwrap().is_empty());
    }

    #[test]
    fn a_broken_configuration_is_a_failure() {
        for broken in ["[build", "[build]\nrustflags = 1\n", "[target.'cfg(unix']\nrustflags = []\n"] {
            assert_eq!(flags(broken, &[]).unwrap_err().kind(), Kind::Workspace, "{broken}");
        }
    }
}
