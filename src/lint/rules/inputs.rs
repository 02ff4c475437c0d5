//! What the ignore file drops although the build needs it.

use camino::Utf8Path;

use super::context::{builds_rust, more};
use crate::ignore::Matcher;
use crate::lint::model::{Span, Transfer};
use crate::lint::{Context, Found, Where};

/// The lines of an ignore file that leave something out.
struct Lines<'a> {
    text: &'a str,
    drops: Vec<(Span, Matcher)>,
}

impl<'a> Lines<'a> {
    fn of(context: &'a Context<'_>) -> Option<Self> {
        let text = context.input.ignore.as_ref()?.text.as_str();
        let mut at = 0;
        let mut drops = Vec::new();
        for line in text.split_inclusive('\n') {
            let pattern = line.trim();
            let start = at + (line.len() - line.trim_start().len());
            at += line.len();
            if pattern.is_empty() || pattern.starts_with(['#', '!']) {
                continue;
            }
            drops.extend(Matcher::read(pattern).ok().map(|matcher| (start..start + pattern.len(), matcher)));
        }
        Some(Self { text, drops })
    }

    /// The last one that leaves a path out.
    fn dropping(&self, path: &str) -> Option<Span> {
        self.drops.iter().rev().find(|(_, matcher)| matcher.matches(path)).map(|(span, _)| span.clone())
    }

    /// What the line in this place leaves out.
    fn dropped(&self, span: Span, path: &str, message: String) -> Found {
        let one = Found::at(span, message).within(Where::Ignore).label("leaves it out");
        let (at, added) = more(self.text, &format!("!{path}"));
        one.help("keep it with a line below").fix(at, added)
    }
}

/// A `COPY` that names what the ignore file leaves out.
pub(super) fn copied(context: &Context<'_>, found: &mut Vec<Found>) {
    let Some(ignore) = context.ignore else { return };
    let entries = context.input.context.as_ref().map(|folder| folder.entries.as_slice()).unwrap_or_default();
    let instructions = context.file.stages.iter().flat_map(|stage| &stage.instructions);
    for source in instructions
        .filter_map(|one| one.from_context())
        .filter(|copy| !copy.takes_all())
        .flat_map(|copy| &copy.sources)
    {
        let path = source.text.trim_start_matches("./").trim_matches('/');
        let plain = !path.is_empty() && !path.contains(['$', '*', '?', '[', ':', '\\']);
        let below = format!("{path}/");
        // Of a folder that is left out, a later line may keep a part.
        let kept_part =
            entries.iter().any(|entry| entry.starts_with(&below) && !ignore.matches(entry.trim_end_matches('/')))
                || context.input.ignore.as_ref().is_some_and(|file| {
                    file.text.lines().any(|line| {
                        line.trim_start_matches(['!', '/', ' ']).starts_with(&below) && line.starts_with('!')
                    })
                });
        if plain && !kept_part && ignore.matches(path) {
            let name = context.input.ignore.as_ref().map_or("the ignore file", |file| file.path.as_str());
            let one = Found::at(source.span.clone(), format!("`{path}` is not in the build context"));
            found.push(
                one.label(format!("{name} leaves it out"))
                    .help(format!("keep it there with a line at the end: `!{path}`")),
            );
        }
    }
}

/// Manifests, the lock file and sources that a pattern drops.
pub(super) fn sources(context: &Context<'_>, found: &mut Vec<Found>) {
    let (Some(ignore), Some(folder), Some(lines)) = (context.ignore, &context.input.context, Lines::of(context)) else {
        return;
    };
    let instructions = context.file.stages.iter().flat_map(|stage| &stage.instructions);
    if !builds_rust(context) || !instructions.filter_map(|one| one.from_context()).any(Transfer::takes_all) {
        return;
    }
    for path in ["Cargo.toml", "Cargo.lock"] {
        if folder.has(path) && ignore.matches(path) {
            let message = format!("`{path}` stays out of the build context, and cargo needs it");
            found.extend(lines.dropping(path).map(|span| lines.dropped(span, path, message)));
        }
    }
    // A crate that is left out as a whole is none that this image needs.
    let mut told: Vec<Span> = Vec::new();
    for path in folder.entries.iter().filter(|path| Utf8Path::new(path).extension() == Some("rs")) {
        let Some((krate, _)) = path.rsplit_once("src/").filter(|(krate, _)| krate.is_empty() || krate.ends_with('/'))
        else {
            continue;
        };
        let manifest = format!("{krate}Cargo.toml");
        if !folder.has(&manifest) || ignore.matches(&manifest) || !ignore.matches(path) {
            continue;
        }
        let Some(span) = lines.dropping(path).filter(|span| !told.contains(span)) else { continue };
        let message = format!("`{path}` stays out of the build context, and is a source of what is built");
        found.push(lines.dropped(span.clone(), path, message));
        told.push(span);
    }
}

/// What sources say the compiler reads: `include_str!` and its kin.
pub(super) fn named(context: &Context<'_>, found: &mut Vec<Found>) {
    let (Some(ignore), Some(facts), Some(lines)) = (context.ignore, context.facts, Lines::of(context)) else { return };
    let mut told: Vec<String> = Vec::new();
    for member in &facts.workspace.members {
        // Of a member that is left out, nothing is built.
        let manifest = facts.inside(&member.dir.join("Cargo.toml"));
        if manifest.is_none_or(|manifest| ignore.matches(manifest)) {
            continue;
        }
        for input in member.sources.inputs.iter().filter(|input| input.path.exists()) {
            let Some(path) = facts.inside(&input.path).filter(|path| ignore.matches(path) && !told.contains(path))
            else {
                continue;
            };
            let source = facts.inside(&input.file);
            // What a source names that stays out itself, nobody compiles.
            if source.as_ref().is_none_or(|source| ignore.matches(source)) {
                continue;
            }
            let place = facts.workspace.place(&input.file, input.line);
            let message =
                format!("`{path}` stays out of the build context, and the compiler reads it: {} in {place}", input.how);
            found.extend(lines.dropping(&path).map(|span| lines.dropped(span, &path, message)));
            told.push(path);
        }
    }
}
