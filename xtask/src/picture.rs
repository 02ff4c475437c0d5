//! The README's picture: what a terminal shows after a build of `example-workspace`, taken from a real one (tmux).

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{demo, root};

/// The terminal: as wide as a line of a README is, and high enough for a command and its report.
const COLUMNS: &str = "92";
const LINES: &str = "60";

pub fn take(sh: &Shell) -> Result<()> {
    let tool = demo::set_up(sh, "picture")?;
    cmd!(sh, "{tool} dockerize build").run()?;
    // A line of the service: what an image is made of changes, and most of it does not.
    let source = sh.current_dir().join("crates/api/src/main.rs");
    let text = sh.read_file(&source)?;
    // Not what an earlier picture had, which the engine remembers.
    sh.write_file(&source, format!("{text}\n// edited by {}\n", std::process::id()))?;

    let session = format!("picture-{}", std::process::id());
    // The prompt is what its reader would type.
    let command = format!(
        r"printf '\033[1;32m$\033[0m cargo dockerize build\n'; {} dockerize build; tmux wait-for -S {session}; sleep 60",
        tool.display()
    );
    cmd!(sh, "tmux new-session -d -s {session} -x {COLUMNS} -y {LINES} {command}").run().context("tmux is needed")?;
    cmd!(sh, "tmux wait-for {session}").run()?;
    let screen = cmd!(sh, "tmux capture-pane -e -p -t {session}").read();
    cmd!(sh, "tmux kill-session -t {session}").run()?;
    let picture = anstyle_svg::Term::new().render_svg(screen?.trim_end());
    let path = root().join("docs/images/build.svg");
    sh.write_file(&path, picture)?;
    eprintln!("{}", path.display());
    Ok(())
}
