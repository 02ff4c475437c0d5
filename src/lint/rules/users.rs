//! Who the program of an image runs as.

use super::ground;
use crate::lint::model::{Command, Dockerfile, Instruction, Stage, What, Word};
use crate::lint::{Context, Found};

/// Programs that give up root themselves.
const DROPPERS: &[&str] = &["gosu", "su-exec", "setpriv", "s6-", "fixuid", "chpst", "setuidgid", "runuser"];

/// The `USER` that holds for an image, with what it says once its variables are in place.
struct User<'a> {
    word: &'a Word,
    /// The user alone; none: a variable without a value.
    name: Option<String>,
}

fn user<'a>(file: &'a Dockerfile, image: &Stage) -> Option<User<'a>> {
    ground::instructions(file, image).rev().find_map(|(stage, at, one)| {
        let What::User(word) = &one.what else { return None };
        let name = ground::expanded(file, stage, at, word);
        Some(User { word, name: name.map(|name| name.split(':').next().unwrap_or_default().trim().to_owned()) })
    })
}

/// Whether something that is started first may become somebody else.
fn may_drop(file: &Dockerfile, image: &Stage) -> bool {
    let named = |text: &str| DROPPERS.iter().any(|name| text.contains(name));
    ground::instructions(file, image).any(|(_, _, one)| match &one.what {
        What::Entrypoint(command) | What::Cmd(command) => {
            let text = command.text();
            let first = match command {
                Command::Exec(words, _) => words.first().map_or("", |word| word.text.as_str()),
                Command::Shell(word) => word.text.split_whitespace().next().unwrap_or_default(),
            };
            let script = first.rsplit_once('.').is_some_and(|(_, ending)| ending == "sh");
            named(&text) || script || first.contains("entrypoint") || first == "/init"
        }
        _ => named(&said(one)),
    })
}

fn said(one: &Instruction) -> String {
    match &one.what {
        What::Run(run) => run.command.text(),
        What::Copy(copy) | What::Add(copy) => copy.sources.iter().map(|word| word.text.as_str()).collect(),
        _ => String::new(),
    }
}

fn is_root(name: &str) -> bool {
    name == "root" || name.parse::<u32>() == Ok(0)
}

/// An image that starts something, whose base is root's, and no `USER`.
pub(super) fn none(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let Some(base) = ground::under(file, image) else { continue };
        if base.runs_as_root() != Some(true)
            || user(file, image).is_some()
            || may_drop(file, image)
            || !starts(file, image)
        {
            continue;
        }
        let title = ground::title(file, image);
        let one = Found::at(image.base.written.span.clone(), format!("the program runs as root, as {title} has it"))
            .label("no `USER` after this");
        found.push(one.help("end the stage with `USER 65532:65532`: a number needs no entry in /etc/passwd"));
    }
}

fn starts(file: &Dockerfile, image: &Stage) -> bool {
    ground::instructions(file, image).any(|(_, _, one)| matches!(one.what, What::Cmd(_) | What::Entrypoint(_)))
}

/// An image whose last `USER` is root.
pub(super) fn root(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let Some(User { word, name: Some(name) }) = user(file, image) else { continue };
        if is_root(&name) && !may_drop(file, image) && starts(file, image) {
            let one = Found::at(word.span.clone(), "the program runs as root").label("nobody else comes after this");
            found.push(one.help("end the stage with `USER 65532:65532`, and give what it writes to that user"));
        }
    }
}

/// A name that is in no passwd of that image.
pub(super) fn unknown(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let Some(User { word, name: Some(name) }) = user(file, image) else { continue };
        let Some(base) = ground::under(file, image) else { continue };
        if name.is_empty() || name.parse::<u32>().is_ok() || base.has_user(&name) != Some(false) {
            continue;
        }
        let makes = ["useradd", "adduser", "/etc/passwd", "usermod", "/passwd"];
        if ground::installs(file, image, &makes)
            || ground::copies(file, image, &["passwd", "etc/"])
            || ground::takes_a_root(file, image)
        {
            continue;
        }
        let title = ground::title(file, image);
        let message = format!("no user of {title} is called `{name}`: the container does not start");
        let help = match base.users.iter().find(|(_, id)| **id == 65532) {
            Some((known, id)) => format!("it has `{known}`: `USER {id}:{id}`"),
            None => "name the user by number: `USER 65532:65532`".to_owned(),
        };
        found.push(Found::at(word.span.clone(), message).help(help));
    }
}

/// A name where a number would be.
pub(super) fn by_name(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let Some(User { word, name: Some(name) }) = user(file, image) else { continue };
        if name.is_empty() || name.parse::<u32>().is_ok() || is_root(&name) {
            continue;
        }
        let known = ground::under(file, image).and_then(|base| base.users.get(&name));
        let message = format!("`{name}` is a name: whether that is root, only the image's /etc/passwd knows");
        let one = Found::at(word.span.clone(), message).label("Kubernetes' `runAsNonRoot` refuses it");
        found.push(match known {
            // Only where the whole word is the name, because a group may follow.
            Some(id) if word.text == name => {
                one.help(format!("`{name}` is {id}")).fix(word.span.clone(), format!("{id}:{id}"))
            }
            _ => one.help("give the number that the user has: `USER 10001:10001`"),
        });
    }
}
