//! Compose files: one for each profile that the plan has one for.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

use super::{GeneratedFile, internal, values};
use crate::failure::Result;
use crate::plan::Plan;
use crate::plan::model::{ComposeFile, Database, Image, SecretKind, Service};

const TEMPLATE: &str = "compose.yaml.j2";

/// The password of a machine to work on, whose databases nobody else reaches.
const DEVELOPMENT: &str = "development";

/// A variable of a service, with the form that its password has in this file.
#[derive(Serialize)]
struct Variable<'a> {
    name: &'a str,
    value: &'a str,
    /// What compose puts in for `{password}`.
    password: Option<String>,
    /// Why, where it is to be said.
    because: Option<String>,
}

/// What a step of the build must be able to show, as compose finds it.
#[derive(Serialize)]
struct Secret<'a> {
    id: &'a str,
    variable: Option<String>,
    file: &'static str,
    is_token: bool,
    because: String,
}

pub(super) fn files(plan: &Plan, environment: &Environment<'_>) -> Result<Vec<GeneratedFile>> {
    plan.compose.files.iter().map(|file| one(plan, file, environment)).collect()
}

fn one(plan: &Plan, file: &ComposeFile, environment: &Environment<'_>) -> Result<GeneratedFile> {
    let cargo = plan.profile(&file.profile).map_or("release", |profile| &profile.cargo);
    let prefix = if file.profile == "prod" { String::new() } else { format!("{}-", file.profile) };
    let services: Vec<Value> =
        plan.compose.services.iter().zip(&plan.images).map(|(own, image)| service(own, image, file)).collect();
    let databases: Vec<Value> = plan.compose.databases.iter().map(|own| database(own, file)).collect();
    let passwords: BTreeSet<&str> = plan.compose.databases.iter().filter_map(|own| own.password.as_deref()).collect();
    let own = context! {
        file => context! {
            path => &file.path, profile => &file.profile, from_sources => file.from_sources, cargo => cargo,
            is_default => file.path == "compose.yaml", volume_prefix => &prefix,
        },
        services => services,
        databases => databases,
        passwords => Serde(passwords),
        volumes => Serde(volumes(plan, file, &prefix)),
        secrets => Serde(secrets(plan)),
        ssh => Serde(agents(plan)),
    };
    let template = environment.get_template(TEMPLATE).map_err(internal)?;
    let text = template.render(context! { ..own, ..values(plan) }).map_err(internal)?;
    Ok(GeneratedFile { path: file.path.clone().into(), contents: format!("{}\n", text.trim_end()) })
}

fn service(service: &Service, image: &Image, file: &ComposeFile) -> Value {
    let mut variables: BTreeMap<&str, Variable<'_>> = BTreeMap::new();
    if file.from_sources {
        // The stage has a program's own environment; it is told which program.
        let name = "DOCKERIZE_BIN";
        variables.insert(name, Variable { name, value: &image.name, password: None, because: None });
    }
    variables.extend(service.environment.iter().map(|variable| {
        let password = variable.password.as_deref().map(|name| password(name, file));
        let because = Some(variable.because.lasting());
        (variable.name.as_str(), Variable { name: &variable.name, value: &variable.value, password, because })
    }));
    let own = super::snake_case(serde_json::to_value(service).unwrap_or_default());
    context! {
        repository => image.repository.as_str(),
        variables => Serde(variables.into_values().collect::<Vec<_>>()),
        // What is not there has to be known to be so.
        init => Serde(own.get("init").cloned()),
        ..Value::from(Serde(own))
    }
}

fn database(database: &Database, file: &ComposeFile) -> Value {
    let password = database.password.as_deref().map(|name| password(name, file));
    let variables = database.environment.iter().map(|(name, value)| {
        let password = password.clone().filter(|_| value.contains("{password}"));
        Variable { name, value, password, because: None }
    });
    let own = super::snake_case(serde_json::to_value(database).unwrap_or_default());
    context! { variables => Serde(variables.collect::<Vec<_>>()), ..Value::from(Serde(own)) }
}

/// A known password is for nobody's production.
fn password(variable: &str, file: &ComposeFile) -> String {
    if file.from_sources {
        format!("${{{variable}:-{DEVELOPMENT}}}")
    } else {
        format!("${{{variable}:?set it in .env}}")
    }
}

fn volumes(plan: &Plan, file: &ComposeFile, prefix: &str) -> Vec<String> {
    let own = plan.compose.services.iter().flat_map(|service| &service.volumes);
    let data = plan.compose.databases.iter().filter_map(|database| database.volume.as_ref());
    let mut names: Vec<String> = own.chain(data).map(|volume| format!("{prefix}{}", volume.name)).collect();
    if file.from_sources {
        names.extend([format!("{prefix}cargo-registry"), format!("{prefix}target")]);
    }
    names.sort();
    names.dedup();
    names
}

fn agents(plan: &Plan) -> Vec<&str> {
    plan.secrets.iter().filter(|secret| secret.kind == SecretKind::Ssh).map(|secret| secret.id.as_str()).collect()
}

fn secrets(plan: &Plan) -> Vec<Secret<'_>> {
    let found = plan.secrets.iter().filter_map(|secret| {
        let is_token = match &secret.kind {
            SecretKind::Ssh => return None,
            SecretKind::File { .. } | SecretKind::GitCredential { .. } => false,
            SecretKind::RegistryToken { .. } => true,
        };
        let variable = secret.variable();
        let because = secret.because.lasting();
        Some(Secret { id: &secret.id, variable, file: "~/.ssh/known_hosts", is_token, because })
    });
    found.collect()
}
