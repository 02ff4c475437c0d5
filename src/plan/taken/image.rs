//! What a Dockerfile says of how its image runs.

use std::collections::BTreeMap;

use super::rules::Rules;
use super::{Account, Source};
use crate::config::{Arguments, Table, permits};
use crate::facts::repository::{Built, Place, Process, Said, Words};
use crate::failure::Result;
use crate::image_paths::WORKDIR;
use crate::lint::call::base;
use crate::secrets;
use crate::workspace::Workspace;

pub(super) fn take(
    workspace: &Workspace,
    source: Source<'_>,
    table: &mut Table,
    account: &mut Account<'_>,
) -> Result<()> {
    let image = source.shipping.image;
    let package = source.member.name.as_str();
    let services: Vec<_> = workspace.said.services.iter().filter(|service| builds(source, &service.value)).collect();
    ports(package, image, table, account);
    if image.ports.is_empty() {
        for service in &services {
            let ports = service.value.ports.iter().map(|port| service.with(port.clone()));
            ports.for_each(|port| expose(package, &port, table, account));
        }
    }
    for volume in &image.volumes {
        writable(package, image, volume, table, account);
    }
    for service in &services {
        for path in &service.value.volumes {
            writable(package, image, &service.with(path.clone()), table, account);
        }
    }
    environment(package, image, table, account)?;
    let of_service = services.iter().find_map(|one| Some(one.with(one.value.stop_signal.clone()?)));
    if let Some(signal) = image.stop_signal.clone().or(of_service) {
        stop_signal(package, &signal, table, account);
    }
    started(source, table, account);
    health(source, table, account);
    Ok(())
}

/// Whether a service of a compose file is this image.
fn builds(source: Source<'_>, service: &crate::facts::repository::Service) -> bool {
    let image = source.shipping.image;
    let stage = match &service.stage {
        Some(stage) => image.stage.as_deref() == Some(stage),
        None => source.shipping.dockerfile.images.len() == 1,
    };
    service.dockerfile == source.shipping.dockerfile.file && stage
}

fn ports(package: &str, image: &Built, table: &mut Table, account: &mut Account<'_>) {
    for port in &image.ports {
        expose(package, port, table, account);
    }
}

fn expose(package: &str, port: &Said<String>, table: &mut Table, account: &mut Account<'_>) {
    if !account.is_open(package, "expose") {
        return;
    }
    let (number, protocol) = port.value.split_once('/').unwrap_or((&port.value, "tcp"));
    match number.parse::<u16>() {
        Ok(number) if protocol.eq_ignore_ascii_case("tcp") && number > 0 => {
            if !table.expose.contains(&number) {
                table.expose.push(number);
                account.take(package, "expose", (format!("port {number}"), &number.to_string()), &port.place);
            }
        }
        _ => account.leave(format!("EXPOSE {}", port.value), "only single TCP ports are known", &port.place),
    }
}

fn writable(package: &str, image: &Built, volume: &Said<String>, table: &mut Table, account: &mut Account<'_>) {
    if !account.is_open(package, "writable") {
        return;
    }
    let path = here(image, &volume.value, false);
    // A file of the system's is nobody's to write, and `/tmp` is there.
    let usual =
        matches!(path.as_str(), "/" | "/tmp" | "/etc" | "/usr" | "/bin" | "/lib" | "/var" | "/dev" | "/proc" | "/sys");
    if usual || !permits("writable", &path) {
        account.leave(format!("VOLUME {}", volume.value), "no folder of the program's has such a path", &volume.place);
    } else if !table.writable.contains(&path) {
        account.take(package, "writable", (format!("folder {path}"), &path), &volume.place);
        table.writable.push(path);
    }
}

fn environment(package: &str, image: &Built, table: &mut Table, account: &mut Account<'_>) -> Result<()> {
    if !account.is_open(package, "env") {
        return Ok(());
    }
    let (rules, secret) = (Rules::known()?, secrets::Rules::known()?);
    for said in &image.env {
        let (name, value) = &said.value;
        let what = format!("ENV {name}");
        if let Some(why) = rules.variable(name) {
            account.leave(what, why, &said.place);
            continue;
        }
        let Some(value) = value else {
            account.leave(what, "a variable without a default says its value", &said.place);
            continue;
        };
        if secret.is_named(name) || !secret.text(&format!("{name}=\"{value}\"")).is_empty() || has_login(value) {
            account.leave(what, "it looks like a secret; give it to the container", &said.place);
        } else if !permits("variable", name) || !permits("text", value) {
            account.leave(what, "no image can have such a variable", &said.place);
        } else {
            account.take(package, "env", (format!("{name}={value}"), name), &said.place);
            table.env.insert(name.clone(), value.clone());
        }
    }
    Ok(())
}

/// `scheme://user:password@host`, be the password one that stands in examples.
fn has_login(value: &str) -> bool {
    let authority = value.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.and_then(|authority| authority.rsplit_once('@')).is_some_and(|(login, _)| login.contains(':'))
}

fn stop_signal(package: &str, signal: &Said<String>, table: &mut Table, account: &mut Account<'_>) {
    if !account.is_open(package, "stop-signal") || table.stop_signal.is_some() {
        return;
    }
    if permits("stop-signal", &signal.value) {
        account.take(package, "stop-signal", (signal.value.clone(), &signal.value), &signal.place);
        table.stop_signal = Some(signal.value.clone());
    } else {
        account.leave(format!("STOPSIGNAL {}", signal.value), "it is no name of a signal", &signal.place);
    }
}

/// The arguments of the program, and the init before it.
fn started(source: Source<'_>, table: &mut Table, account: &mut Account<'_>) {
    let Some(start) = &source.shipping.image.start else { return };
    let package = source.member.name.as_str();
    if let Some(init) = start.init.as_ref().filter(|_| account.is_open(package, "init") && table.init.is_none()) {
        account.take(package, "init", (format!("an init, for {}", init.value), "true"), &init.place);
        table.init = Some(true);
    }
    if start.program.is_some() && !start.arguments.is_empty() && !start.shell {
        let several = source.member.binaries.len() > 1;
        arguments(source, several, (&start.arguments, &start.place), table, account);
    }
}

fn arguments(
    source: Source<'_>,
    several: bool,
    (words, place): (&[String], &Place),
    table: &mut Table,
    account: &mut Account<'_>,
) {
    let (package, binary) = (source.member.name.as_str(), &source.binary.name);
    if !account.is_open(package, "arguments") {
        return;
    }
    if words.iter().any(|word| !permits("text", word)) {
        return account.leave("CMD", "its arguments have control characters", place);
    }
    account.take(package, "arguments", (words.join(" "), binary), place);
    table.arguments = Some(match table.arguments.take() {
        None if !several => Arguments::All(words.to_vec()),
        Some(Arguments::Each(mut all)) => {
            all.insert(binary.clone(), words.to_vec());
            Arguments::Each(all)
        }
        _ => Arguments::Each(BTreeMap::from([(binary.clone(), words.to_vec())])),
    });
}

/// A health check that only needs the program itself.
fn health(source: Source<'_>, table: &mut Table, account: &mut Account<'_>) {
    let Some(check) = &source.shipping.image.healthcheck else { return };
    let (package, binary) = (source.member.name.as_str(), &source.binary.name);
    match &check.value {
        Words::Plain(words) if words.first().is_some_and(|program| base(program) == binary) => {
            // The key holds for every image of the package.
            if source.member.binaries.len() == 1 && account.is_open(package, "healthcheck") {
                table.healthcheck = vec![format!("/usr/local/bin/{binary}")];
                table.healthcheck.extend(words.iter().skip(1).cloned());
                account.take(package, "healthcheck", (words.join(" "), "healthcheck"), &check.place);
            }
        }
        Words::Plain(words) => {
            let program = words.first().map_or("", |program| base(program));
            account.leave("HEALTHCHECK", format!("it needs `{program}`, which the image does not have"), &check.place);
        }
        Words::Shell => account.leave("HEALTHCHECK", "it needs a shell, which the image does not have", &check.place),
    }
}

/// A path of the old image in the new one. What lies in the working folder lies in ours, unless an argument or a variable names the
/// old place.
pub(super) fn here(image: &Built, path: &str, relative: bool) -> String {
    let workdir = image.workdir.as_ref().map_or("/", |said| said.value.as_str());
    let inside = if workdir == "/" && !relative {
        None
    } else {
        let rest = path.strip_prefix(workdir.trim_end_matches('/'));
        rest.filter(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let Some(inside) = inside.filter(|_| workdir != WORKDIR && !is_named(image, workdir, path)) else {
        return path.to_owned();
    };
    if inside == "/" { WORKDIR.to_owned() } else { format!("{WORKDIR}{inside}") }
}

fn is_named(image: &Built, workdir: &str, path: &str) -> bool {
    let named = |text: &str| text.contains(path) || (workdir != "/" && text.contains(workdir));
    let arguments = image.start.iter().flat_map(|start| &start.arguments);
    let values = image.env.iter().filter(|said| said.value.0 != "PATH").filter_map(|said| said.value.1.as_ref());
    arguments.chain(values).any(|text| named(text))
}

/// What a Procfile and `fly.toml` say, where no Dockerfile does: they are about one program.
pub(super) fn without_dockerfile<'w>(
    workspace: &'w Workspace,
    sources: &[Source<'w>],
    tables: &mut BTreeMap<&'w str, Table>,
    account: &mut Account<'_>,
) {
    for said in &workspace.said.processes {
        let Process { program, arguments: words, .. } = &said.value;
        let by_file =
            sources.iter().any(|source| source.binary.name == *program && source.shipping.image.runs(program));
        let member = workspace.members.iter().find(|member| member.binaries.iter().any(|one| one.name == *program));
        let (Some(member), Some(words), false) = (member, words, by_file) else { continue };
        let table = tables.entry(&member.name).or_default();
        let known = table.arguments.as_ref().is_some_and(|arguments| !arguments.of(program).is_empty());
        if words.is_empty() || known || !account.is_open(&member.name, "arguments") {
            continue;
        }
        account.take(&member.name, "arguments", (words.join(" "), program), &said.place);
        let mut all = match table.arguments.take() {
            Some(Arguments::Each(all)) => all,
            _ => BTreeMap::new(),
        };
        all.insert(program.clone(), words.clone());
        table.arguments = Some(Arguments::Each(all));
    }
    let programs: Vec<_> = workspace.members.iter().filter(|member| !member.binaries.is_empty()).collect();
    let [member] = programs.as_slice() else { return };
    let fly = &workspace.said.fly;
    let table = tables.entry(&member.name).or_default();
    if table.expose.is_empty() {
        fly.ports.iter().for_each(|port| expose(&member.name, port, table, account));
    }
    for volume in &fly.volumes {
        if account.is_open(&member.name, "writable")
            && permits("writable", &volume.value)
            && !table.writable.contains(&volume.value)
        {
            account.take(&member.name, "writable", (format!("folder {}", volume.value), &volume.value), &volume.place);
            table.writable.push(volume.value.clone());
        }
    }
    if let Some(signal) = &fly.stop_signal {
        stop_signal(&member.name, signal, table, account);
    }
}
