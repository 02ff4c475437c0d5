//! Adding it.

use camino::Utf8Path;

use super::home::{self, Home};
use super::program::{self, Docker};
use super::record::Record;
use super::{ALIAS, DEPENDENCIES, Work, XSHELL, members, module, read, remove, toml_text};
use crate::emit::{self, State};
use crate::failure::{Failure, Kind, Result};
use crate::plan::Plan;
use crate::render::{self, XtaskField};
use crate::workspace::Workspace;

/// The version of xshell, where the workspace names none: the first one whose code is what ours is written for.
const VERSION: &str = "0.2.7";

/// What makes `cargo xtask docker` work here; where it does already, nothing.
///
/// # Errors
/// [`Kind::Workspace`] or [`Kind::Emit`]: something of the user's is in the way, or has a form that cannot be extended without
/// a trace. The failure says what to add by hand.
pub fn add(workspace: &Workspace, plan: &Plan) -> Result<Work> {
    let home = Home::find(workspace)?;
    let there = read(&workspace.root, &home.module())?;
    let ours = there.as_deref().filter(|text| emit::whose(text) != State::Foreign);
    if there.is_some() && ours.is_none() {
        return Err(taken(&home, &home.module()));
    }
    let mut record = ours.map(Record::of).unwrap_or_default();
    let mut work = Work::default();
    if home.there {
        connect(workspace, &home, &mut record, &mut work)?;
        depend(workspace, &home, &mut record, &mut work)?;
    } else {
        create(workspace, &home, &mut record, &mut work)?;
    }
    alias(workspace, &home, &mut record, &mut work)?;
    work.module = Some(module(plan, &home, &record)?);
    Ok(work)
}

fn create(workspace: &Workspace, home: &Home, record: &mut Record, work: &mut Work) -> Result<()> {
    if workspace.root.join(&home.folder).exists() {
        return Err(Failure::new(Kind::Emit, format!("`{}` is there, and is no member of the workspace", home.folder))
            .help("make it a member, with a binary, and it is extended; or give it another name"));
    }
    let manifest = render::xtask_manifest(&fields(workspace), &dependency(workspace), inherits(workspace, &["lints"]))?;
    let main = render::xtask_main()?;
    record.add_file(home.manifest().as_str(), &manifest);
    record.add_file(home.main.as_str(), &main);
    work.put(&home.manifest(), None, manifest);
    work.put(&home.main, None, main);
    let old = &workspace.manifest;
    let new = members::take_in(workspace, record);
    let new = new.filter(|new| is_toml(new) && remove::from_root_manifest(new, record) == *old);
    let new = new.ok_or_else(|| by_hand("Cargo.toml".into(), "[workspace]\nmembers = [\"xtask\"]"))?;
    work.put("Cargo.toml".into(), Some(old), new);
    Ok(())
}

/// What the crate's `[package]` says beside its name: as the other members do.
fn fields(workspace: &Workspace) -> Vec<XtaskField> {
    let root = workspace.root_package().or(workspace.members.first());
    let own = |key: &str| {
        let manifest = root?.manifest.parse::<toml::Table>().ok()?;
        manifest.get("package")?.get(key)?.as_str().map(str::to_owned)
    };
    let mut fields = Vec::new();
    for key in ["edition", "rust-version", "license"] {
        let inherited = inherits(workspace, &["package", key]);
        let value = own(key).filter(|_| !inherited && key != "license");
        // The oldest edition has no paths as the module writes them.
        let value =
            if key == "edition" && !inherited { Some(value.unwrap_or_else(|| "2021".to_owned())) } else { value };
        if inherited || value.is_some() {
            fields.push(XtaskField { key, own: value });
        }
    }
    fields
}

/// Whether some member takes this from the workspace.
fn inherits(workspace: &Workspace, path: &[&str]) -> bool {
    workspace.members.iter().any(|member| {
        let manifest = member.manifest.parse::<toml::Table>().ok();
        let found = manifest.as_ref().and_then(|manifest| {
            let (first, rest) = path.split_first()?;
            rest.iter().try_fold(manifest.get(*first)?, |value, key| value.get(key))
        });
        found.and_then(|value| value.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    })
}

fn dependency(workspace: &Workspace) -> String {
    let manifest = workspace.manifest.parse::<toml::Table>().ok();
    let shared = manifest.as_ref().and_then(|manifest| manifest.get("workspace")?.get("dependencies")?.get(XSHELL));
    if shared.is_some() { format!("{XSHELL}.workspace = true") } else { format!("{XSHELL} = \"{VERSION}\"") }
}

fn connect(workspace: &Workspace, home: &Home, record: &mut Record, work: &mut Work) -> Result<()> {
    let text = read(&workspace.root, &home.main)?.unwrap_or_default();
    match program::docker(&text) {
        Docker::Called => return Ok(()),
        Docker::Taken => return Err(taken(home, &home.main)),
        Docker::Unknown => {}
    }
    if let Some(other) = sources(workspace, home).into_iter().find(|(_, text)| program::docker(text) == Docker::Taken) {
        return Err(taken(home, &other.0));
    }
    if home.main.with_file_name("docker").join("mod.rs").exists() {
        return Err(taken(home, &home.main.with_file_name("docker")));
    }
    let new = program::connect(&text).filter(|new| program::disconnect(new).as_deref() == Some(&*text));
    // Cargo would take a module there for one more program.
    let new = new.filter(|_| home.main.parent().is_none_or(|folder| !folder.ends_with("src/bin")));
    let new = new.ok_or_else(|| {
        by_hand(
            &home.main,
            &format!("{}\n\nfn main() {{\n    {}", program::MODULE.join("\n"), program::CALL.join("\n    ")),
        )
    })?;
    record.add("main");
    work.put(&home.main, Some(&text), new);
    Ok(())
}

/// The other sources of the xtask, relative to the root, but the module.
pub(super) fn sources(workspace: &Workspace, home: &Home) -> Vec<(camino::Utf8PathBuf, String)> {
    let module = workspace.root.join(home.module());
    let folder = workspace.root.join(&home.folder);
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    files
        .filter_map(|entry| {
            let path = camino::Utf8PathBuf::from_path_buf(entry.into_path()).ok()?;
            let source = path.extension() == Some("rs") && path != module && !path.starts_with(&workspace.target_dir);
            let text = fs_err::read_to_string(&path).ok().filter(|_| source)?;
            Some((workspace.relative(&path).into(), text))
        })
        .collect()
}

fn depend(workspace: &Workspace, home: &Home, record: &mut Record, work: &mut Work) -> Result<()> {
    let text = read(&workspace.root, &home.manifest())?.unwrap_or_default();
    let manifest = text.parse::<toml::Table>().unwrap_or_default();
    let table = manifest.get("dependencies");
    if let Some(known) = table.and_then(|table| table.get(XSHELL)) {
        let version = known.as_str().or_else(|| known.get("version")?.as_str()).unwrap_or_default();
        return if version.starts_with("0.1") {
            Err(Failure::new(Kind::Workspace, format!("{} has xshell {version}, which is too old", home.manifest()))
                .help(format!("update it to {VERSION}: commands are started in another way since 0.2")))
        } else {
            Ok(())
        };
    }
    let line = dependency(workspace);
    // `[dependencies.other]` is a table of its own, and `[dependencies]` can come after it.
    let new = toml_text::insert_lines(&text, DEPENDENCIES, None, std::slice::from_ref(&line));
    record.add(if new.is_some() { "xshell" } else { "dependencies" });
    let new = new.or_else(|| Some(toml_text::append(&text, &["[dependencies]".to_owned(), line.clone()])));
    let new = new.filter(|new| is_toml(new) && remove::from_crate_manifest(new, record) == text);
    let new = new.ok_or_else(|| by_hand(&home.manifest(), &format!("[dependencies]\n{line}")))?;
    work.put(&home.manifest(), Some(&text), new);
    Ok(())
}

fn alias(workspace: &Workspace, home: &Home, record: &mut Record, work: &mut Work) -> Result<()> {
    if home.alias {
        return Ok(());
    }
    let (path, text) = home::config(&workspace.root)?;
    let there = workspace.root.join(&path).exists();
    let line = home.alias_line();
    let has_table = text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("alias"));
    let new = if has_table {
        record.add("alias");
        toml_text::insert_lines(&text, ALIAS, None, std::slice::from_ref(&line))
    } else {
        record.add("aliases");
        Some(toml_text::append(&text, &["[alias]".to_owned(), line.clone()]))
    };
    if !there {
        record.add("config");
    }
    let new = new.filter(|new| is_toml(new) && (!there || remove::from_config(new, record) == text));
    let new = new.ok_or_else(|| by_hand(&path, &format!("[alias]\n{line}")))?;
    work.put(&path, there.then_some(&text), new);
    Ok(())
}

/// An edit that went wrong is seen before it is written.
fn is_toml(text: &str) -> bool {
    text.parse::<toml::Table>().is_ok()
}

fn taken(home: &Home, place: &Utf8Path) -> Failure {
    Failure::new(Kind::Emit, format!("the xtask in `{}` has a `docker` of its own: {place}", home.folder))
        .help("give it another name, or leave it: `cargo dockerize` does all that this one would do")
}

fn by_hand(file: &Utf8Path, lines: &str) -> Failure {
    Failure::new(Kind::Emit, format!("{file} has a form that cannot be extended here; nothing has been changed"))
        .detail(lines)
        .help(format!("add this to {file} yourself, in the form that it has, then run this again"))
}
