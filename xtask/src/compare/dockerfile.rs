//! A Dockerfile as its stages with their steps. A reader of its own: what the tool makes of the file is what is judged by it.

use super::shell;
use super::words::{self, Variables};

/// A stage.
#[derive(Debug, Default)]
pub struct Stage {
    pub name: Option<String>,
    /// The image under it, or the stage before it that [`parent`](Self::parent) is.
    pub base: String,
    pub parent: Option<usize>,
    pub steps: Vec<Step>,
    /// Variables at its end.
    variables: Variables,
    folder: String,
}

/// What a step does, with variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Commands, where they are run, and the stages or images that are mounted.
    Run { commands: Vec<Vec<String>>, folder: String, mounted: Vec<String> },
    /// `COPY` and `ADD`; no `from`: of the context.
    Copy { from: Option<String>, sources: Vec<String> },
    /// `ENV`, one variable.
    Env { name: String, value: String },
    /// `EXPOSE`, as it is written.
    Expose(Vec<String>),
    /// `VOLUME`.
    Volume(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(String),
    /// `HEALTHCHECK`, without its options.
    HealthCheck(Vec<String>),
    /// `ENTRYPOINT`.
    Entrypoint(Start),
    /// `CMD`.
    Cmd(Start),
}

/// What a container starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    pub words: Vec<String>,
    /// Whether a shell reads it.
    pub shell: bool,
}

/// A line of the file.
struct Instruction {
    keyword: String,
    flags: Vec<String>,
    text: String,
    heredoc: Option<String>,
}

/// What BuildKit defines by itself, for the platform that most people build for.
const PLATFORM: &[(&str, &str)] = &[
    ("TARGETPLATFORM", "linux/amd64"),
    ("TARGETOS", "linux"),
    ("TARGETARCH", "amd64"),
    ("TARGETVARIANT", ""),
    ("BUILDPLATFORM", "linux/amd64"),
    ("BUILDOS", "linux"),
    ("BUILDARCH", "amd64"),
];

/// Reads a Dockerfile; `arguments` are those of `docker build --build-arg`.
pub fn read(text: &str, arguments: &Variables) -> Vec<Stage> {
    let mut global: Variables = PLATFORM.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut stages: Vec<Stage> = Vec::new();
    for one in instructions(text) {
        if one.keyword == "FROM" {
            let stage = from(&one.text, &global, &stages);
            stages.push(stage);
            continue;
        }
        let Some(stage) = stages.last_mut() else {
            if one.keyword == "ARG" {
                argument(&one.text, &global.clone(), arguments, &mut global);
            }
            continue;
        };
        if one.keyword == "ARG" {
            argument(&one.text, &global, arguments, &mut stage.variables);
        } else {
            stage.read(&one);
        }
    }
    stages
}

fn from(text: &str, global: &Variables, stages: &[Stage]) -> Stage {
    let words = words::words(text, global);
    let base = words.first().cloned().unwrap_or_default();
    let named = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("as"));
    let name = words.get(2).filter(|_| named).cloned();
    let parent = find(stages, &base);
    let (variables, folder) = match parent.and_then(|parent| stages.get(parent)) {
        Some(parent) => (parent.variables.clone(), parent.folder.clone()),
        None => (Variables::new(), "/".to_owned()),
    };
    Stage { name, base, parent, variables, folder, steps: Vec::new() }
}

/// The stage of this name or number.
pub fn find(stages: &[Stage], name: &str) -> Option<usize> {
    let named = |stage: &Stage| stage.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    stages.iter().rposition(named).or_else(|| name.parse().ok().filter(|number| *number < stages.len()))
}

/// `ARG`: what is given on the command line, else its own default, else the one before the first stage.
fn argument(text: &str, global: &Variables, arguments: &Variables, variables: &mut Variables) {
    for word in words::words(text, variables) {
        let (name, own) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let value = arguments.get(name).map(String::as_str).or(own).or(global.get(name).map(String::as_str));
        if let Some(value) = value {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Stage {
    fn read(&mut self, one: &Instruction) {
        let words = || words::words(&one.text, &self.variables);
        // `EXPOSE $PORTS` may be several.
        let split = || words().iter().flat_map(|word| word.split_whitespace()).map(str::to_owned).collect();
        let list = || json(&one.text).unwrap_or_else(words);
        let flag = |name: &str| {
            let value =
                one.flags.iter().find_map(|flag| flag.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| words::fill(value, &self.variables))
        };
        match one.keyword.as_str() {
            "RUN" => {
                let text = one.heredoc.as_deref().unwrap_or(&one.text);
                let commands = match json(text) {
                    Some(words) => vec![words],
                    None => shell::commands(text, &self.variables),
                };
                let mounts = one.flags.iter().filter_map(|flag| flag.strip_prefix("--mount="));
                let parts = mounts.flat_map(|mount| mount.split(','));
                let mounted = parts.filter_map(|part| part.strip_prefix("from=")).map(str::to_owned).collect();
                self.steps.push(Step::Run { commands, folder: self.folder.clone(), mounted });
            }
            "COPY" | "ADD" if one.heredoc.is_none() => {
                let mut sources = list();
                sources.pop();
                self.steps.push(Step::Copy { from: flag("from"), sources });
            }
            "ENV" => {
                let words = words();
                let pairs = match words.first() {
                    Some(first) if !first.contains('=') => vec![(first.clone(), words[1..].join(" "))],
                    _ => words.iter().filter_map(|word| shell::setting(word)).collect(),
                };
                for (name, value) in pairs {
                    self.variables.insert(name.clone(), value.clone());
                    self.steps.push(Step::Env { name, value });
                }
            }
            "WORKDIR" => {
                let folder = words().join(" ");
                self.folder = join(&self.folder, &folder);
            }
            "EXPOSE" => self.steps.push(Step::Expose(split())),
            "VOLUME" => self.steps.push(Step::Volume(
                json(&one.text)
                    .map_or_else(words, |list| list.iter().map(|it| words::fill(it, &self.variables)).collect()),
            )),
            "STOPSIGNAL" => self.steps.push(Step::StopSignal(words().join(" "))),
            "HEALTHCHECK" => {
                let command = one.text.strip_prefix("CMD").map(str::trim).unwrap_or_default();
                self.steps
                    .push(Step::HealthCheck(json(command).unwrap_or_else(|| words::words(command, &self.variables))));
            }
            "ENTRYPOINT" | "CMD" => {
                let start = match json(&one.text) {
                    Some(words) => Start { words, shell: false },
                    None => Start { words: vec![one.text.clone()], shell: true },
                };
                self.steps.push(if one.keyword == "CMD" { Step::Cmd(start) } else { Step::Entrypoint(start) });
            }
            _ => {}
        }
    }

    /// Variables at the stage's end.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }
}

/// A folder seen from another one.
pub fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A list in the form of JSON.
fn json(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text.trim()).ok()
}

/// The file's instructions: continued lines joined, comments gone.
fn instructions(text: &str) -> Vec<Instruction> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let mut whole = String::new();
        let mut line = line.trim_end();
        loop {
            let comment = line.trim_start().starts_with('#');
            let goes_on = if comment || (line.trim().is_empty() && !whole.is_empty()) {
                !whole.is_empty()
            } else {
                let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
                whole.push_str(part);
                goes_on
            };
            if !goes_on {
                break;
            }
            let Some(next) = lines.next() else { break };
            line = next.trim_end();
        }
        let whole = whole.trim();
        let Some((keyword, mut rest)) = whole.split_once(char::is_whitespace) else { continue };
        let mut flags = Vec::new();
        rest = rest.trim_start();
        while rest.starts_with("--") {
            let (flag, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            flags.push(flag.to_owned());
            rest = after.trim_start();
        }
        let keyword = keyword.to_uppercase();
        let opened = ["RUN", "COPY", "ADD"].contains(&keyword.as_str()).then(|| marker(rest)).flatten();
        let heredoc = opened.map(|(end, tabs)| {
            let body =
                lines.by_ref().take_while(|line| *line != end && !(tabs && line.trim_start_matches('\t') == end));
            body.collect::<Vec<_>>().join("\n")
        });
        // `RUN cat <<EOF > file` is no script, `RUN <<EOF` is.
        let script = rest.starts_with("<<");
        let heredoc = match keyword.as_str() {
            "RUN" => heredoc.filter(|_| script),
            _ => heredoc,
        };
        found.push(Instruction { keyword, flags, text: rest.to_owned(), heredoc });
    }
    found
}

/// The mark that ends a heredoc, and whether tabs before it count for nothing.
fn marker(text: &str) -> Option<(String, bool)> {
    let (_, after) = text.split_once("<<")?;
    let (after, tabs) = after.strip_prefix('-').map_or((after, false), |after| (after, true));
    let mark: String = after.split_whitespace().next()?.chars().filter(|c| *c != '\'' && *c != '"').collect();
    let named = mark.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (named && mark.starts_with(|c: char| c.is_ascii_alphabetic())).then_some((mark, tabs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(text: &str) -> Vec<Stage> {
        read(text, &Variables::new())
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn stages_have_names_bases_and_parents() {
        let text = "ARG V=1\nARG B=base\nFROM --platform=$BUILDPLATFORM rust:${V}-slim AS base\nFROM ${B} as next\n\
                    FROM scratch\n";
        let stages = stages(text);
        let seen: Vec<_> =
            stages.iter().map(|stage| (stage.name.as_deref(), stage.base.as_str(), stage.parent)).collect();
        assert_eq!(
            seen,
            [(Some("base"), "rust:1-slim", None), (Some("next"), "base", Some(0)), (None, "scratch", None)]
        );
    }

    #[test]
    fn lines_go_on_over_comments_and_empty_lines() {
        let stages = stages("FROM a\nRUN one && \\\n  # said\n\n  two \\\n  three\nEXPOSE 80\n");
        let commands = vec![strings(&["one"]), strings(&["two", "three"])];
        assert_eq!(
            stages[0].steps,
            [Step::Run { commands, folder: "/".into(), mounted: vec![] }, Step::Expose(strings(&["80"]))]
        );
    }

    #[test]
    fn arguments_have_defaults_and_values_from_outside() {
        let text =
            "ARG A=1\nFROM x\nARG A\nARG B=2\nARG C\nENV P=${A}${B}${C:-3} Q=\"a b\"\nENV OLD one two\nEXPOSE $P/tcp\n";
        let steps = |arguments: &Variables| read(text, arguments).remove(0).steps;
        let env = |name: &str, value: &str| Step::Env { name: name.into(), value: value.into() };
        let rest =
            |p: &str| [env("P", p), env("Q", "a b"), env("OLD", "one two"), Step::Expose(vec![format!("{p}/tcp")])];
        assert_eq!(steps(&Variables::new()), rest("123"));
        assert_eq!(steps(&Variables::from([("B".into(), "9".into())])), rest("193"));
    }

    #[test]
    fn both_forms_of_a_start_are_read() {
        let stages =
            stages("FROM x\nENTRYPOINT [\"/a\", \"b c\"]\nCMD exec /a $B\nHEALTHCHECK --interval=5s CMD curl -f x\n");
        assert_eq!(
            stages[0].steps,
            [
                Step::Entrypoint(Start { words: strings(&["/a", "b c"]), shell: false }),
                Step::Cmd(Start { words: strings(&["exec /a $B"]), shell: true }),
                Step::HealthCheck(strings(&["curl", "-f", "x"])),
            ]
        );
    }

    #[test]
    fn heredocs_are_scripts_or_files() {
        let text =
            "FROM x\nRUN <<EOF\none\ntwo\nEOF\nRUN cat <<'E' > /f\nEXPOSE 1\nE\nCOPY <<-E /g\n\ttext\n\tE\nEXPOSE 2\n";
        let steps = stages(text).remove(0).steps;
        let run = |words: &[&[&str]]| Step::Run {
            commands: words.iter().map(|words| strings(words)).collect(),
            folder: "/".into(),
            mounted: vec![],
        };
        assert_eq!(steps, [run(&[&["one"], &["two"]]), run(&[&["cat"]]), Step::Expose(strings(&["2"]))]);
    }

    #[test]
    fn copies_name_their_stage_and_folders_add_up() {
        let text = "FROM r AS b\nWORKDIR /app\nWORKDIR sub/../x\nRUN --mount=type=bind,from=c,target=/t make\n\
                    FROM x\nCOPY --from=b --chown=1:1 /app/a /app/c /usr/bin/\nADD [\"my file\", \"/\"]\nCOPY . .\n";
        let stages = stages(text);
        let run = Step::Run { commands: vec![strings(&["make"])], folder: "/app/x".into(), mounted: strings(&["c"]) };
        assert_eq!(stages[0].steps, [run]);
        let copy = |from: Option<&str>, sources: &[&str]| Step::Copy {
            from: from.map(str::to_owned),
            sources: strings(sources),
        };
        assert_eq!(
            stages[1].steps,
            [copy(Some("b"), &["/app/a", "/app/c"]), copy(None, &["my file"]), copy(None, &["."])]
        );
    }
}
