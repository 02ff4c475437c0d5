//! Variables whose values are compiled in, and that nothing sets: rustc would say so after all dependencies.

use super::inputs::members;
use super::rules::{self, VariableRow};
use crate::failure::Result;
use crate::plan::model::{Because, CompiledIn};
use crate::workspace::{BinaryGraph, GraphPackage, Member, Workspace};

/// Those of a graph's members. What the metadata says of the environment is the plan's.
pub(super) fn find(workspace: &Workspace, graph: &BinaryGraph) -> Result<Vec<CompiledIn>> {
    let rows = rules::variables()?;
    let mut found: Vec<CompiledIn> = Vec::new();
    for member in members(workspace, graph) {
        for (name, (file, line)) in &member.sources.variables {
            let is_known = rows.iter().any(|row| row.sets(name)) || workspace.cargo_config.env.contains(name);
            let is_new = found.iter().all(|known| known.name != *name);
            if is_known || !is_new || !is_name(name) || could_set(graph, member, rows, name) {
                continue;
            }
            let file = workspace.place(file, *line);
            let text = format!("{} takes the value of `{name}` while it is compiled (`env!` in {file})", member.name);
            let because = Because { text, krate: None, rule: "env-macro".to_owned(), file: Some(file) };
            found.push(CompiledIn { name: name.clone(), because, argument: !is_secret(name) });
        }
    }
    Ok(found)
}

/// The words that BuildKit's check `SecretsUsedInArgOrEnv` looks for in names.
const SECRET: &[&str] =
    &["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    name.split('_').any(|word| SECRET.contains(&word)) && !name.split('_').any(|word| word == "public")
}

/// It becomes a part of the Dockerfile.
fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the build script of a package sets a variable, or may do so in a way that its text does not show.
fn could_set(graph: &BinaryGraph, member: &Member, rows: &[VariableRow], name: &str) -> bool {
    let own = graph.find(&member.name).iter().find(|package| package.local && package.version == member.version);
    let Some((package, script)) = own.and_then(|package| Some((package, package.build_script.as_ref()?))) else {
        return false;
    };
    let sets = |name: &String| {
        // A crate of the workspace's own may be the build script of all its members.
        let is_own = |package: &GraphPackage| package.local;
        rows.iter().any(|row| row.krate.as_ref() == Some(name)) || graph.find(name).iter().any(is_own)
    };
    // What cannot be read is for the compiler to complain about.
    let Ok(text) = fs_err::read_to_string(script) else { return true };
    let named = format!("rustc-env={name}");
    let signs = [named.as_str(), "rustc-env={", "include!", "\nmod "];
    package.build_dependencies.iter().any(sets) || signs.iter().any(|sign| text.contains(sign))
}
