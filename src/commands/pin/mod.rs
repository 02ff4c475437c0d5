//! `cargo dockerize pin`

mod account;

use std::collections::BTreeMap;

use camino::Utf8Path;
use cargo_dockerize::emit::{self, Change, State};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::pins::{self, Asked, Changed, FILE, Lock, Pin};
use cargo_dockerize::plan::Plan;
use cargo_dockerize::plan::model::Target;
use cargo_dockerize::registry::{Client, Options};

use super::{Session, generate};
use crate::cli::{self, Common, Format};
use crate::ui::{self, Shell};
use account::{Account, Line, Verdict};

pub fn run(args: &cli::pin::Pin, common: &Common, shell: Shell) -> Result<()> {
    let mut session = Session::open(common)?;
    let plan = session.plan()?;
    let old = session.workspace.pins.clone().unwrap_or_default();
    let wanted: Vec<&str> = plan.pins.iter().filter(|image| image.locked).map(|image| image.name.as_str()).collect();
    if args.check {
        let account = check(&old, &wanted, common)?;
        return tell(&account, args.format, shell).and_then(|()| account.drift());
    }
    let adopted = if args.adopt { adopted(&session, &plan)? } else { BTreeMap::new() };
    let due = due(args, (&old, &wanted), &adopted)?;
    let looked = look(&due, &old, common)?;
    let (new, account) = settle((&old, &wanted), &due, looked);
    if common.locked && new != old {
        tell(&account, args.format, shell)?;
        return Err(Failure::new(Kind::Drift, format!("`{FILE}` is not up to date, and --locked was passed"))
            .help("run `cargo dockerize pin`, and commit the result"));
    }
    tell(&account, args.format, shell)?;
    warn_of_singles(&plan, &new, shell);
    if args.dry_run {
        return Ok(());
    }
    write(&mut session, &plan, new, shell)
}

/// What registries and the lock file say of each image.
fn check(old: &Lock, wanted: &[&str], common: &Common) -> Result<Account> {
    let pinned: Vec<String> =
        wanted.iter().filter(|name| old.images.contains_key(**name)).map(|name| (*name).to_owned()).collect();
    // Without network there is still what is missing.
    let now = match (common.offline, pinned.is_empty()) {
        (true, _) | (_, true) => Vec::new(),
        (false, false) => pins::now(&Client::new(Options::default())?, &pinned)?,
    };
    let now: BTreeMap<String, String> = pinned.into_iter().zip(now).collect();
    let line = |name: &&str| match (old.images.get(*name), now.get(*name)) {
        (None, _) => Line::new(name, Verdict::Missing, None, None),
        (Some(pin), Some(now)) if *now != pin.digest => Line::new(name, Verdict::Behind, Some(pin), None).but_now(now),
        (Some(pin), _) => Line::new(name, Verdict::Current, Some(pin), Some(pin)),
    };
    Ok(Account::new(wanted.iter().map(line).chain(unneeded(old, wanted, Verdict::Unneeded)).collect()))
}

fn unneeded<'a>(old: &'a Lock, wanted: &'a [&str], verdict: Verdict) -> impl Iterator<Item = Line> + 'a {
    let left = old.images.iter().filter(|(name, _)| !wanted.contains(&name.as_str()));
    left.map(move |(name, pin)| Line::new(name, verdict, Some(pin), None))
}

/// Digests that were changed in files of ours, by the names of their images.
fn adopted(session: &Session, plan: &Plan) -> Result<BTreeMap<String, String>> {
    let changes = compare(session, plan)?;
    let pins = plan.pins.iter().filter(|image| image.locked).map(|image| (image.name.clone(), image.digest.clone()));
    let edited = changes.iter().filter(|change| change.state == State::Edited);
    let texts = edited.map(|change| (change.path.as_str(), change.old.as_str()));
    let Changed { digests, tags } = pins::changed(texts, &pins.collect())?;
    if let Some((ours, theirs)) = tags.iter().next() {
        let by = plan.pins.iter().find(|image| image.name == *ours).map(|image| image.users.join(", "));
        let tag = pins::undigested(theirs);
        return Err(Failure::new(Kind::Emit, format!("a generated file names {tag}, and the plan {ours}"))
            .detail(format!("{ours} is for {}", by.unwrap_or_default()))
            .help("a tag is not pinned but decided: change it where `cargo dockerize plan` says that it comes from (the toolchain file, `toolchain`, `images`, `services` or `syntax` in the metadata), then run `cargo dockerize pin` and `cargo dockerize generate --force`"));
    }
    Ok(digests)
}

/// The images whose digest is asked for, each with the one that it is to have, where somebody said so.
fn due(
    args: &cli::pin::Pin,
    (old, wanted): (&Lock, &[&str]),
    adopted: &BTreeMap<String, String>,
) -> Result<Vec<Asked>> {
    if let Some(unknown) = args.update.iter().flatten().find(|name| !wanted.contains(&name.as_str())) {
        return Err(Failure::new(Kind::Usage, format!("no generated file names the image `{unknown}`"))
            .help(format!("there is {}", wanted.join(", "))));
    }
    let again = |name: &str| match &args.update {
        None => false,
        Some(names) => names.is_empty() || names.iter().any(|one| one == name),
    };
    let named =
        wanted.iter().filter(|name| !old.images.contains_key(**name) || again(name) || adopted.contains_key(**name));
    Ok(named.map(|name| ((*name).to_owned(), adopted.get(*name).cloned())).collect())
}

fn look(due: &[Asked], old: &Lock, common: &Common) -> Result<Vec<Pin>> {
    if due.is_empty() {
        return Ok(Vec::new());
    }
    if !common.offline {
        return pins::look(&Client::new(Options::default())?, due);
    }
    // Whoever changed a digest has asked; which platforms it has is not known.
    let known = |(name, digest): &Asked| match digest {
        Some(digest) => {
            let pin = old.images.get(name).cloned();
            Ok(Pin {
                digest: digest.clone(),
                ..pin.unwrap_or(Pin { digest: String::new(), platforms: Vec::new(), single: false })
            })
        }
        None => Err(Failure::new(
            Kind::Engine,
            format!("what {name} stands for has to be asked of its registry, and --offline forbids it"),
        )
        .help("run it once without `--offline`, and commit dockerize.lock")),
    };
    due.iter().map(known).collect()
}

/// The new pins, and what is to be said of each.
fn settle((old, wanted): (&Lock, &[&str]), due: &[Asked], looked: Vec<Pin>) -> (Lock, Account) {
    let looked: BTreeMap<&str, Pin> = due.iter().map(|(name, _)| name.as_str()).zip(looked).collect();
    let mut new = Lock::default();
    let mut lines = Vec::new();
    for name in wanted {
        let before = old.images.get(*name);
        let Some(pin) = looked.get(name).or(before) else { continue };
        let verdict = match before {
            None => Verdict::Pinned,
            Some(before) if before.digest != pin.digest => Verdict::Updated,
            Some(_) => Verdict::Current,
        };
        lines.push(Line::new(name, verdict, before, Some(pin)));
        new.images.insert((*name).to_owned(), pin.clone());
    }
    lines.extend(unneeded(old, wanted, Verdict::Removed));
    (new, Account::new(lines))
}

fn tell(account: &Account, format: Format, shell: Shell) -> Result<()> {
    match format {
        Format::Json => ui::print(&ui::json(account)?),
        Format::Text => {
            account.tell(shell);
            Ok(())
        }
    }
}

/// An image that is not for all platforms that can be built for.
fn warn_of_singles(plan: &Plan, lock: &Lock, shell: Shell) {
    for (name, pin) in lock.images.iter().filter(|(_, pin)| pin.single) {
        // Groups are for the same platforms.
        let others: Vec<String> = plan
            .groups
            .iter()
            .take(1)
            .flat_map(|group| group.targets.iter().map(Target::platform))
            .filter(|platform| !pin.platforms.iter().any(|own| own.starts_with(platform.as_str())))
            .collect();
        let own = if pin.platforms.is_empty() { "one platform".to_owned() } else { pin.platforms.join(", ") };
        shell.warn(format!(
            "{name} has no index: it is pinned by the digest of its one manifest, for {own}{}",
            if others.is_empty() { String::new() } else { format!(", and builds for {} fail", others.join(", ")) }
        ));
    }
}

/// Writes the lock file, and what is generated from it, all or nothing.
fn write(session: &mut Session, plan: &Plan, lock: Lock, shell: Shell) -> Result<()> {
    let root = session.workspace.root.clone();
    let old = fs_err::read_to_string(root.join(FILE)).unwrap_or_default();
    let new = lock.text();
    let state = match (old.is_empty(), old == new) {
        (_, true) => State::Current,
        (true, false) => State::Absent,
        (false, false) => State::Stale,
    };
    // Whose digests are those of the old pins was not edited, whatever a bot made of its checksum.
    let before = compare(session, plan)?;
    let unedited = |path: &Utf8Path| {
        before.iter().any(|old| old.path == *path && matches!(old.state, State::Current | State::Stale))
    };
    session.workspace.pins = Some(lock);
    let mut changes: Vec<Change> = compare(session, &session.plan()?)?.into_iter().map(Change::settled).collect();
    for change in changes.iter_mut().filter(|change| change.is_bumped() && unedited(&change.path)) {
        change.state = State::Stale;
    }
    for change in changes.iter().filter(|change| change.state == State::Edited) {
        let how =
            if change.is_bumped() { "has other digests (`--adopt` takes them)" } else { "has been edited by hand" };
        shell.warn(format!("`{}` {how}, and stays as it is", change.path));
    }
    // What is not there, nobody asked for here.
    changes.retain(|change| change.state == State::Stale);
    changes.push(Change { path: FILE.into(), state, old, new });
    changes.retain(|change| change.state != State::Current);
    emit::exchange(&root, &changes, &[])?;
    let written: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    if written.is_empty() {
        shell.status("Unchanged", "every image is pinned, and the generated files say so");
    } else {
        generate::report(&changes, &written, shell);
    }
    Ok(())
}

fn compare(session: &Session, plan: &Plan) -> Result<Vec<Change>> {
    emit::compare(&session.workspace.root, &session.files(plan)?)
}
