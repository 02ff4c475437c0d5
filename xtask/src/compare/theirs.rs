//! What a repository's own Dockerfile says.

use std::collections::BTreeSet;

use super::commands::{cargo, packages, started, unwrapped};
use super::dockerfile::{self, Stage, Step};
use super::facts::{self, Binary, Facts, Kind, last};
use super::words::Variables;

/// What it says, and what rules about it need to know.
#[derive(Debug, Default)]
pub struct Theirs {
    pub facts: Facts,
    /// The image under the last stage.
    pub base: String,
    /// Whether the whole repository is in the image.
    pub whole: bool,
}

/// Files of the system.
const SYSTEM: &[&str] =
    &["/etc/ssl", "/etc/passwd", "/etc/group", "/home", "/usr/share/zoneinfo", "/usr/local/cargo", "/lib", "/usr/lib"];

/// Reads it. `name` is the stage that ships the program; none: the last one.
pub fn read(text: &str, name: Option<&str>, arguments: &Variables, binaries: &[Binary]) -> Option<Theirs> {
    let stages = dockerfile::read(text, arguments);
    let shipped = match name {
        Some(name) => dockerfile::find(&stages, name)?,
        None => stages.len().checked_sub(1)?,
    };
    let lineage = lineage(&stages, shipped);
    let base = lineage.first().and_then(|first| stages.get(*first)).map(|stage| stage.base.clone()).unwrap_or_default();
    let reader = Reader { stages: &stages, shipped: &lineage, binaries };
    let mut theirs = Theirs { facts: Facts::default(), base, whole: reader.compiles() };
    reader.plain(&mut theirs.facts);
    let built = reader.built(&mut theirs.facts);
    let run = reader.start(&mut theirs.facts);
    reader.copied(&run, &built, &mut theirs.facts);
    Some(theirs)
}

/// A stage and those under it, from the lowest.
fn lineage(stages: &[Stage], from: usize) -> Vec<usize> {
    let mut lineage = vec![from];
    while let Some(parent) = lineage.last().and_then(|last| stages.get(*last)?.parent) {
        lineage.push(parent);
    }
    lineage.reverse();
    lineage
}

struct Reader<'a> {
    stages: &'a [Stage],
    /// The stages that the image consists of.
    shipped: &'a [usize],
    binaries: &'a [Binary],
}

/// What is started.
#[derive(Debug, Default)]
struct Run {
    /// The program, as far as it is known.
    program: Option<String>,
    /// The script that starts it.
    script: Option<String>,
}

impl<'a> Reader<'a> {
    fn steps(&self) -> impl Iterator<Item = &'a Step> {
        self.shipped.iter().filter_map(|&stage| self.stages.get(stage)).flat_map(|stage| &stage.steps)
    }

    fn is_binary(&self, name: &str) -> bool {
        self.binaries.iter().any(|binary| binary.name == name)
    }

    /// Whether cargo compiles in the image itself.
    fn compiles(&self) -> bool {
        self.steps().any(|step| match step {
            Step::Run { commands, .. } => commands.iter().any(|words| cargo(words).is_some()),
            _ => false,
        })
    }

    /// Facts that stand in the file as they are.
    fn plain(&self, facts: &mut Facts) {
        let compiles = self.compiles();
        for step in self.steps() {
            match step {
                Step::Expose(ports) => ports.iter().for_each(|port| expose(port, facts)),
                Step::Volume(folders) => {
                    for folder in folders {
                        facts.add(Kind::Volumes, folder.trim_end_matches('/'));
                    }
                }
                Step::StopSignal(signal) => {
                    let signal = signal.trim_start_matches("SIG");
                    if signal != "TERM" && signal != "15" {
                        facts.add(Kind::StopSignal, format!("SIG{signal}"));
                    }
                }
                Step::HealthCheck(command) if !command.is_empty() => facts.add(Kind::HealthCheck, "there is one"),
                Step::Run { commands, .. } if !compiles => {
                    for package in commands.iter().flat_map(|words| packages(words)) {
                        facts.add(Kind::Packages, package);
                    }
                }
                _ => {}
            }
        }
        let Some(end) = self.shipped.last().and_then(|&last| self.stages.get(last)) else { return };
        let set: BTreeSet<&String> = self
            .steps()
            .filter_map(|step| match step {
                Step::Env { name, .. } => Some(name),
                _ => None,
            })
            .collect();
        for name in set {
            let value = end.variables().get(name).map(String::as_str).unwrap_or_default();
            if !facts::is_noise(name) && !value.is_empty() {
                facts.add(Kind::Environment, format!("{name}={value}"));
            }
        }
        let health: String = self
            .steps()
            .filter_map(|step| match step {
                Step::HealthCheck(command) => Some(command.join(" ")),
                _ => None,
            })
            .collect();
        for tool in ["curl", "wget"] {
            if health.contains(tool) {
                facts.remove(Kind::Packages, tool);
            }
        }
    }

    /// The stages that something comes from, with those under them, the image's own first.
    fn sources(&self) -> Vec<usize> {
        let mut found = self.shipped.to_vec();
        let mut next = 0;
        while let Some(stage) = found.get(next).and_then(|&stage| self.stages.get(stage)) {
            for step in &stage.steps {
                let names = match step {
                    Step::Copy { from: Some(from), .. } => vec![from],
                    Step::Run { mounted, .. } => mounted.iter().collect(),
                    _ => vec![],
                };
                for name in names {
                    for stage in
                        dockerfile::find(self.stages, name).map(|one| lineage(self.stages, one)).unwrap_or_default()
                    {
                        if !found.contains(&stage) {
                            found.push(stage);
                        }
                    }
                }
            }
            next += 1;
        }
        found
    }

    /// The features of what cargo builds, and the binaries that its lines name.
    fn built(&self, facts: &mut Facts) -> Vec<String> {
        let (mut builds, mut cooks) = (Vec::new(), Vec::new());
        for stage in self.sources().into_iter().filter_map(|stage| self.stages.get(stage)) {
            for step in &stage.steps {
                let Step::Run { commands, folder, .. } = step else { continue };
                let mut folder = folder.clone();
                for words in commands {
                    if let [command, to] = words.as_slice()
                        && command == "cd"
                    {
                        folder = dockerfile::join(&folder, to);
                    }
                    match cargo(words) {
                        Some(("cook", words)) => cooks.push((folder.clone(), words.to_vec())),
                        Some((_, words)) => builds.push((folder.clone(), words.to_vec())),
                        None => {}
                    }
                }
            }
        }
        let lines = if builds.is_empty() { cooks } else { builds };
        let mut names = Vec::new();
        for (folder, words) in &lines {
            facts.add_features(words);
            names.extend(self.named(folder, words));
        }
        names
    }

    /// The binaries that a line of cargo's names.
    fn named(&self, folder: &str, words: &[String]) -> Vec<String> {
        let values = |flags: &[&str]| -> Vec<String> {
            let pairs = words.iter().zip(words.iter().skip(1));
            let apart = pairs.filter(|(flag, _)| flags.contains(&flag.as_str())).map(|(_, value)| value.clone());
            let joined = words.iter().filter_map(|word| word.split_once('='));
            let joined = joined.filter(|(flag, _)| flags.contains(flag)).map(|(_, value)| value.to_owned());
            apart.chain(joined).collect()
        };
        let bins = values(&["--bin"]);
        if !bins.is_empty() {
            return bins;
        }
        let packages = values(&["-p", "--package"]);
        let paths: Vec<String> = values(&["--path"]).iter().map(|path| dockerfile::join(folder, path)).collect();
        let chosen = |binary: &&Binary| {
            let inside = |path: &String| !binary.folder.is_empty() && path.ends_with(&format!("/{}", binary.folder));
            packages.contains(&binary.package) || paths.iter().any(inside)
        };
        self.binaries.iter().filter(chosen).map(|binary| binary.name.clone()).collect()
    }

    /// What is started, and with which arguments.
    fn start(&self, facts: &mut Facts) -> Run {
        let (mut entrypoint, mut cmd) = (None, None);
        for step in self.steps() {
            match step {
                Step::Entrypoint(start) => entrypoint = Some(start.clone()),
                Step::Cmd(start) => cmd = Some(start.clone()),
                _ => {}
            }
        }
        let variables = self.shipped.last().and_then(|&last| self.stages.get(last)).map(Stage::variables);
        let words = started(entrypoint, cmd, variables.unwrap_or(&Variables::new()));
        let inner = unwrapped(&words);
        let Some(program) = inner.first() else { return Run::default() };
        let mut rest = &inner[1..];
        let mut program = last(program).to_owned();
        let mut script = None;
        if program == "cargo" {
            let named = self.named("/", rest);
            program = named.first().cloned().unwrap_or_default();
            rest = rest.iter().position(|word| word == "--").map_or(&[][..], |at| &rest[at + 1..]);
        } else if !self.is_binary(&program) && !program.is_empty() {
            facts.add(Kind::Arguments, format!("starts with {program}"));
            script = Some(program.clone());
            // Scripts are given the program, with its arguments.
            match rest.iter().position(|word| self.is_binary(last(word))) {
                Some(at) => {
                    last(&rest[at]).clone_into(&mut program);
                    rest = &rest[at + 1..];
                }
                None if is_script(&program) => {}
                None => rest = &[],
            }
        }
        if !rest.is_empty() {
            facts.add(Kind::Arguments, rest.join(" "));
        }
        Run { program: Some(program).filter(|program| !program.is_empty()), script }
    }

    /// Programs and files that come from the context and from other stages.
    fn copied(&self, run: &Run, built: &[String], facts: &mut Facts) {
        let compiles = self.compiles();
        let mut programs: BTreeSet<String> = BTreeSet::new();
        for step in self.steps() {
            let Step::Copy { from, sources } = step else { continue };
            // What goes into an image that compiles are its sources.
            for source in sources.iter().filter(|_| from.is_some() || !compiles) {
                let name = last(source);
                let volume = |folder: &String| last(folder) == name;
                if let Some(program) = [name, name.trim_end_matches("_amd64")].iter().find(|name| self.is_binary(name))
                {
                    programs.insert((*program).to_owned());
                } else if facts.of(Kind::Volumes).iter().any(volume) {
                    // A folder of the program's own, made with its owner.
                } else if is_asset(source, from.is_some()) && run.script.as_deref() != Some(name) {
                    facts.add(Kind::Assets, name);
                }
            }
        }
        let started = run.program.iter().filter(|program| self.is_binary(program)).cloned();
        programs.extend(started);
        if programs.is_empty() {
            // A folder of programs, or an image in which cargo compiles.
            programs.extend(built.iter().filter(|name| self.is_binary(name)).cloned());
        }
        if programs.is_empty() && compiles && self.binaries.len() == 1 {
            programs.extend(self.binaries.iter().map(|binary| binary.name.clone()));
        }
        for program in programs {
            facts.add(Kind::Binary, program);
        }
    }
}

/// Whether what is copied is a file for the program: none of the system, no script, and not the whole of something.
fn is_asset(source: &str, from: bool) -> bool {
    let name = last(source);
    let script = is_script(name) || name.contains("entrypoint");
    let whole = ["", ".", "*"].contains(&source.trim_start_matches("./").trim_start_matches('/'));
    let about = ["Dockerfile", "LICENSE", "README"].iter().any(|word| name.contains(word));
    let system = source.contains("/bin/")
        || SYSTEM.iter().any(|folder| source.starts_with(folder))
        || name.starts_with("lib")
        || name.contains(".so");
    let folders = ["bin", "out", "amd64", "release"];
    let program = folders.contains(&name) || source.contains("/release");
    !(script || whole || about || program || (from && system))
}

fn is_script(name: &str) -> bool {
    [".sh", ".py"].iter().any(|end| name.ends_with(end))
}

/// A port or a range of them.
fn expose(text: &str, facts: &mut Facts) {
    let port = text.split('/').next().unwrap_or(text);
    let port = port.split(':').next().unwrap_or(port);
    let (from, to) = port.split_once('-').unwrap_or((port, port));
    if let (Ok(from), Ok(to)) = (from.parse::<u16>(), to.parse::<u16>()) {
        (from..=to).for_each(|port| facts.add(Kind::Ports, port.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(name: &str) -> Binary {
        Binary { name: name.to_owned(), package: name.to_owned(), folder: format!("crates/{name}") }
    }

    fn facts(text: &str, kind: Kind) -> Vec<String> {
        let binaries = [binary("api"), binary("worker")];
        let theirs = read(text, None, &Variables::new(), &binaries).expect("a stage");
        theirs.facts.of(kind).into_iter().collect()
    }

    const BUILT: &str = "FROM rust AS b\nRUN apt-get install -y cmake\nRUN cargo install cargo-chef\n\
                         RUN cargo chef cook --features no\nRUN cargo build --release --features api/one,two -F three\n\
                         FROM debian:slim\n";

    #[test]
    fn features_are_those_of_the_stages_that_are_copied_from() {
        let text =
            format!("FROM rust AS other\nRUN cargo build --all-features\n{BUILT}COPY --from=b /t/release/api /bin/\n");
        assert_eq!(facts(&text, Kind::Features), ["one", "three", "two"]);
        assert_eq!(
            facts("FROM rust\nRUN cargo install --path . --no-default-features\n", Kind::Features),
            ["--no-default-features"]
        );
    }

    #[test]
    fn programs_are_known_by_what_is_copied_or_started_or_built() {
        assert_eq!(facts(&format!("{BUILT}COPY --from=b /t/release/api /bin/\n"), Kind::Binary), ["api"]);
        assert_eq!(
            facts("FROM rust\nRUN cargo build --release\nCMD ./target/release/worker\n", Kind::Binary),
            ["worker"]
        );
        assert_eq!(
            facts(
                "FROM rust AS b\nRUN cargo install --path ./crates/api --root /app\nFROM x\nCOPY --from=b /app/bin /app/bin\n",
                Kind::Binary
            ),
            ["api"]
        );
    }

    #[test]
    fn arguments_are_those_behind_programs_that_start_others() {
        let arguments = |text: &str| facts(&format!("FROM x\n{text}\n"), Kind::Arguments);
        assert_eq!(arguments("ENTRYPOINT [\"tini\", \"-v\", \"--\"]\nCMD [\"api\", \"serve\"]"), ["serve"]);
        assert_eq!(arguments("ENV P=1\nCMD exec ./api --port ${P}"), ["--port 1"]);
        assert_eq!(arguments("CMD [\"/bin/sh\", \"-c\", \"ls && exec gosu me api run\"]"), ["run"]);
        assert_eq!(
            arguments("ENTRYPOINT [\"/start.sh\"]\nCMD [\"api\", \"-c\", \"x\"]"),
            ["-c x", "starts with start.sh"]
        );
        assert_eq!(arguments("CMD [\"cargo\", \"run\", \"--release\", \"--\", \"on\"]"), ["on"]);
        assert!(arguments("ENTRYPOINT [\"./api\"]").is_empty());
    }

    #[test]
    fn ports_may_be_ranges_and_have_protocols() {
        assert_eq!(
            facts("FROM x\nEXPOSE 80/tcp 8000-8001 90:90\nEXPOSE 80/udp\n", Kind::Ports),
            ["80", "8000", "8001", "90"]
        );
    }

    #[test]
    fn packages_are_those_of_the_image_and_not_of_its_health_check() {
        let text = format!(
            "{BUILT}RUN apt-get update && apt-get install --no-install-recommends -y libpq5 curl=1\nHEALTHCHECK CMD curl x\n"
        );
        assert_eq!(facts(&text, Kind::Packages), ["libpq5"]);
        assert_eq!(facts("FROM a AS base\nRUN apk add --no-cache tini\nFROM base\n", Kind::Packages), ["tini"]);
    }

    #[test]
    fn assets_are_files_for_the_program() {
        let text = format!(
            "{BUILT}COPY --from=b /etc/ssl/certs/x.crt /etc/ssl/certs/\nCOPY --from=b /t/release/api /app/migrations/* ./\n\
             COPY configuration docker-entrypoint.sh ./\nCOPY --from=node:20 /web/dist/ static\n"
        );
        assert_eq!(facts(&text, Kind::Assets), ["configuration", "dist", "migrations"]);
        assert!(facts("FROM rust\nCOPY src src\nCOPY . .\nRUN cargo build\n", Kind::Assets).is_empty());
    }

    #[test]
    fn variables_of_toolchains_and_empty_ones_say_nothing() {
        let text = "FROM x AS a\nENV A=1 B=\nENV CARGO_HOME=/c PATH=/x:$PATH\nFROM a\nENV A=2\n";
        assert_eq!(facts(text, Kind::Environment), ["A=2"]);
    }
}
