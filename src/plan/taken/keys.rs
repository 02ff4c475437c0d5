//! What is taken, as keys of the metadata table: `init` writes them, so that later runs do not depend on the files.

use camino::Utf8Path;
use toml_edit::{Array, InlineTable, Value};

use super::Taken;
use crate::config::{Arguments, Settings};
use crate::image_paths::WORKDIR;
use crate::plan::Plan;
use crate::plan::model::Image;
use crate::workspace::{Workspace, normal, relative};

/// Keys of one table, with their values.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The package whose table it is; none: the workspace's.
    pub package: Option<String>,
    /// In the order of their names.
    pub keys: Vec<(&'static str, Value)>,
}

/// The keys that say what a plan has taken. `settings` are those that it was made of.
pub fn keys(workspace: &Workspace, settings: &Settings, plan: &Plan) -> Vec<Keys> {
    let mut owners: Vec<&Option<String>> = plan.taken.iter().map(|taken| &taken.package).collect();
    owners.sort();
    owners.dedup();
    let of = |owner: &Option<String>| {
        let mut names: Vec<&str> =
            plan.taken.iter().filter(|one| one.package == *owner).map(|one| one.key.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let keys = names.into_iter().filter_map(|name| match owner {
            None => of_workspace(settings, name),
            Some(package) => of_package(workspace, settings, plan, package, name),
        });
        Keys { package: owner.clone(), keys: keys.collect() }
    };
    owners.into_iter().map(of).filter(|keys| !keys.keys.is_empty()).collect()
}

fn of_workspace(settings: &Settings, key: &str) -> Option<(&'static str, Value)> {
    let table = &settings.workspace;
    match key {
        "binaries" => Some(("binaries", list(&table.binaries))),
        "features" => Some(("features", list(&table.features))),
        "all-features" => Some(("all-features", table.all_features.into())),
        "no-default-features" => Some(("no-default-features", table.no_default_features.into())),
        _ => None,
    }
}

fn of_package(
    workspace: &Workspace,
    settings: &Settings,
    plan: &Plan,
    package: &str,
    key: &str,
) -> Option<(&'static str, Value)> {
    let table = settings.packages.get(package)?;
    let images: Vec<&Image> = plan.images.iter().filter(|image| image.package == package).collect();
    match key {
        // A list in the table is the whole list: what was found in the sources is in it.
        "assets" => Some(("assets", assets(workspace, plan, package).into())),
        "writable" => {
            let paths = images.iter().flat_map(|image| &image.rootfs.writable).map(|folder| folder.path.clone());
            Some(("writable", list(&unique(paths))))
        }
        "expose" => {
            let ports: Array = table.expose.iter().map(|port| i64::from(*port)).collect();
            Some(("expose", ports.into()))
        }
        "env" => {
            let mut env = InlineTable::new();
            for (name, value) in &table.env {
                env.insert(name, value.as_str().into());
            }
            Some(("env", env.into()))
        }
        "arguments" => table.arguments.as_ref().map(|arguments| ("arguments", arguments_value(arguments))),
        "healthcheck" => Some(("healthcheck", list(&table.healthcheck))),
        "init" => table.init.map(|init| ("init", init.into())),
        "stop-signal" => table.stop_signal.as_ref().map(|signal| ("stop-signal", signal.as_str().into())),
        _ => None,
    }
}

fn arguments_value(arguments: &Arguments) -> Value {
    match arguments {
        Arguments::All(words) => list(words),
        Arguments::Each(all) => {
            let mut table = InlineTable::new();
            for (binary, words) in all {
                table.insert(binary, list(words));
            }
            table.into()
        }
    }
}

/// The assets of a package's images, as the key `assets` names them.
pub fn assets(workspace: &Workspace, plan: &Plan, package: &str) -> Array {
    let images = plan.images.iter().filter(|image| image.package == package);
    let context = normal(&workspace.root.join(&plan.context.path));
    let dir = workspace.member(package).map_or(&*workspace.root, |member| &*member.dir);
    let mut array = Array::new();
    let mut seen = Vec::new();
    for asset in images.flat_map(|image| &image.assets) {
        let path = normal(&context.join(&asset.from));
        let from = path.strip_prefix(dir).map_or_else(|_| relative(&workspace.root, &path), Utf8Path::to_owned);
        let to = asset.to.strip_prefix(&format!("{WORKDIR}/")).unwrap_or(&asset.to);
        if seen.contains(&(from.clone(), to)) {
            continue;
        }
        if from == to {
            array.push(to);
        } else {
            let mut moved = InlineTable::new();
            moved.insert("from", from.as_str().into());
            moved.insert("to", to.into());
            array.push(moved);
        }
        seen.push((from, to));
    }
    array
}

fn list(words: &[String]) -> Value {
    words.iter().map(String::as_str).collect::<Array>().into()
}

fn unique(paths: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = paths.collect();
    all.sort();
    all.dedup();
    all
}

/// What is shown of something that was taken.
impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} from {}: {}", self.key, self.place, self.value)
    }
}
