//! Single instructions that are not what they seem.

use super::{image_name, runs};
use crate::lint::model::{Command, Span, What, is_address};
use crate::lint::{Context, Found};

/// `ADD` of what `COPY` copies as well.
pub(super) fn add_for_copy(context: &Context<'_>, found: &mut Vec<Found>) {
    for instruction in context.file.stages.iter().flat_map(|stage| &stage.instructions) {
        let What::Add(add) = &instruction.what else { continue };
        let plain = |path: &str| {
            let lower = path.to_lowercase();
            !is_address(path)
                && !path.contains('$')
                && ![".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".txz", ".tbz2"]
                    .iter()
                    .any(|end| lower.ends_with(end))
                && !path.contains('*')
        };
        // Some flags are `ADD`'s alone.
        let own =
            instruction.flags.iter().any(|flag| matches!(flag.name.as_str(), "checksum" | "keep-git-dir" | "unpack"));
        if !own && !add.sources.is_empty() && add.sources.iter().all(|source| plain(&source.text)) {
            let one = Found::at(
                instruction.keyword.clone(),
                "`ADD` does more than copy: it fetches addresses and unpacks archives",
            );
            found.push(one.help("`COPY` copies").fix(instruction.keyword.clone(), "COPY"));
        }
    }
}

/// `ENTRYPOINT` and `CMD` that a shell runs: signals do not reach the program.
pub(super) fn shell_form(context: &Context<'_>, found: &mut Vec<Found>) {
    for stage in context.file.images() {
        for instruction in &stage.instructions {
            let (name, command) = match &instruction.what {
                What::Entrypoint(command) => ("ENTRYPOINT", command),
                What::Cmd(command) => ("CMD", command),
                _ => continue,
            };
            let Command::Shell(line) = command else { continue };
            // `exec` puts the program in the shell's place.
            if line.text.trim().is_empty() || line.text.trim_start().starts_with("exec ") {
                continue;
            }
            let one = Found::at(line.span.clone(), format!("`{name}` is a line for a shell"))
                .label("`/bin/sh -c` gets the signals, and the program does not");
            let plain = |c: char| c.is_ascii_alphanumeric() || " ./-_=:,@+".contains(c);
            if line.text.chars().all(plain) {
                let words: Vec<String> = line.text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
                found.push(one.help("give a list of words").fix(line.span.clone(), format!("[{}]", words.join(", "))));
            } else {
                found.push(one.help(format!("give a list of words: {name} [\"program\", \"argument\"]")));
            }
        }
    }
}

/// Bases on which everything is root's until somebody says otherwise.
const ROOTS: &[&str] = &[
    "debian",
    "ubuntu",
    "alpine",
    "rust",
    "fedora",
    "rockylinux",
    "almalinux",
    "buildpack-deps",
    "amazonlinux",
    "node",
    "python",
    "golang",
];

/// `sudo` where all is root's anyway.
pub(super) fn sudo(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for (stage, _, _, run) in runs(file) {
        let root = file.root(stage.index).is_some_and(|base| ROOTS.contains(&image_name(base)));
        let users = file
            .line(stage.index)
            .into_iter()
            .flat_map(|stage| &stage.instructions)
            .any(|one| matches!(one.what, What::User(_)));
        if !root || users {
            continue;
        }
        for word in run.calls.iter().filter(|call| !call.nested).filter_map(|call| call.through("sudo")) {
            let one = Found::at(word.span.clone(), "the step is root's already");
            let space =
                context.text()[word.span.end..].len() - context.text()[word.span.end..].trim_start_matches(' ').len();
            let alone =
                context.text()[word.span.end + space..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
            let one = one.help("leave `sudo` out");
            let plain = super::is_plain(context.text(), word) && alone;
            found.push(if plain { one.fix(word.span.start..word.span.end + space, "") } else { one });
        }
    }
}

/// A `CMD` or `ENTRYPOINT` that a later one replaces.
pub(super) fn repeated_start(context: &Context<'_>, found: &mut Vec<Found>) {
    for stage in &context.file.stages {
        let places = |is: fn(&What) -> bool| -> Vec<Span> {
            stage.instructions.iter().filter(|one| is(&one.what)).map(|one| one.span.clone()).collect()
        };
        let both = [
            ("CMD", places(|what| matches!(what, What::Cmd(_)))),
            ("ENTRYPOINT", places(|what| matches!(what, What::Entrypoint(_)))),
        ];
        for (name, places) in both {
            let Some((last, earlier)) = places.split_last() else { continue };
            for place in earlier {
                let one = Found::at(place.clone(), format!("this `{name}` does nothing")).label("replaced below");
                found.push(
                    one.also(last.clone(), "only this one counts").help("remove it, or give it a stage of its own"),
                );
            }
        }
    }
}

/// `WORKDIR` that depends on what the base says.
pub(super) fn relative_workdir(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for stage in &file.stages {
        for (at, instruction) in stage.instructions.iter().enumerate() {
            let What::Workdir(word) = &instruction.what else { continue };
            if word.text.starts_with(['/', '$'])
                || word.text.contains([':', '\\'])
                || file.workdir(stage.index, at).is_some()
            {
                continue;
            }
            let message = format!("`{}` is below a folder that only the base knows", word.text);
            found.push(
                Found::at(word.span.clone(), message).help(format!("say the whole path: `WORKDIR /{}`", word.text)),
            );
        }
    }
}

/// `EXPOSE` of what is no port.
pub(super) fn impossible_port(context: &Context<'_>, found: &mut Vec<Found>) {
    for instruction in context.file.stages.iter().flat_map(|stage| &stage.instructions) {
        let What::Expose(words) = &instruction.what else { continue };
        for word in words.iter().filter(|word| !word.text.contains('$')) {
            if let Some(why) = port_fault(&word.text) {
                let one = Found::at(word.span.clone(), format!("`{}` is no port", word.text)).label(why);
                found.push(
                    one.help("a number from 1 to 65535, or two with `-` between them; then `/tcp`, `/udp` or nothing"),
                );
            }
        }
    }
}

fn port_fault(text: &str) -> Option<&'static str> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !["tcp", "udp", "sctp"].contains(&protocol.to_lowercase().as_str()) {
        return Some("no protocol of this name");
    }
    if ports.contains(':') {
        return Some("which port of the machine it gets is said by `docker run --publish`");
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) if first > last => Some("it ends before it begins"),
        (Ok(1..), Ok(1..)) => None,
        _ => Some("not from 1 to 65535"),
    }
}

/// `MAINTAINER`, which is a label now.
pub(super) fn maintainer(context: &Context<'_>, found: &mut Vec<Found>) {
    for instruction in context.file.stages.iter().flat_map(|stage| &stage.instructions) {
        let What::Maintainer(name) = &instruction.what else { continue };
        let value = name.text.trim().trim_matches('"').replace('\\', "\\\\").replace('"', "\\\"");
        let one = Found::at(instruction.span.clone(), "`MAINTAINER` is deprecated")
            .help("a label says it, and `docker inspect` shows it");
        let label = format!("LABEL org.opencontainers.image.authors=\"{value}\"");
        found.push(if value.contains('$') { one } else { one.fix(instruction.span.clone(), label) });
    }
}

/// A server of which nobody asks whether it is well.
pub(super) fn no_healthcheck(context: &Context<'_>, found: &mut Vec<Found>) {
    for image in context.file.images() {
        let line = context.file.line(image.index);
        let all = || line.iter().flat_map(|stage| &stage.instructions);
        let port = all().find(|one| matches!(one.what, What::Expose(_)));
        if let (Some(port), false) = (port, all().any(|one| matches!(one.what, What::Healthcheck(_)))) {
            let one = Found::at(port.span.clone(), "the image listens, and has no `HEALTHCHECK`");
            found.push(one.help("give it one, unless what runs it (Kubernetes) asks by itself"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        for good in ["80", "80/udp", "8000-8010", "80/TCP"] {
            assert_eq!(port_fault(good), None, "{good}");
        }
        for bad in ["0", "70000", "80:80", "80/http", "9-8", "http"] {
            assert!(port_fault(bad).is_some(), "{bad}");
        }
    }
}
