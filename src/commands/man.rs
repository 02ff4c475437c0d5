//! `cargo dockerize man`

use cargo_dockerize::failure::{Failure, Kind, Result};
use clap::{Command, CommandFactory};

use crate::cli;
use crate::ui::{self, Shell};

pub fn run(args: &cli::Man, shell: Shell) -> Result<()> {
    // A page's name has no space.
    let mut program = without_help(cli::Cli::command()).name("cargo-dockerize");
    program.build();
    if let Some(folder) = &args.out {
        let failed =
            |error| Failure::new(Kind::Emit, format!("the pages cannot be written to `{folder}`")).caused_by(error);
        fs_err::create_dir_all(folder).map_err(failed)?;
        return each(&program, &mut |command| {
            let path = folder.join(page(command).get_filename());
            fs_err::write(&path, text(command)?).map_err(failed)?;
            shell.status("Created", path);
            Ok(())
        });
    }
    let mut command = &program;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let failure = Failure::new(
                Kind::Usage,
                format!("`{}` has no command `{name}`", command.get_bin_name().unwrap_or_default()),
            );
            if known.is_empty() { failure } else { failure.help(format!("there are {}", known.join(", "))) }
        })?;
    }
    ui::print(&String::from_utf8_lossy(&text(command)?))
}

/// `help` is a command for people at a prompt; nobody looks for its page.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

fn each(command: &Command, write: &mut dyn FnMut(&Command) -> Result<()>) -> Result<()> {
    write(command)?;
    command.get_subcommands().try_for_each(|below| each(below, write))
}

fn page(command: &Command) -> clap_mangen::Man {
    let source = concat!("cargo-dockerize ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone()).source(source).manual("Cargo Manual")
}

fn text(command: &Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    page(command)
        .render(&mut text)
        .map_err(|error| Failure::new(Kind::Internal, "the page cannot be made").caused_by(error))?;
    Ok(text)
}
