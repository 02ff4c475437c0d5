//! Secrets that stay in a layer, in the history or in the configuration of an image.

use super::ground;
use crate::lint::call::{Call, base as name_of};
use crate::lint::model::{Instruction, Mount, Pair, Run, Span, Stage, What, Word};
use crate::lint::{Context, Found};
use crate::secrets::Rules;

/// Words in names of variables that hold secrets.
const NAMES: &[&str] = &["password", "passwd", "secret", "token", "credential", "credentials", "apikey", "passphrase"];

/// Pairs of words that do.
const PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("private", "key"),
    ("access", "key"),
    ("secret", "key"),
    ("ssh", "key"),
    ("signing", "key"),
    ("deploy", "key"),
];

/// Words after which a name is no secret but tells of one.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "name",
    "id",
    "length",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "type",
    "issuer",
    "endpoint",
    "header",
    "policy",
    "min",
    "max",
    "provider",
    "enabled",
    "host",
    "port",
    "public",
    "limit",
    "algorithm",
];

/// Files that hold secrets, by the ends of their paths.
const FILES: &[&str] = &[
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    "id_dsa",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".git-credentials",
    ".aws/credentials",
    ".docker/config.json",
    ".kube/config",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".htpasswd",
];

/// Endings of files that hold keys.
const ENDINGS: &[&str] = &[".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];

fn instructions<'a>(context: &'a Context<'_>) -> impl Iterator<Item = (&'a Stage, usize, &'a Instruction)> {
    let stages = context.file.stages.iter();
    stages.flat_map(|stage| stage.instructions.iter().enumerate().map(move |(at, one)| (stage, at, one)))
}

/// Whether a variable is called as secrets are.
pub(super) fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    let pair = || words.windows(2).any(|two| PAIRS.contains(&(two[0], two[1])));
    let last = words.last().copied().unwrap_or_default();
    (words.iter().any(|word| NAMES.contains(word)) || pair()) && !ABOUT.contains(&last)
}

/// Whether a value could be one: neither empty, nor a place, nor a switch.
pub(super) fn is_secret_value(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty()
        && !value.starts_with('/')
        && !value.starts_with("./")
        && !matches!(value.to_lowercase().as_str(), "true" | "false" | "none" | "null" | "0" | "1" | "yes" | "no" | "x")
        && !is_placeholder(value)
}

/// What stands for a secret, and nobody would take for one.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    let said = [
        "changeme",
        "change_me",
        "change-me",
        "change me",
        "dummy",
        "placeholder",
        "example",
        "your_",
        "your-",
        "unset",
        "<",
    ];
    said.iter().any(|word| lower.contains(word)) || lower.chars().all(|c| matches!(c, 'x' | '*' | '.'))
}

/// Where the value of a variable stands; nothing, if it has none.
fn value_of(pair: &Pair) -> Span {
    (pair.span.start + pair.name.len() + 1).min(pair.span.end)..pair.span.end
}

/// `ARG TOKEN`.
pub(super) fn in_arg(context: &Context<'_>, found: &mut Vec<Found>) {
    let own = instructions(context)
        .filter_map(|(_, _, one)| if let What::Arg(pairs) = &one.what { Some(pairs) } else { None });
    for pair in context.file.globals.iter().chain(own.flatten()).filter(|pair| is_secret_name(&pair.name)) {
        // One that is there for a test has its value in the file, where everybody reads it.
        if pair.value.as_deref().is_some_and(|value| !is_secret_value(value) && !value.trim().is_empty()) {
            continue;
        }
        let one =
            Found::at(pair.span.clone(), format!("the build argument `{}` is kept in the image's history", pair.name));
        found.push(one.hide(value_of(pair)).label("`docker history` shows its value").help(format!(
            "mount it where it is needed: `RUN --mount=type=secret,id={0},env={0} …`, and `docker build --secret id={0}`",
            pair.name
        )));
    }
}

/// `ENV TOKEN=…`.
pub(super) fn in_env(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, one) in instructions(context) {
        let What::Env(pairs) = &one.what else { continue };
        for pair in pairs {
            let Pair { name, value, span } = pair;
            let Some(value) = value.as_deref().filter(|value| is_secret_name(name) && is_secret_value(value)) else {
                continue;
            };
            let from = if value.contains('$') { "a value that the build is given" } else { "a value" };
            let message = format!("`{name}` is a part of the image, with {from}");
            let one = Found::at(span.clone(), message);
            let one = if value.contains('$') { one } else { one.hide(value_of(pair)) };
            found.push(one.label("`docker inspect` shows it").help(
                "give it to the container when it runs, or mount it: `RUN --mount=type=secret` for a build's own",
            ));
        }
    }
}

/// A secret itself.
pub(super) fn literal(context: &Context<'_>, found: &mut Vec<Found>) {
    // Its own tests rule out that there are none.
    let Ok(rules) = Rules::known() else { return };
    let text = context.text();
    for (_, _, one) in instructions(context) {
        let Some(said) = text.get(one.span.clone()) else { continue };
        // An address with a password is another rule's.
        let mut places = rules.places(said);
        places.retain(|(_, hit)| hit.rule != "url-password");
        let whole_key = places.iter().any(|(_, hit)| hit.rule == "private-key");
        for (place, hit) in places {
            let span = one.span.start + place.start..one.span.start + place.end;
            found.push(Found::at(span, format!("{} stands in the Dockerfile", hit.what)).label("in the file, and in the image's history").help(
                "revoke it, because who has the file or the image has it; and mount the next one with `--mount=type=secret`",
            ));
        }
        if let Some(at) = said.find("PRIVATE KEY-----").filter(|_| !whole_key) {
            let start = one.span.start + at;
            found.push(
                Found::at(start..start + "PRIVATE KEY-----".len(), "a private key stands in the Dockerfile")
                    .help("revoke it, and mount the next one with `--mount=type=secret`"),
            );
        }
    }
}

/// `https://user:password@host`.
pub(super) fn in_url(context: &Context<'_>, found: &mut Vec<Found>) {
    let text = context.text();
    for (stage, at, one) in instructions(context) {
        let Some(said) = text.get(one.span.clone()) else { continue };
        let mut from = 0;
        while let Some(scheme) = said.get(from..).and_then(|rest| rest.find("://")).map(|found| from + found) {
            from = scheme + 3;
            let before = &said[..scheme];
            let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+').next().unwrap_or_default();
            let rest = &said[from..];
            let end = rest.find(|c: char| c.is_whitespace() || "/'\"`\\;|)<>".contains(c)).unwrap_or(rest.len());
            let Some((user, host)) = rest[..end].rsplit_once('@') else { continue };
            if !matches!(name, "http" | "https" | "git" | "git+https" | "ftp")
                || host.is_empty()
                || rest.starts_with("$(")
            {
                continue;
            }
            let secret = user.split_once(':').map_or(user, |(_, secret)| secret);
            let shown = if name.is_empty() { scheme } else { scheme - name.len() };
            let start = one.span.start + from;
            let span = one.span.start + shown..start + end;
            if let Some(why) = kept(context, stage, at, user, secret) {
                let one = Found::at(span, "an address with credentials").label(why);
                let login = start..start + user.len();
                found.push(if secret.contains('$') { one } else { one.hide(login) }.help(
                    "let git or cargo ask a secret that is mounted: `--mount=type=secret,id=…`, with a credential helper that reads it",
                ));
            }
        }
    }
}

/// Why the credentials of an address stay, where they do.
fn kept(context: &Context<'_>, stage: &Stage, at: usize, user: &str, secret: &str) -> Option<&'static str> {
    let variable = secret.trim_start_matches('$').trim_start_matches('{').trim_end_matches('}');
    if secret.contains('$') {
        // A variable that a mounted secret fills is there for one step alone; one of the build's is in the history.
        let named = |pairs: &[Pair]| pairs.iter().any(|pair| pair.name == variable);
        let own = ground::instructions(context.file, stage).any(|(of, place, one)| {
            (of.index != stage.index || place < at)
                && matches!(&one.what, What::Arg(pairs) | What::Env(pairs) if named(pairs))
        });
        return own.then_some("what the variable holds is in the image's history");
    }
    // `git@host` and `https://user@host` name nobody's secret; a token alone is long.
    let literal = if user.contains(':') { !secret.is_empty() && !is_placeholder(secret) } else { user.len() >= 20 };
    literal.then_some("who has the image has them")
}

/// `COPY id_rsa`.
pub(super) fn file_copied(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, one) in instructions(context) {
        let Some(transfer) = one.from_context() else { continue };
        for source in transfer.sources.iter().filter(|source| is_secret_file(&source.text)) {
            let file = Found::at(source.span.clone(), format!("`{}` is copied into a layer", source.text));
            found.push(file.label("removing it later leaves it in this one").help(
                "mount it for the step that needs it: `RUN --mount=type=secret,id=…,target=…`; the ignore file should leave it out",
            ));
        }
    }
}

/// Whether a file of this name holds a secret.
fn is_secret_file(path: &str) -> bool {
    let lower = path.to_lowercase();
    let name = name_of(lower.trim_end_matches('/'));
    if ["example", "sample", "template", "dist", ".pub", "test", "dummy", "snakeoil"]
        .iter()
        .any(|word| lower.contains(word))
    {
        return false;
    }
    let env = name == ".env" || (name.starts_with(".env.") && !name.ends_with(".docker"));
    env || name == ".ssh"
        || FILES.iter().any(|end| lower.ends_with(end))
        || ENDINGS.iter().any(|end| name.ends_with(end) && name.len() > end.len())
}

/// A mounted secret that is written down.
pub(super) fn mount_kept(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, one) in instructions(context) {
        let Some(run) = one.run() else { continue };
        for mount in run.mounts.iter().filter(|mount| mount.kind == "secret") {
            let place = place(mount);
            for (call, target) in run.calls.iter().filter_map(|call| Some((call, copied_to(call, &place)?))) {
                if stays(run, &target) {
                    let message = format!("a secret is written to `{}`, which is in the layer", target.text);
                    let one = Found::at(target.span.clone(), message).also(call.span.clone(), "here it is read");
                    found.push(one.help(format!(
                        "use it where it is mounted, or mount it there: `--mount=type=secret,…,target={}`",
                        target.text
                    )));
                }
            }
        }
    }
}

fn place(mount: &Mount) -> String {
    let id = mount.option("id").or(mount.option("source")).unwrap_or("default");
    mount.option("target").map_or_else(|| format!("/run/secrets/{id}"), str::to_owned)
}

/// Where a call puts what it reads at this place.
fn copied_to(call: &Call, place: &str) -> Option<Word> {
    let words = call.command();
    let reads = words.iter().skip(1).any(|word| word.text == place);
    if !reads {
        return None;
    }
    match call.program() {
        "cp" | "mv" | "install" | "rsync" => words.iter().skip(1).rfind(|word| !word.text.starts_with('-')).cloned(),
        "cat" | "base64" | "sed" | "tr" | "head" => call.written.first().cloned(),
        _ => None,
    }
    .filter(|word| word.text != place)
}

/// Whether a file that a step writes is in its layer: not on a mount, not gone at its end, not a device.
fn stays(run: &Run, target: &Word) -> bool {
    let path = target.text.as_str();
    let volatile = run.mounts.iter().any(|mount| {
        matches!(mount.kind.as_str(), "tmpfs" | "cache" | "secret")
            && mount.option("target").is_some_and(|folder| path.starts_with(folder))
    });
    let gone = run.calls.iter().filter(|call| matches!(call.program(), "rm" | "shred" | "unlink")).any(|call| {
        call.args().any(|arg| {
            arg == path || (path.starts_with(arg.trim_end_matches('*')) && arg.len() > 1 && !arg.starts_with('-'))
        })
    });
    !volatile && !gone && !path.starts_with("/dev/") && !path.starts_with("/run/")
}

/// A key or a login that a step writes to where programs look for it.
pub(super) fn login_kept(context: &Context<'_>, found: &mut Vec<Found>) {
    for (_, _, one) in instructions(context) {
        let Some(run) = one.run() else { continue };
        for call in &run.calls {
            let file =
                call.written.iter().find(|word| is_secret_file(&word.text) && !name_of(&word.text).starts_with(".env"));
            if let Some(file) = file.filter(|file| stays(run, file)) {
                found.push(kept_login(file.span.clone(), format!("`{}` is written into a layer", file.text)));
                continue;
            }
            let args: Vec<&str> = call.args().collect();
            let logs_in = match (call.program(), args.as_slice()) {
                ("cargo", ["login", token, ..]) => !token.starts_with('-'),
                ("docker" | "podman", ["login", ..]) => call.has(&["-p", "--password"]),
                ("npm" | "yarn", ["config", "set", key, ..]) => key.contains("_authToken") || key.contains("_password"),
                ("git", ["config", ..]) => {
                    args.contains(&"credential.helper") && args.iter().any(|arg| arg.starts_with("store"))
                }
                _ => false,
            };
            if logs_in {
                found.push(kept_login(call.span.clone(), format!("`{}` leaves a login in the layer", call.program())));
            }
        }
    }
}

fn kept_login(span: Span, message: String) -> Found {
    Found::at(span, message)
        .label("removing it in a later step leaves it in this one")
        .help("mount what it needs for this step alone: `--mount=type=secret`, or `--mount=type=ssh` for keys of ssh")
}
