//! Judges of what is written for other programs: the published schemas of workflows and of lists of components, and an auditor. They
//! come from `PyPI` into a folder under `target`.

use std::path::Path;

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

/// Locked, so that a new rule of theirs fails no build of ours before somebody has looked at it.
const PACKAGES: [&str; 4] = [
    "check-jsonschema==0.39.0",
    "cyclonedx-python-lib[json-validation]==11.12.0",
    "spdx-tools==0.8.5",
    "zizmor==1.32.0",
];

/// Installs them where they are not there yet, and tells the tests. Without them what they judge is passed over, but in CI.
pub fn install(sh: &Shell) -> Result<()> {
    let folder = sh.current_dir().join("target/judges");
    match ready(sh, &folder) {
        Ok(()) => sh.set_var("DOCKERIZE_JUDGES", &folder),
        Err(error) if std::env::var_os("CI").is_some() => {
            bail!("the judges of workflows and lists cannot be had: {error}")
        }
        Err(error) => eprintln!("workflows and lists are not judged: {error}"),
    }
    Ok(())
}

/// The command `cargo xtask judges`: for those tests alone.
pub fn run(sh: &Shell) -> Result<()> {
    let folder = sh.current_dir().join("target/judges");
    ready(sh, &folder)?;
    println!("export DOCKERIZE_JUDGES={}", folder.display());
    Ok(())
}

fn ready(sh: &Shell, folder: &Path) -> Result<()> {
    let stamp = folder.join("installed");
    if sh.read_file(&stamp).is_ok_and(|installed| installed == PACKAGES.join("\n")) {
        return Ok(());
    }
    cmd!(sh, "python3 -m venv {folder}").quiet().run()?;
    let pip = folder.join("bin/pip");
    cmd!(sh, "{pip} install --quiet --disable-pip-version-check").args(PACKAGES).quiet().run()?;
    sh.write_file(stamp, PACKAGES.join("\n"))?;
    Ok(())
}
