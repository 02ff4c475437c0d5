//! What a builder can do, and what to do where it cannot: the rules of `capabilities.toml` over facts.

use std::collections::{BTreeMap, BTreeSet};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use super::nodes::{Builder, BuilderNode, Policy};
use crate::engine::Engine;
use crate::exec::Command;
use crate::failure::{Failure, Kind, Result, printable};

/// The label by which buildx, too, knows the containerd image store.
const SNAPSHOTTER: &str = "org.mobyproject.buildkit.worker.snapshotter";

/// A builder, and what it can do.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Its name.
    pub builder: String,
    /// Its driver.
    pub driver: String,
    /// buildx's version.
    pub buildx: String,
    /// The image store of the engine that answers here: containerd or classic.
    pub store: &'static str,
    /// Its nodes.
    pub nodes: Vec<BuilderNode>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Whether all is there that `cargo dockerize build` needs.
    pub usable: bool,
}

/// One thing that a builder can do or not.
#[derive(Debug, Clone, Serialize)]
pub struct Capability {
    /// Its name for programs.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Whether it works.
    pub works: Answer,
    /// Whether `cargo dockerize build` needs it.
    pub needed: bool,
    /// How it works, or why it does not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub say: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

/// Whether something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It does.
    Yes,
    /// With a limit.
    Partly,
    /// It does not.
    No,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    text: BTreeMap<String, String>,
    capability: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Row {
    id: String,
    title: String,
    #[serde(default)]
    needed: bool,
    /// A fact with which it is needed.
    needed_with: Option<String>,
    /// Asked for each platform that somebody named.
    #[serde(default)]
    asked: bool,
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    when: Vec<String>,
    works: Answer,
    say: String,
    todo: Option<String>,
}

/// What is known of a builder: names of facts, and values for texts.
#[derive(Debug, Clone, Default)]
struct Facts {
    names: BTreeSet<&'static str>,
    values: BTreeMap<&'static str, String>,
}

impl Facts {
    fn hold(&self, when: &[String]) -> bool {
        when.iter().all(|fact| match fact.strip_prefix('!') {
            Some(fact) => !self.names.contains(fact),
            None => self.names.contains(fact.as_str()),
        })
    }

    fn fill(&self, text: &str, texts: &BTreeMap<String, String>) -> String {
        let mut filled = text.to_owned();
        for (name, value) in texts {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        for (name, value) in &self.values {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }
}

/// Looks at what buildx says of this builder, and at the engine's image store.
///
/// # Errors
/// [`Kind::Engine`]: the engine does not say which image store it has.
pub fn check(engine: &Engine, builder: Builder, platforms: &[String]) -> Result<Check> {
    let command = Command::new(&engine.docker, "see which image store the engine has").args([
        "info",
        "--format",
        "{{json .DriverStatus}}",
    ]);
    let command = command.asks();
    let output = command.output()?;
    if !output.status.success() {
        return Err(Failure::new(Kind::Engine, "the engine does not say which image store it has")
            .detail(output.stderr)
            .detail(command.shell_line()));
    }
    // As the docker client itself looks for it.
    let classic = !output.stdout.contains("io.containerd.snapshotter.v1");
    judge(builder, classic, engine.buildx.to_string(), platforms)
}

/// Likewise, where the store and the version are known already.
///
/// # Errors
/// [`Kind::Internal`]: the table cannot be read.
pub fn judge(builder: Builder, classic: bool, buildx: String, platforms: &[String]) -> Result<Check> {
    let table: Table = toml::from_str(include_str!("capabilities.toml"))
        .map_err(|error| Failure::new(Kind::Internal, "the table of capabilities cannot be read").caused_by(error))?;
    let builder = builder.gathered();
    let (facts, store) = facts(&builder, classic, platforms);
    let mut capabilities = Vec::new();
    for row in &table.capability {
        if row.asked {
            let asked = platforms.iter().map(|platform| with_platform(&facts, &builder.nodes, platform));
            capabilities.extend(asked.filter_map(|facts| answer(row, &facts, &table.text)));
        } else {
            capabilities.extend(answer(row, &facts, &table.text));
        }
    }
    if !builder.err.is_empty() {
        // Nothing is known of it but that.
        capabilities.retain(|capability| capability.works == Answer::No && capability.id == "nodes");
    }
    let usable = !capabilities.iter().any(|capability| capability.needed && capability.works == Answer::No);
    let Builder { name, driver, nodes, .. } = builder;
    Ok(Check { builder: name, driver, buildx, store, nodes, capabilities, usable })
}

fn answer(row: &Row, facts: &Facts, texts: &BTreeMap<String, String>) -> Option<Capability> {
    let rule = row.rule.iter().find(|rule| facts.hold(&rule.when))?;
    Some(Capability {
        id: row.id.clone(),
        title: facts.fill(&row.title, texts),
        works: rule.works,
        needed: row.needed || row.needed_with.as_ref().is_some_and(|fact| facts.names.contains(fact.as_str())),
        say: facts.fill(&rule.say, texts),
        todo: rule.todo.as_ref().map(|todo| facts.fill(todo, texts)),
    })
}

fn facts(builder: &Builder, classic: bool, platforms: &[String]) -> (Facts, &'static str) {
    let nodes = &builder.nodes;
    let mut facts = Facts::default();
    for driver in ["docker", "docker-container", "remote", "kubernetes"] {
        if builder.driver == driver {
            facts.names.insert(driver);
        }
    }
    // A builder of the driver docker may be another engine than the one that was asked: its own word counts.
    let labelled = nodes.iter().any(|node| node.labels.contains_key(SNAPSHOTTER));
    let classic = if builder.driver == "docker" && nodes.iter().any(running) { !labelled } else { classic };
    let store = if classic { "classic" } else { "containerd" };
    facts.names.insert(store);
    let option = |name: &str, wanted: &dyn Fn(&str) -> bool| {
        nodes.iter().any(|node| node.driver_opts.get(name).is_some_and(|value| wanted(value)))
    };
    let errors = errors(builder);
    let still: Vec<&str> =
        nodes.iter().filter(|node| !running(node) && node.err.is_empty()).map(|node| node.name.as_str()).collect();
    let limit = nodes.iter().flat_map(|node| &node.policy).find_map(Policy::limits_mounts);
    for (fact, holds) in [
        ("error", !errors.is_empty()),
        ("inactive", !still.is_empty()),
        ("several-nodes", nodes.len() > 1),
        ("several-platforms", platforms.len() > 1),
        ("replicas", option("replicas", &|count| count.parse::<u32>().is_ok_and(|count| count > 1))),
        ("random", option("loadbalance", &|strategy| strategy == "random")),
        ("volume", option("persistent-volume-claim.requests.storage", &|_| true)),
        ("short-lived", limit.is_some()),
    ] {
        if holds {
            facts.names.insert(fact);
        }
    }
    let (hours, bytes) = limit.unwrap_or_default();
    let count = nodes.iter().filter(|node| running(node)).count();
    let running = if count == 1 { "one runs".to_owned() } else { format!("{count} run") };
    facts.values.extend([
        ("name", builder.name.clone()),
        ("errors", errors.join("; ")),
        ("inactive", still.join(", ")),
        ("running", running),
        ("mounts", ByteSize::b(bytes).display().si().to_string()),
        ("hours", hours.to_string()),
    ]);
    (facts, store)
}

fn running(node: &BuilderNode) -> bool {
    node.status == "running" && node.err.is_empty()
}

fn errors(builder: &Builder) -> Vec<String> {
    let of_nodes = builder.nodes.iter().filter(|node| !node.err.is_empty());
    let of_nodes = of_nodes.map(|node| format!("{}: {}", node.name, printable(&node.err)));
    let own = (!builder.err.is_empty()).then(|| printable(&builder.err));
    own.into_iter().chain(of_nodes).collect()
}

fn with_platform(facts: &Facts, nodes: &[BuilderNode], platform: &str) -> Facts {
    let mut facts = facts.clone();
    let have: Vec<&str> =
        nodes.iter().filter(|node| node.platforms.iter().any(|p| p == platform)).map(|node| &*node.name).collect();
    if !have.is_empty() {
        facts.names.insert("there");
    } else if nodes.iter().any(|node| !running(node)) {
        facts.names.insert("unknown");
    }
    facts.values.insert("platform", platform.to_owned());
    facts.values.insert("where", have.join(", "));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(text: &str) -> Builder {
        serde_json::from_str(text).unwrap()
    }

    fn works(check: &Check, id: &str) -> Answer {
        check.capabilities.iter().find(|capability| capability.id == id).unwrap().works
    }

    #[test]
    fn the_table_answers_everything_and_leaves_no_blank() {
        let table: Table = toml::from_str(include_str!("capabilities.toml")).unwrap();
        for row in &table.capability {
            assert!(row.rule.last().unwrap().when.is_empty(), "{} may have no answer", row.id);
            for rule in &row.rule {
                assert!(rule.works == Answer::Yes || rule.todo.is_some(), "{} leaves people alone", row.id);
            }
        }
        for driver in ["docker", "docker-container", "remote", "kubernetes"] {
            for classic in [true, false] {
                let node = r#"{"Name":"a","Status":"inactive","Platforms":["linux/amd64"]}"#;
                let builder = builder(&format!(r#"{{"Name":"x","Driver":"{driver}","Nodes":[{node}]}}"#));
                let asked = ["linux/amd64".to_owned(), "linux/s390x".to_owned()];
                let check = judge(builder, classic, String::new(), &asked).unwrap();
                for Capability { title, say, todo, .. } in check.capabilities {
                    // `{"features": …}` is JSON.
                    let blank = |text: &str| text.match_indices('{').any(|(at, _)| !text[at + 1..].starts_with('"'));
                    assert!(!blank(&title) && !blank(&say), "{title}: {say}");
                    assert!(todo.is_none_or(|todo| !blank(&todo)), "{title}");
                }
            }
        }
    }

    #[test]
    fn replicas_share_no_mounts() {
        let with = |opts: &str| {
            let node = format!(r#"{{"Name":"a","Status":"running","DriverOpts":{opts}}}"#);
            let builder = builder(&format!(r#"{{"Name":"x","Driver":"kubernetes","Nodes":[{node}]}}"#));
            works(&judge(builder, false, String::new(), &[]).unwrap(), "mounts")
        };
        assert_eq!(with(r#"{"replicas":"3","loadbalance":"sticky"}"#), Answer::Partly);
        assert_eq!(with(r#"{"persistent-volume-claim.requests.storage":"50G"}"#), Answer::Yes);
        assert_eq!(
            with(r#"{"replicas":"2","loadbalance":"random","persistent-volume-claim.requests.storage":"50G"}"#),
            Answer::Partly
        );
    }

    #[test]
    fn an_older_buildkits_rules_are_read_too() {
        let rule: Policy = serde_json::from_str(
            r#"{"filter":["type==exec.cachemount"],"keepDuration":172800000000000,"keepBytes":512000000}"#,
        )
        .unwrap();
        assert_eq!(rule.limits_mounts(), Some((48, 512_000_000)));
    }
}
