//! Where the lab is.

use std::fs::{self, File};
use std::{env, path};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::report;

/// The lab's folder, and what is where in it.
pub struct Lab {
    /// An absolute path that needs no quotes anywhere.
    pub dir: String,
}

impl Lab {
    /// The one that the environment names.
    pub fn locate() -> Result<Self> {
        let dir = env::var("DOCKERIZE_LAB").unwrap_or_else(|_| "/var/tmp/cargo-dockerize-lab".to_owned());
        let dir = path::absolute(&dir).with_context(|| format!("DOCKERIZE_LAB is {dir:?}"))?;
        let dir = dir.to_str().context("the path of the lab is not UTF-8")?.trim_end_matches('/').to_owned();
        // The path goes into JSON, YAML, apt's options and shells, and a socket's address must not exceed 108 bytes.
        let plain = dir.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        ensure!(
            cfg!(not(unix)) || (plain && (2..=60).contains(&dir.len())),
            "the path of the lab ({dir}) must be short, and of letters, digits, `.`, `_` and `-`: set DOCKERIZE_LAB"
        );
        Ok(Self { dir })
    }

    /// A path in it.
    pub fn path(&self, relative: &str) -> String {
        format!("{}/{relative}", self.dir)
    }

    /// The engine's address.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("run/docker.sock"))
    }

    /// One `up` or `down` at a time. Released when dropped, also by the process's end.
    pub fn lock(&self) -> Result<File> {
        fs::create_dir_all(self.path("log")).with_context(|| format!("cannot make the lab's folder {}", self.dir))?;
        let lock = File::create(self.path("lock"))?;
        if lock.try_lock().is_err() {
            report::note("waiting for another `cargo xtask lab`");
            lock.lock()?;
        }
        Ok(lock)
    }

    /// What a child process needs to reach the engine.
    pub fn environment(&self) -> Result<Vec<(String, String)>> {
        let bin = self.path("bin");
        let path = env::var("PATH").context("PATH")?;
        // Not once more in front in a shell that `lab env` has set up.
        let path = if path.split(':').any(|folder| folder == bin) { path } else { format!("{bin}:{path}") };
        Ok(vec![
            ("DOCKER_HOST".to_owned(), self.host()),
            ("DOCKER_CONFIG".to_owned(), self.path("docker-config")),
            ("PATH".to_owned(), path),
        ])
    }

    /// A shell whose commands reach the lab's engine.
    pub fn shell(&self) -> Result<Shell> {
        let sh = Shell::new()?;
        for (name, value) in self.environment()? {
            sh.set_var(name, value);
        }
        Ok(sh)
    }
}

/// A shell that finds the administrator's tools, which an administrator's PATH may lack.
pub fn admin() -> Result<Shell> {
    let sh = Shell::new()?;
    let path = format!("{}:/usr/sbin:/sbin", sh.var("PATH")?);
    sh.set_var("PATH", path);
    Ok(sh)
}
