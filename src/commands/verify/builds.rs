//! The two builds: this program as its users run it, in processes of their own, on copies of the sources.

use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::engine::Engine;
use cargo_dockerize::engine::usage::Usage;
use cargo_dockerize::exec::Command;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::trial::Tree;
use tempfile::TempDir;

use crate::cli::Common;
use crate::cli::verify::VerifyReproducible;
use crate::commands::build::{NAMESPACE, Subject};
use crate::ui::Shell;

/// Where the copies lie: neither the name of a folder nor its depth may get into an image.
const FOLDERS: [&str; 2] = ["a", "another-one/below"];

/// Since 1970: in 2001.
const LONG_AGO: Duration = Duration::from_secs(1_000_000_000);

/// The copies of the sources, and what comes of them; gone at the end, after an interrupt as well.
pub struct Builds<'a> {
    engine: Option<&'a Engine>,
    builder: Option<&'a str>,
    trees: [Tree; 2],
    folder: TempDir,
    program: PathBuf,
    /// What sets its cache mounts apart from everybody's.
    run: String,
}

/// As another checkout has them: long before, and with the permissions of somebody who shares with a group.
fn otherwise(folder: &Utf8Path) -> std::io::Result<()> {
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry?;
        // The repository goes by the times of its own files.
        if !entry.file_type().is_file() || entry.path().components().any(|part| part.as_os_str() == ".git") {
            continue;
        }
        let file = fs_err::File::open(entry.path())?;
        file.file().set_modified(std::time::UNIX_EPOCH + LONG_AGO)?;
        share(entry.path())?;
    }
    Ok(())
}

#[cfg(unix)]
fn share(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs_err::metadata(path)?.permissions().mode();
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode | 0o060))
}

#[cfg(not(unix))]
fn share(_: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}

impl<'a> Builds<'a> {
    /// Copies the sources twice.
    ///
    /// # Errors
    /// [`Kind::Emit`]: they cannot be copied.
    pub fn prepare(subject: &Subject<'_>, (engine, builder): (Option<&'a Engine>, Option<&'a str>)) -> Result<Self> {
        let workspace = &subject.session.workspace;
        let place = workspace.target_dir.join("dockerize");
        let unwritable =
            |error: std::io::Error| Failure::new(Kind::Emit, "there is no place for copies").caused_by(error);
        fs_err::create_dir_all(&place).map_err(unwritable)?;
        let folder = tempfile::Builder::new().prefix("verify-").tempdir_in(&place).map_err(unwritable)?;
        let root = Utf8Path::from_path(folder.path())
            .ok_or_else(|| Failure::new(Kind::Internal, "the folder for copies is no text"))?
            .to_owned();
        let context = workspace.root.join(&subject.plan.context.path);
        let context = context.canonicalize_utf8().unwrap_or(context);
        let copy = |name| Tree::copy(&context, &workspace.root, &[&workspace.target_dir], &root.join(name));
        let trees = [copy(FOLDERS[0])?, copy(FOLDERS[1])?];
        otherwise(&trees[1].context).map_err(unwritable)?;
        let run = format!("dockerize-{}", folder.path().file_name().unwrap_or_default().to_string_lossy());
        let program = std::env::current_exe()
            .map_err(|error| Failure::new(Kind::Internal, "this program cannot find itself").caused_by(error))?;
        Ok(Self { engine, builder, trees, folder, program, run })
    }

    /// Builds one after the other.
    ///
    /// # Errors
    /// [`Kind::Build`]: one of them failed, which has told why; [`Kind::Interrupted`].
    pub fn run(&self, (args, common): (&VerifyReproducible, &Common), shell: Shell) -> Result<()> {
        for (at, name) in ["first", "second"].into_iter().enumerate() {
            shell.status("Verifying", format!("the {name} build, in a folder of its own and without a cache"));
            let mut command = self.command(at, args, common, shell);
            if !shell.quiet {
                command = command.speaks();
            }
            let output = command.output()?;
            if !output.status.success() {
                return Err(Failure::new(Kind::Build, format!("the {name} build failed")).detail(output.stderr));
            }
        }
        Ok(())
    }

    fn command(&self, at: usize, args: &VerifyReproducible, common: &Common, shell: Shell) -> Command {
        let tree = &self.trees[at];
        let engine = if self.engine.is_some() { "buildx" } else { "oci" };
        let output = format!("type=oci,tar=false,dest={}", self.out(at));
        let mut command = Command::new(&self.program, "build the images")
            .args(["dockerize", "build", "--reproducible", "--format", "json", "--engine", engine])
            .args(["--profile", &args.profile, "--output", &output, "--manifest-path"])
            .arg(tree.root.join("Cargo.toml").as_str())
            .env("CARGO_TARGET_DIR", tree.root.join("target"));
        if self.engine.is_some() {
            command = command.args(["--cache", "none", "--no-cache", "--build-arg"]);
            command = command.arg(format!("{NAMESPACE}={}-{at}", self.run));
        }
        for (flag, value) in [("--network", args.network.as_deref()), ("--builder", self.builder)] {
            if let Some(value) = value {
                command = command.args([flag, value]);
            }
        }
        let lists = [("--bin", &args.bin), ("--platform", &args.platform), ("--features", &common.features)];
        for (flag, values) in lists {
            command = values.iter().fold(command, |command, value| command.args([flag, value]));
        }
        let flags = [
            ("--allow-unpinned", args.allow_unpinned),
            ("--all-features", common.all_features),
            ("--no-default-features", common.no_default_features),
            ("--offline", common.offline),
            ("--quiet", shell.quiet),
            ("--verbose", shell.verbose),
        ];
        command.args(flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag))
    }

    /// Where the layouts of an image lie, of so many.
    pub fn layouts(&self, stage: &str, images: usize) -> [Utf8PathBuf; 2] {
        [0, 1].map(|at| if images > 1 { self.out(at).join(stage) } else { self.out(at) })
    }

    fn out(&self, at: usize) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.folder.path()).unwrap_or(Utf8Path::new("."));
        folder.join(format!("images-{at}"))
    }

    /// Takes away what the builds have left in the builder's mounts: nobody else will use them. That it cannot be is no failure.
    pub fn tidy(&self) {
        let Some(engine) = self.engine else { return };
        let usage = Usage::new(engine, self.builder).tidies();
        let Ok(records) = usage.records() else { return };
        let own = records.iter().filter(|record| {
            record.mount().is_some_and(|(namespace, _)| namespace.is_some_and(|name| name.starts_with(&self.run)))
        });
        let own: Vec<String> = own.map(|record| record.id.clone()).collect();
        if !own.is_empty() {
            drop(usage.forget_all(&own));
        }
    }
}
