//! `cargo dockerize builder`

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use cargo_dockerize::engine::builder::{self, Answer, BuilderNode, Capability, Creation, Node, Request};
use cargo_dockerize::engine::{self, Engine};
use cargo_dockerize::failure::{Failure, Kind, Result, printable};

use crate::cli::Format;
use crate::cli::builder::{Builder, BuilderCommand, Check, Create};
use crate::ui::{self, Shell};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The configuration's name in what is shown.
const CONFIG: &str = "buildkitd.toml";

pub fn run(args: &Builder, shell: Shell) -> Result<()> {
    match &args.command {
        BuilderCommand::Create(args) => create(args, shell),
        BuilderCommand::Check(args) => check(args),
    }
}

fn create(args: &Create, shell: Shell) -> Result<()> {
    let request = Request {
        name: args.name.clone(),
        driver: args.driver.clone(),
        platforms: args.platform.clone(),
        nodes: args.node.iter().map(|node| Node::parse(node)).collect::<Result<_>>()?,
        flags: args.flags(),
        driver_opts: args.driver_opt.clone(),
        select: args.select,
        bootstrap: args.bootstrap,
    };
    if args.dry_run {
        let creation = builder::create(&request, "docker".as_ref(), CONFIG)?;
        warn(&creation, shell);
        return ui::print(&script(&creation));
    }
    // What is wrong with the flags is said before an engine is asked.
    builder::create(&request, "docker".as_ref(), CONFIG)?;
    let engine = engine::probe()?;
    let unwritable = |error: std::io::Error| {
        Failure::new(Kind::Emit, "the configuration of BuildKit cannot be written").caused_by(error)
    };
    // buildx keeps a copy of its own.
    let folder = tempfile::tempdir().map_err(unwritable)?;
    let file = folder.path().join(CONFIG);
    let creation = builder::create(&request, &engine.docker, &file.to_string_lossy())?;
    creation.fits(&engine.buildx)?;
    warn(&creation, shell);
    if let Some(text) = &creation.config {
        fs_err::write(&file, text).map_err(unwritable)?;
    }
    make(&creation, &request, &engine, shell)
}

fn warn(creation: &Creation, shell: Shell) {
    for note in &creation.notes {
        shell.warn(note);
    }
}

fn script(creation: &Creation) -> String {
    let mut text = String::new();
    if let Some(config) = &creation.config {
        let _ = writeln!(text, "cat >{CONFIG} <<'toml'\n{config}toml");
    }
    for command in &creation.commands {
        let _ = writeln!(text, "{}", command.shell_line());
    }
    text
}

fn make(creation: &Creation, request: &Request, engine: &Engine, shell: Shell) -> Result<()> {
    let name = &request.name;
    let count = creation.commands.len();
    let nodes = if count == 1 { "one node".to_owned() } else { format!("{count} nodes") };
    shell.status(
        "Creating",
        format!("the builder {name} with the driver {}, {nodes}, buildx {}", request.driver, engine.buildx),
    );
    for (i, command) in creation.commands.iter().enumerate() {
        if shell.verbose {
            shell.status("Running", command.shell_line());
        }
        let output = command.output()?;
        if output.status.success() {
            continue;
        }
        let failure = Failure::new(Kind::Engine, format!("buildx did not make node {} of the builder {name}", i + 1))
            .detail(output.stderr.clone())
            .detail(command.shell_line());
        let existing = output.stderr.contains("existing instance for");
        return Err(match (existing, i) {
            (true, _) => {
                failure.help(format!("remove it first with `docker buildx rm {name}`, or choose another name"))
            }
            (false, 0) => failure.help("nothing has been made"),
            (false, _) => failure.help(format!(
                "the nodes before it have been made: `docker buildx rm {name}` removes them; then try again"
            )),
        });
    }
    shell.status("Created", format!("{name}: see `cargo dockerize builder check {name}`"));
    if !request.select {
        shell.status("Next", format!("`cargo dockerize build --builder {name}`"));
    }
    Ok(())
}

fn check(args: &Check) -> Result<()> {
    let engine = engine::probe()?;
    let found = builder::find(&engine, args.name.as_deref().filter(|name| !name.is_empty()))?;
    let check = builder::check(&engine, found, &args.platform)?;
    let text = match args.format {
        Format::Text => describe(&check),
        Format::Json => ui::json(&check)?,
    };
    ui::print(&text)?;
    if check.usable {
        return Ok(());
    }
    let missing: Vec<&str> =
        check.capabilities.iter().filter(|row| bad(row)).map(|row| row.title.trim_matches('`')).collect();
    Err(Failure::new(
        Kind::Engine,
        format!("the builder {} has not all that `cargo dockerize build` needs: {}", check.builder, missing.join(", ")),
    ))
}

/// What makes a builder unusable.
fn bad(row: &Capability) -> bool {
    row.needed && row.works == Answer::No
}

fn describe(check: &builder::Check) -> String {
    let driver = if check.driver.is_empty() { "no driver that answers" } else { &check.driver };
    let mut text = format!(
        "{BOLD}{}{BOLD:#}: {driver}, buildx {}; the engine here has the {} image store\n\n",
        printable(&check.builder),
        check.buildx,
        check.store
    );
    for node in &check.nodes {
        describe_node(&mut text, node);
    }
    if !check.nodes.is_empty() {
        text.push('\n');
    }
    let width = check.capabilities.iter().map(|row| row.title.chars().count()).max().unwrap_or_default();
    // Several rows may have one remedy.
    let mut todos: Vec<&str> = Vec::new();
    for row in &check.capabilities {
        let (style, word) = match row.works {
            Answer::Yes => (AnsiColor::Green.on_default(), "yes"),
            Answer::Partly => (AnsiColor::Yellow.on_default(), "partly"),
            Answer::No if bad(row) => (AnsiColor::Red.on_default().bold(), "no"),
            Answer::No => (AnsiColor::Yellow.on_default(), "no"),
        };
        let mut say = row.say.clone();
        if let Some(todo) = &row.todo {
            let number = todos.iter().position(|known| known == todo).unwrap_or_else(|| {
                todos.push(todo);
                todos.len() - 1
            });
            let _ = write!(say, " [{}]", number + 1);
        }
        let mut lines = String::new();
        ui::paragraph(&mut lines, 2 + 6 + 2 + width + 2, "", &say);
        let (first, rest) = lines.split_once('\n').unwrap_or_default();
        let head = format!("  {style}{word:<6}{style:#}  {:<width$}  {}", row.title, first.trim());
        let _ = writeln!(text, "{}", head.trim_end());
        text.push_str(rest);
    }
    if !todos.is_empty() {
        text.push('\n');
    }
    for (i, todo) in todos.iter().enumerate() {
        ui::paragraph(&mut text, 2, &format!("[{}] ", i + 1), todo);
    }
    text
}

fn describe_node(text: &mut String, node: &BuilderNode) {
    let version = if node.version.is_empty() { String::new() } else { format!(", BuildKit {}", node.version) };
    let pods = if node.pods > 1 { format!(", {} pods", node.pods) } else { String::new() };
    let status = if node.err.is_empty() { &node.status } else { "error" };
    let _ = writeln!(
        text,
        "  {BOLD}{}{BOLD:#} {DIM}{}{DIM:#} {}",
        printable(&node.name),
        printable(&node.endpoint),
        printable(&format!("{status}{pods}{version}"))
    );
    let platforms = if node.platforms.is_empty() { "platforms unknown".to_owned() } else { node.platforms.join(", ") };
    ui::paragraph(text, 4, "", &printable(&platforms));
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    /// A flag that no driver's table has would be refused by all of them.
    #[test]
    fn each_flag_is_some_drivers() {
        let values = "--image a --cpu 1 --memory 1GB --keep 1GB --mirror a=b --network host --rootless --replicas 2 \
                      --storage 1GB --namespace a --service-account a --cacert a --cert a --key a --servername a \
                      --endpoint tcp://a:1";
        let line = format!("cargo-dockerize builder create {values}");
        let Command::Builder(Builder { command: BuilderCommand::Create(args) }) =
            Cli::parse_from(line.split_whitespace()).command
        else {
            panic!("it is another command");
        };
        let mut flags = args.flags();
        assert_eq!(flags.len(), values.matches("--").count());
        flags.push(("buildkitd-config", "a".to_owned()));
        for flag in flags {
            let taken = ["docker-container", "remote", "kubernetes"].iter().any(|driver| {
                let mut flags = vec![flag.clone()];
                if *driver == "remote" && flag.0 != "endpoint" {
                    flags.push(("endpoint", "tcp://a:1".to_owned()));
                }
                let request = Request { name: "x".into(), driver: (*driver).into(), flags, ..Request::default() };
                builder::create(&request, "docker".as_ref(), CONFIG).is_ok()
            });
            assert!(taken, "no driver has --{}", flag.0);
        }
    }
}
