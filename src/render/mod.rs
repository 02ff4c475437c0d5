//! Pure: a plan in, files out. Templates hold no policy: loops, and `if` on a field of the plan; undefined is an error.

mod ci;
mod compose;
mod filters;
mod peers;
mod xtask;

pub use peers::{PEERS, Peer};
pub use xtask::XtaskField;
pub(crate) use xtask::{xtask_main, xtask_manifest, xtask_module};

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use crate::failure::{Failure, Kind, Result};
use crate::image_paths::{CA_BUNDLE, INIT, ZONEINFO};
use crate::plan::Plan;
use crate::plan::model::{
    Because, Brings, CacheMount, CompiledIn, Group, IgnoreRule, Image, Linkage, OptionalStage, SecretKind, TestRunner,
};

/// A file for the user's tree, without the header that `emit` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Relative to the workspace's root.
    pub path: Utf8PathBuf,
    /// Its whole text.
    pub contents: String,
}

/// Every template, by its name under `templates/`.
const TEMPLATES: &[(&str, &str)] = &[
    ("dockerfile/Dockerfile.j2", include_str!("../../templates/dockerfile/Dockerfile.j2")),
    ("dockerfile/failures.Dockerfile.j2", include_str!("../../templates/dockerfile/failures.Dockerfile.j2")),
    ("helpers/dev.sh", include_str!("../../templates/helpers/dev.sh")),
    ("helpers/gitattributes", include_str!("../../templates/helpers/gitattributes")),
    ("helpers/libraries.sh", include_str!("../../templates/helpers/libraries.sh")),
    ("helpers/nextest.toml", include_str!("../../templates/helpers/nextest.toml")),
    ("helpers/target.sh", include_str!("../../templates/helpers/target.sh")),
    ("helpers/tests.sh", include_str!("../../templates/helpers/tests.sh")),
    ("dockerignore.j2", include_str!("../../templates/dockerignore.j2")),
    ("docker-bake.hcl.j2", include_str!("../../templates/docker-bake.hcl.j2")),
    ("compose.yaml.j2", include_str!("../../templates/compose.yaml.j2")),
    ("peers/cargo-chef.Dockerfile.j2", include_str!("../../templates/peers/cargo-chef.Dockerfile.j2")),
    ("peers/docker-init.Dockerfile.j2", include_str!("../../templates/peers/docker-init.Dockerfile.j2")),
    ("peers/naive.Dockerfile.j2", include_str!("../../templates/peers/naive.Dockerfile.j2")),
    ("peers/packages.j2", include_str!("../../templates/peers/packages.j2")),
    ("xtask/Cargo.toml.j2", include_str!("../../templates/xtask/Cargo.toml.j2")),
    ("xtask/src/docker.rs.j2", include_str!("../../templates/xtask/src/docker.rs.j2")),
    ("xtask/src/main.rs", include_str!("../../templates/xtask/src/main.rs")),
];

#[derive(Serialize)]
struct Section<'a> {
    title: &'a str,
    rules: Vec<&'a IgnoreRule>,
}

/// Makes the files of a plan.
///
/// # Errors
/// [`Kind::Internal`]: a template and the plan do not fit, which the tests rule out.
pub fn render(plan: &Plan) -> Result<Vec<GeneratedFile>> {
    let mut files = build_files(plan)?;
    files.extend(compose_files(plan)?);
    files.extend(ci::workflows(plan)?);
    Ok(files)
}

/// Those of them that compose reads.
///
/// # Errors
/// As [`render`].
pub fn compose_files(plan: &Plan) -> Result<Vec<GeneratedFile>> {
    compose::files(plan, &environment()?)
}

/// Those of them that images are built from: Dockerfile, ignore file, bake file, and the scripts that steps run.
///
/// # Errors
/// As [`render`].
pub fn build_files(plan: &Plan) -> Result<Vec<GeneratedFile>> {
    let environment = environment()?;
    let values = values(plan);
    let file = |template: &str, path: &str| -> Result<GeneratedFile> {
        let text = environment
            .get_template(template)
            .and_then(|template| template.render(values.clone()))
            .map_err(internal)?;
        Ok(GeneratedFile { path: Utf8PathBuf::from(path), contents: format!("{}\n", text.trim_end()) })
    };
    let mut files = vec![
        file("dockerfile/Dockerfile.j2", &plan.files.dockerfile)?,
        file("dockerignore.j2", &plan.files.dockerignore)?,
        file("docker-bake.hcl.j2", &plan.files.bake)?,
    ];
    for (name, wanted) in helpers(plan) {
        // A name that starts with a dot would hide the template.
        let path = format!("{}/{}", plan.files.helpers, name.replace("gitattributes", ".gitattributes"));
        if wanted {
            files.push(file(&format!("helpers/{name}"), &path)?);
        }
    }
    Ok(files)
}

/// A Dockerfile with one stage, which has the results of a run of tests that failed. The run's name is its argument `TEST_RUN`.
///
/// # Errors
/// As [`render`].
pub fn failures(plan: &Plan) -> Result<String> {
    let environment = environment()?;
    let template = environment.get_template("dockerfile/failures.Dockerfile.j2").map_err(internal)?;
    template.render(values(plan)).map_err(internal)
}

/// The scripts that steps run, and whether this plan has such a step.
fn helpers(plan: &Plan) -> [(&'static str, bool); 6] {
    let tests = plan.has(OptionalStage::Test);
    [
        // A shell reads no script whose lines end in CR LF.
        ("gitattributes", true),
        ("target.sh", true),
        ("libraries.sh", plan.groups.iter().any(|group| group.linkage == Linkage::DynamicGnu)),
        ("tests.sh", tests),
        ("nextest.toml", tests && plan.test.runner == TestRunner::Nextest),
        ("dev.sh", plan.has(OptionalStage::Dev)),
    ]
}

fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("sh", filters::shell_word);
    environment.add_filter("cargo", filters::cargo_word);
    environment.add_filter("quote", filters::dockerfile_value);
    environment.add_filter("json", filters::json_string);
    environment.add_filter("rust", filters::rust_string);
    environment.add_filter("toml", filters::toml_string);
    environment.add_filter("comment", filters::comment);
    environment.add_filter("copy", filters::copy);
    environment.add_filter("yaml", filters::compose_string);
    environment.add_filter("yaml_with", filters::compose_with);
    environment.add_filter("yaml_key", filters::compose_key);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(internal)?;
    }
    Ok(environment)
}

/// The plan, and what is the plan in another order.
fn values(plan: &Plan) -> minijinja::Value {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for rule in &plan.ignore {
        match sections.last_mut() {
            Some(last) if last.title == rule.section => last.rules.push(rule),
            _ => sections.push(Section { title: &rule.section, rules: vec![rule] }),
        }
    }
    let mut env: BTreeMap<&str, &str> = BTreeMap::new();
    env.extend(plan.registry_env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    for profile in &plan.profiles {
        env.extend(profile.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    }
    let template = template_plan(plan);
    let sets = rootfs_sets(plan);
    let rootfs_of: BTreeMap<&str, String> =
        sets.iter().flat_map(|set| set.iter().map(|image| (image.stage.as_str(), rootfs_folder(set[0])))).collect();
    let rootfs_sets: Vec<serde_json::Value> = sets
        .iter()
        .map(|set| {
            let at = plan.images.iter().position(|image| std::ptr::eq(image, set[0])).unwrap_or_default();
            let stages: Vec<&str> = set.iter().map(|image| image.stage.as_str()).collect();
            serde_json::json!({
                "folder": rootfs_folder(set[0]),
                "image": template["images"][at],
                "stages": stages,
                "because": set[0].rootfs.because(),
            })
        })
        .collect();
    context! {
        root => plan.context.root(),
        plan => minijinja::Value::from(Serde(&template)),
        rootfs_sets => Serde(rootfs_sets),
        rootfs_of => Serde(rootfs_of),
        default_profile => cargo_profile(plan, "prod"),
        dev_profile => cargo_profile(plan, "dev"),
        test_profile => cargo_profile(plan, "test"),
        env => Serde(env),
        rootfs_packages => Serde(rootfs_packages(plan)),
        wants_init => plan.images.iter().any(|image| image.rootfs.init.is_some()),
        owned_assets => owned_assets(plan),
        helpers_in_context => plan.context.inside(&plan.files.helpers),
        dev_folders => dev_folders(plan),
        test_variables => Serde(test_variables(plan)),
        caches => plan.caches.iter().map(cache_mount).collect::<Vec<_>>().join(CONTINUED),
        secret_mounts => secret_mounts(plan),
        fetch_targets => fetch_targets(plan),
        git_hosts => Serde(git_hosts(plan)),
        sections => minijinja::Value::from(Serde(&snake_case(serde_json::to_value(sections).unwrap_or_default()))),
        paths => context! { ca_bundle => CA_BUNDLE, init => INIT, zoneinfo => ZONEINFO },
        // A bake file names the Dockerfile relative to the context.
        bake_dockerfile => plan.context.inside(&plan.files.dockerfile),
    }
}

/// Cargo's profile of one that is always there; they are called alike but for `prod`'s.
fn cargo_profile<'a>(plan: &'a Plan, name: &'a str) -> &'a str {
    plan.profile(name).map_or(name, |profile| &profile.cargo)
}

/// Between the parts of an instruction.
const CONTINUED: &str = " \\\n    ";

/// Images whose first layers are alike share one folder.
fn rootfs_sets(plan: &Plan) -> Vec<Vec<&Image>> {
    let mut sets: Vec<Vec<&Image>> = Vec::new();
    for image in &plan.images {
        match sets.iter_mut().find(|set| set[0].has_rootfs_of(image)) {
            Some(set) => set.push(image),
            None => sets.push(vec![image]),
        }
    }
    sets
}

/// The folder of an image's first layer. Images that add nothing share one, of which the others are copies.
fn rootfs_folder(image: &Image) -> String {
    if image.is_plain() { "/plain".to_owned() } else { format!("/rootfs/{}", image.stage) }
}

/// The user's folders among the assets.
fn owned_assets(plan: &Plan) -> Vec<String> {
    let of = |image: &Image| {
        let folders = image.owned_above_assets().into_iter().map(|folder| format!("/assets/{}{folder}", image.stage));
        folders.collect::<Vec<_>>()
    };
    plan.images.iter().flat_map(of).collect()
}

/// The folders of the programs under work, and those that hold their links.
fn dev_folders(plan: &Plan) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    for program in &plan.dev.programs {
        let parents = program.links.iter().filter_map(|link| link.path.rsplit_once('/')).map(|(folder, _)| folder);
        let own = std::iter::once(program.workdir.as_str()).chain(program.folders.iter().map(String::as_str));
        folders.extend(own.chain(parents).filter(|folder| !folder.is_empty()).map(str::to_owned));
    }
    folders.sort();
    folders.dedup();
    folders
}

/// The arguments of all groups, whose members the tests compile together.
fn test_variables(plan: &Plan) -> Vec<serde_json::Value> {
    let mut variables: Vec<&CompiledIn> = plan.groups.iter().flat_map(|group| &group.variables).collect();
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    variables.dedup_by(|one, other| one.name == other.name);
    variables.into_iter().map(|variable| snake_case(serde_json::to_value(variable).unwrap_or_default())).collect()
}

/// The targets whose packages are downloaded: those of the images, and the builder's own, for build scripts and macros.
fn fetch_targets(plan: &Plan) -> Vec<String> {
    let mut targets: Vec<String> = Vec::new();
    for group in &plan.groups {
        if plan.cross {
            targets.extend(group.targets.iter().map(|target| target.triple.clone()));
        } else {
            targets.push(of_builder(system(group)));
        }
    }
    targets.push(of_builder(GNU));
    targets.sort();
    targets.dedup();
    targets
}

/// The builder's own system, in Rust's words.
const GNU: &str = "unknown-linux-gnu";

fn of_builder(system: &str) -> String {
    format!(r#""$(uname -m)-{system}""#)
}

/// A group's targets without the processor; those of a Dockerfile that builds for its own processor differ in that alone.
fn system(group: &Group) -> &str {
    group.targets.first().and_then(|target| target.triple.split_once('-')).map_or(GNU, |(_, system)| system)
}

/// The plan as templates see it: keys with `_`, and words for people beside names for machines.
fn template_plan(plan: &Plan) -> serde_json::Value {
    let mut value = snake_case(serde_json::to_value(plan).unwrap_or_default());
    for (group, json) in plan.groups.iter().zip(value["groups"].as_array_mut().into_iter().flatten()) {
        json["linkage_title"] = match group.linkage {
            Linkage::StaticMusl => "Linked statically, with musl".into(),
            Linkage::StaticGnu => "Linked statically, with glibc".into(),
            Linkage::DynamicGnu => "Linked with glibc and the system's libraries".into(),
        };
        json["target_mount"] = cache_mount(&group.target_cache).into();
        json["all_args"] = group.args_of(group.binaries.iter().map(String::as_str)).into();
        json["bins_arg"] = group.bins_arg().into();
        json["system"] = system(group).into();
        // An empty list is left out of the plan's JSON.
        if group.variables.is_empty() {
            json["variables"] = serde_json::json!([]);
        }
        // Where both say something of a variable, the target's value has the other one in it.
        let all = group.targets.iter().flat_map(|target| &target.env);
        json["env"] = joined(group.env.iter().chain(all));
        for (target, json) in group.targets.iter().zip(json["targets"].as_array_mut().into_iter().flatten()) {
            json["env"] = joined(group.env.iter().chain(&target.env));
        }
    }
    for (at, json) in value["groups"].as_array_mut().into_iter().flatten().enumerate() {
        // The base is the workspace's, and so alike for all images of a group.
        let image = plan.images.iter().find(|image| image.group == at);
        let brings = image.and_then(|image| image.brings.as_ref());
        json["base"] = image.map(|image| image.base.as_str()).into();
        json["brought"] = brings.map(|brings| expression(&brings.libraries)).unwrap_or_default().into();
        json["place"] = brings.map_or("same", place).into();
    }
    json_of_tests(plan, &mut value["test"]);
    for (program, json) in plan.dev.programs.iter().zip(value["dev"]["programs"].as_array_mut().into_iter().flatten()) {
        json["arguments"] = program.arguments.clone().into();
    }
    for (image, json) in plan.images.iter().zip(value["images"].as_array_mut().into_iter().flatten()) {
        json["arguments"] = image.arguments.clone().into();
        json["adds"] = serde_json::json!({
            "passwd": image.adds_passwd(),
            "home": image.adds_home(),
            "ca": image.adds_ca(),
            "zoneinfo": image.adds_zoneinfo(),
        });
    }
    value
}

/// Variables of which the last value counts.
fn joined<'a>(env: impl Iterator<Item = (&'a String, &'a String)>) -> serde_json::Value {
    env.map(|(name, value)| (name.clone(), value.clone().into())).collect::<serde_json::Map<_, _>>().into()
}

/// Names of libraries as an expression of grep's.
fn expression(names: &[String]) -> String {
    let names = names.iter().map(|name| name.replace('.', r"\.").replace('+', r"\+").replace('*', "[^/]*"));
    names.collect::<Vec<_>>().join("|")
}

/// Where the script puts a library in an image. What is a link in the base must be none in what is copied over it.
fn place(brings: &Brings) -> &str {
    match &brings.libraries_at {
        Some(folder) => folder,
        None if brings.merged_usr => "real",
        None => "same",
    }
}

fn json_of_tests(plan: &Plan, json: &mut serde_json::Value) {
    json["target_mount"] = cache_mount(&plan.test.target_cache).into();
    json["results_mount"] = cache_mount(&plan.test.results).into();
    json["runner_title"] = match plan.test.runner {
        TestRunner::Cargo => "cargo test".into(),
        TestRunner::Nextest => "cargo nextest".into(),
    };
}

/// Keys with `_`, and reasons without what changes from day to day.
fn snake_case(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    // Maps that the user fills keep their keys.
    const VERBATIM: &[&str] = &["env", "labels", "registry-env", "release-labels"];
    match value {
        Value::Object(map) if map.contains_key("text") && map.contains_key("rule") => {
            let because: Option<Because> = serde_json::from_value(Value::Object(map)).ok();
            serde_json::json!({ "text": because.map(|because| because.lasting()).unwrap_or_default() })
        }
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| {
                    let value = if VERBATIM.contains(&key.as_str()) { value } else { snake_case(value) };
                    (key.replace('-', "_"), value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(snake_case).collect()),
        other => other,
    }
}

fn cache_mount(cache: &CacheMount) -> String {
    format!("--mount=type=cache,id={},target={},sharing={}", cache.id, cache.target, cache.sharing)
}

/// The secrets of the step that downloads packages.
fn secret_mounts(plan: &Plan) -> Vec<String> {
    let secrets = plan.secrets.iter().map(|secret| match &secret.kind {
        SecretKind::Ssh => "--mount=type=ssh".to_owned(),
        SecretKind::File { target } => format!("--mount=type=secret,id={},target={target}", secret.id),
        SecretKind::RegistryToken { variable, .. } => format!("--mount=type=secret,id={},env={variable}", secret.id),
        SecretKind::GitCredential { .. } => format!("--mount=type=secret,id={}", secret.id),
    });
    secrets.collect()
}

/// Packages of the distribution that files of the images' own layers come from.
fn rootfs_packages(plan: &Plan) -> Vec<&'static str> {
    let zoneinfo = plan.images.iter().any(Image::adds_zoneinfo);
    zoneinfo.then_some("tzdata").into_iter().collect()
}

/// git's sections for hosts whose credential is a secret: cargo's own git reads a URL without its port.
fn git_hosts(plan: &Plan) -> Vec<(String, &str)> {
    let mut hosts = Vec::new();
    for secret in &plan.secrets {
        if let SecretKind::GitCredential { host } = &secret.kind {
            hosts.push((host.clone(), secret.id.as_str()));
            if let Some((name, _)) = host.rsplit_once(':') {
                hosts.push((name.to_owned(), secret.id.as_str()));
            }
        }
    }
    hosts
}

fn internal(error: minijinja::Error) -> Failure {
    Failure::new(Kind::Internal, "a template does not fit the plan").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bumped_crate_and_a_moved_line_change_no_file() {
        let because = Because {
            text: "a 1.2.3 keeps a database, and b names `/data` (src/main.rs:14)".to_owned(),
            krate: Some("a 1.2.3".to_owned()),
            rule: "writable-literal".to_owned(),
            file: Some("src/main.rs:14".to_owned()),
        };
        assert_eq!(because.lasting(), "a keeps a database, and b names `/data` (src/main.rs)");
    }

    #[test]
    fn every_template_is_known() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let mut files: Vec<String> = walkdir::WalkDir::new(folder)
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/"))
            .collect();
        files.sort();
        let mut known: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
        // The page of a trial's report has an environment of its own, which escapes for HTML.
        known.push(crate::trial::report::TEMPLATE);
        // Workflows have one with marks of its own.
        known.extend(ci::TEMPLATES.iter().map(|(name, _)| *name).chain([ci::ACTIONS.0]));
        known.sort_unstable();
        assert_eq!(files, known);
    }
}
