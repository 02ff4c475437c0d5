//! What is sent to the engine: the workspace, or the nearest folder that also holds what lies beside it.

use camino::{Utf8Path, Utf8PathBuf};

use super::WORKDIR;
use super::model::{Context, Files, Git};
use crate::config::Settings;
use crate::workspace::{Workspace, relative};

/// The folder of the scripts that a Dockerfile of ours runs.
const HELPERS: &str = ".dockerize";

pub(super) fn decide(workspace: &Workspace, git: &Git) -> Context {
    let mut folder = workspace.root.clone();
    let included = workspace
        .members
        .iter()
        .flat_map(|member| &member.sources.inputs)
        .filter(|input| input.path.exists() && (input.how != "rerun-if-changed" || is_near(workspace, &input.path)))
        // A folder that is compiled in is needed itself, a file with its folder.
        .filter_map(|input| if input.path.is_dir() { Some(&*input.path) } else { input.path.parent() });
    let repository = workspace.repository.as_deref().filter(|_| git.folder.is_some());
    for needed in workspace.read_by_cargo().chain(included).chain(repository) {
        folder = common(&folder, needed);
    }
    let config = &workspace.cargo_config;
    let shown = |path: Utf8PathBuf| if path.as_str().is_empty() { ".".to_owned() } else { path.into_string() };
    Context {
        path: shown(relative(&workspace.root, &folder)),
        workspace: shown(relative(&folder, &workspace.root)),
        workdir: WORKDIR.to_owned(),
        local: workspace.read_by_cargo().map(|path| shown(relative(&folder, path))).collect(),
        vendored: config.vendored.iter().map(|path| shown(relative(&folder, path))).collect(),
    }
}

/// Whether what a build script watches moves the context: it may watch anything, and what is not of the repository does not travel.
/// Where there is no repository, what lies right beside the workspace counts.
fn is_near(workspace: &Workspace, path: &Utf8Path) -> bool {
    let of_git = path.components().any(|part| part.as_str() == ".git");
    let top = workspace.repository.as_deref().or_else(|| workspace.root.parent());
    !of_git && top.is_some_and(|top| path.starts_with(top) && path != top)
}

fn common(one: &Utf8Path, other: &Utf8Path) -> Utf8PathBuf {
    one.ancestors().find(|folder| other.starts_with(folder)).unwrap_or(one).to_owned()
}

/// Where the scripts go. A glob such as `members = ["*"]` would take a folder at the root for a member, so there they go into the folder
/// of one.
fn helpers(workspace: &Workspace) -> String {
    let manifest: toml::Table = workspace.manifest.parse().unwrap_or_default();
    let list = |key: &str| {
        let list = manifest.get("workspace").and_then(|table| table.get(key)).and_then(toml::Value::as_array);
        list.into_iter().flatten().filter_map(toml::Value::as_str).map(|text| text.trim_start_matches("./").to_owned())
    };
    let glob = |pattern: &String| {
        let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build();
        glob.is_ok_and(|glob| glob.compile_matcher().is_match(HELPERS))
    };
    let taken = list("members").any(|pattern| glob(&pattern)) && !list("exclude").any(|path| path == HELPERS);
    let inside = workspace.members.iter().filter(|member| taken && !member.binaries.is_empty());
    let folder = inside.map(|member| relative(&workspace.root, &member.dir)).find(|folder| !folder.as_str().is_empty());
    folder.map_or_else(|| HELPERS.to_owned(), |folder| format!("{folder}/{HELPERS}"))
}

pub(super) fn files(workspace: &Workspace, settings: &Settings, context: &Context) -> Files {
    let table = &settings.workspace;
    let dockerfile = table.dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned());
    Files {
        dockerignore: table.dockerignore.clone().unwrap_or_else(|| {
            // The engine looks beside the Dockerfile first; at the context's root it would be outside the workspace.
            if context.path == "." && dockerfile == "Dockerfile" {
                ".dockerignore".to_owned()
            } else {
                format!("{dockerfile}.dockerignore")
            }
        }),
        bake: table.bake.clone().unwrap_or_else(|| "docker-bake.hcl".to_owned()),
        helpers: helpers(workspace),
        dockerfile,
    }
}
