//! Workflows. They are full of `{{ … }}` and `{% … %}` that are not ours, so their templates have square brackets as marks.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::{Deserialize, Serialize};

use super::{GeneratedFile, filters, internal, snake_case};
use crate::failure::{Failure, Kind, Result};
use crate::plan::Plan;
use crate::plan::model::{Ci, CiSecret, Forge, Workflow};

/// Every template of workflows, by its name under `templates/`.
pub(super) const TEMPLATES: &[(&str, &str)] = &[
    ("ci/access.yml.j2", include_str!("../../templates/ci/access.yml.j2")),
    ("ci/cache.yml.j2", include_str!("../../templates/ci/cache.yml.j2")),
    ("ci/cached.yml.j2", include_str!("../../templates/ci/cached.yml.j2")),
    ("ci/checkout.yml.j2", include_str!("../../templates/ci/checkout.yml.j2")),
    ("ci/forgejo.yml.j2", include_str!("../../templates/ci/forgejo.yml.j2")),
    ("ci/github.yml.j2", include_str!("../../templates/ci/github.yml.j2")),
    ("ci/gitlab.yml.j2", include_str!("../../templates/ci/gitlab.yml.j2")),
    ("ci/login.yml.j2", include_str!("../../templates/ci/login.yml.j2")),
    ("ci/rust.yml.j2", include_str!("../../templates/ci/rust.yml.j2")),
    ("ci/secrets.yml.j2", include_str!("../../templates/ci/secrets.yml.j2")),
    ("ci/tool.yml.j2", include_str!("../../templates/ci/tool.yml.j2")),
];

/// The actions, and their commits.
pub(super) const ACTIONS: (&str, &str) = ("ci/actions.toml", include_str!("../../templates/ci/actions.toml"));

/// GitHub's own registry.
const GITHUB_REGISTRY: &str = "ghcr.io";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    uses: String,
    version: String,
    commit: String,
}

/// What somebody has to set on the forge.
#[derive(Serialize)]
struct Need {
    name: String,
    why: String,
}

/// An image, as workflows name it.
#[derive(Serialize)]
struct Named {
    repository: String,
    output: String,
}

/// Makes the workflows of a plan.
pub(super) fn workflows(plan: &Plan) -> Result<Vec<GeneratedFile>> {
    let Some(ci) = &plan.ci else { return Ok(Vec::new()) };
    let environment = environment()?;
    ci.workflows.iter().map(|workflow| one(&environment, plan, ci, workflow)).collect()
}

fn one(environment: &Environment<'_>, plan: &Plan, ci: &Ci, workflow: &Workflow) -> Result<GeneratedFile> {
    let name = format!("ci/{}.yml.j2", workflow.forge.name());
    let values = values(plan, ci, workflow)?;
    let text = environment.get_template(&name).and_then(|template| template.render(values)).map_err(internal)?;
    Ok(GeneratedFile { path: Utf8PathBuf::from(&workflow.file), contents: format!("{}\n", text.trim_end()) })
}

fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .block_delimiters("[%", "%]")
        .variable_delimiters("[[", "]]")
        .comment_delimiters("[#", "#]")
        .trim_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(internal)?;
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("sh", filters::shell_word);
    environment.add_filter("yaml", filters::yaml_string);
    environment.add_filter("string", |value: &str| serde_json::Value::from(value).to_string());
    environment.add_filter("comment", filters::comment);
    environment.add_filter("url", filters::url_path);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(internal)?;
    }
    Ok(environment)
}

fn values(plan: &Plan, ci: &Ci, workflow: &Workflow) -> Result<minijinja::Value> {
    let inside = if ci.folder == "." { String::new() } else { format!("{}/", ci.folder) };
    let images: Vec<Named> = plan.images.iter().map(|image| named(&image.repository)).collect();
    let json = |value: serde_json::Value| minijinja::Value::from(Serde(&snake_case(value)));
    Ok(context! {
        ci => json(serde_json::to_value(ci).unwrap_or_default()),
        workflow => json(serde_json::to_value(workflow).unwrap_or_default()),
        actions => Serde(actions()?),
        images => Serde(images),
        needs => Serde(needs(ci, workflow)),
        name => if ci.folder == "." { "dockerize".to_owned() } else { format!("dockerize in {}", ci.folder) },
        // The machine of every job that is not for one platform.
        runner => workflow.runners.first().map(|runner| runner.runner.clone()).unwrap_or_default(),
        inside => inside,
        at_top => workflow.file.trim_start_matches("../"),
        named => ci.because.rule == "metadata",
        history => plan.git.revision.is_some() || plan.git.folder.is_some(),
        has_secret_env => ci.secrets.iter().any(|secret| !matches!(secret, CiSecret::SshKey { .. })),
        cache_own_registry => workflow.forge == Forge::Github
            && workflow.cache_registry.as_deref() == Some(GITHUB_REGISTRY),
    })
}

/// `owner/name@commit # v1`. Elsewhere than on GitHub the name alone would be one of the instance's.
fn actions() -> Result<BTreeMap<String, String>> {
    let actions: BTreeMap<String, Action> = toml::from_str(ACTIONS.1)
        .map_err(|error| Failure::new(Kind::Internal, "the actions cannot be read").caused_by(error))?;
    let line = |action: Action| format!("{}@{} # {}", action.uses, action.commit, action.version);
    Ok(actions.into_iter().map(|(name, action)| (name.replace('-', "_"), line(action))).collect())
}

/// An output's name begins with no digit.
fn named(repository: &str) -> Named {
    let digit = repository.starts_with(|c: char| c.is_ascii_digit());
    let output = if digit { format!("_{repository}") } else { repository.to_owned() };
    Named { repository: repository.to_owned(), output }
}

fn needs(ci: &Ci, workflow: &Workflow) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |name: &str, why: String| needs.push(Need { name: name.to_owned(), why });
    for secret in &ci.secrets {
        match secret {
            CiSecret::RegistryToken { variable, because } => {
                need(variable, format!("the registry's token; {}", because.lasting()));
            }
            CiSecret::SshKey { variable, because } => {
                need(variable, format!("a key that may read; {}", because.lasting()));
                need(
                    "SSH_KNOWN_HOSTS",
                    "a variable and no secret: the servers' keys as ssh-keyscan prints them, held against what their owners publish"
                        .to_owned(),
                );
            }
            CiSecret::GitCredential { variable, because, .. } => {
                need(
                    variable,
                    format!("a token that may read, where the repository is not public; {}", because.lasting()),
                );
            }
        }
    }
    let own = workflow.forge == Forge::Github && workflow.cache_registry.as_deref() == Some(GITHUB_REGISTRY);
    if let Some(registry) = workflow.cache_registry.as_ref().filter(|_| !own) {
        need("CACHE_REGISTRY_USER", format!("who writes the cache in {registry}"));
        need("CACHE_REGISTRY_TOKEN", "and what proves it".to_owned());
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_pinned_by_commit() {
        for (name, line) in actions().unwrap() {
            let commit = line.split(['@', ' ']).nth(1).unwrap();
            assert!(commit.len() == 40 && commit.bytes().all(|c| c.is_ascii_hexdigit()), "{name}: {line}");
        }
    }

    #[test]
    fn names_of_outputs() {
        assert_eq!(named("my-app").output, "my-app");
        assert_eq!(named("2fa").output, "_2fa");
    }
}
