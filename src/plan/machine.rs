//! What this machine can make, where its own cargo compiles: the first linkage that it can for all platforms, and how.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::group::Members;
use super::model::{Because, Compile, CompileTool, Linkage, Musl};
use super::{Candidate, HostFlags, crt, linkage};
use crate::config::Settings;
use crate::detect::Native;
use crate::failure::{Failure, Kind, Result};
use crate::host::{Glibc, Host};
use crate::platforms::{self, Platform};
use crate::workspace::Workspace;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    compiler: Vec<CompilerRow>,
    zigbuild: String,
    archive: String,
    opened: Vec<OpenedRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompilerRow {
    on: String,
    triple: String,
    command: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenedRow {
    before: Glibc,
    library: String,
}

/// This machine, and what it is asked for.
pub(super) struct Machine<'a> {
    workspace: &'a Workspace,
    settings: &'a Settings,
    host: &'a Host,
    table: &'static Table,
    platforms: Vec<&'static Platform>,
}

/// The linkage that was chosen.
pub(super) struct Chosen {
    pub linkage: Linkage,
    /// Why it is not the one that is wanted.
    pub because: Vec<Because>,
    /// What would make a better one possible.
    pub better: Vec<String>,
}

/// Why a linkage cannot be made, and what would make it possible.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Obstacle {
    why: String,
    /// What to do about it; none: nothing on this machine.
    help: Option<String>,
}

/// What the parts of a program that are not Rust ask of a compile here.
#[derive(Default)]
struct Parts {
    /// Who needs a C compiler for the target, or its headers.
    c: Option<Because>,
    env: BTreeMap<String, String>,
    /// Variables that get the target's name.
    musl: BTreeMap<String, String>,
}

impl<'a> Machine<'a> {
    pub fn new(workspace: &'a Workspace, settings: &'a Settings, flags: &'a HostFlags) -> Result<Self> {
        static TABLE: OnceLock<Result<Table, toml::de::Error>> = OnceLock::new();
        let table = TABLE.get_or_init(|| toml::from_str(include_str!("machine.toml"))).as_ref().map_err(|error| {
            Failure::new(Kind::Internal, "the table of what machines lack cannot be used").caused_by(error.clone())
        })?;
        let mut platforms = Vec::new();
        for asked in &flags.platforms {
            let Some(row) = platforms::named(asked) else {
                return Err(Failure::new(
                    Kind::Usage,
                    format!("the platform {asked} is not one that images are made for"),
                )
                .help(format!("there are {}", platforms::names())));
            };
            if !platforms.contains(&row) {
                platforms.push(row);
            }
        }
        if platforms.is_empty() {
            let host = &flags.host.rustc.host;
            let own = |row: &&Platform| host.split('-').next() == Some(row.processor());
            let Some(row) = platforms::all()?.iter().find(own) else {
                return Err(Failure::new(
                    Kind::Engine,
                    format!("no images are made for the processor of this machine ({host})"),
                )
                .help(format!("name another one with `--platform`: there are {}", platforms::names())));
            };
            platforms.push(row);
        }
        Ok(Self { workspace, settings, host: &flags.host, table, platforms })
    }

    /// The version of its own glibc.
    pub fn glibc(&self) -> Option<Glibc> {
        self.host.glibc
    }

    /// The linkage of a binary, with why it is not the one that is wanted.
    ///
    /// # Errors
    /// [`Kind::Engine`] where the machine can make none of them, or not the one that is forced.
    pub fn choose(&self, candidate: &Candidate<'_>, wanted: Linkage, forced: bool) -> Result<Chosen> {
        let name = &candidate.selected.binary.name;
        let (mut because, mut refused, mut better) = (Vec::new(), Vec::new(), Vec::new());
        for linkage in [Linkage::StaticMusl, Linkage::StaticGnu, Linkage::DynamicGnu] {
            if linkage < wanted || (forced && linkage != wanted) {
                continue;
            }
            // What is wanted has been held against the evidence already.
            let against = if linkage == wanted {
                Vec::new()
            } else {
                linkage::against(linkage, &candidate.findings, self.host.glibc)
            };
            let obstacles = if against.is_empty() {
                self.obstacles(linkage, &self.parts(&candidate.findings.native))
            } else {
                against.into_iter().map(|because| Obstacle { why: because.text, help: None }).collect()
            };
            if obstacles.is_empty() {
                return Ok(Chosen { linkage, because, better });
            }
            let why: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.why.as_str()).collect();
            let text = format!("{name}: not {} here: {}", linkage.name(), why.join(", and "));
            // Where one obstacle stays, the others' help is none.
            let help: Option<Vec<String>> = obstacles.iter().map(|obstacle| obstacle.help.clone()).collect();
            because.push(Because::new("host", text.clone()));
            refused.push((text, help.as_ref().map(|help| format!("for {}: {}", linkage.name(), help.join(", and ")))));
            better.extend(help.into_iter().flatten());
        }
        let title = if forced {
            format!("this machine cannot link `{name}` as the metadata says ({})", wanted.name())
        } else {
            format!("this machine cannot compile `{name}` for {}", self.asked())
        };
        let lines: Vec<&str> = refused.iter().map(|(text, _)| text.as_str()).collect();
        let mut failure = Failure::new(Kind::Engine, title).detail(lines.join("\n"));
        for help in refused.iter().filter_map(|(_, help)| help.as_deref()) {
            failure = failure.help(help);
        }
        Err(failure.help("an engine compiles for all of them: `--engine buildx`"))
    }

    /// How a group is compiled, for each platform.
    ///
    /// # Errors
    /// [`Kind::Internal`]: each of its binaries was found to be possible, and all of them are not.
    pub fn compile(&self, linkage: Linkage, members: &Members<'_, '_>) -> Result<Vec<Compile>> {
        let parts = self.parts(members.iter().flat_map(|(candidate, _)| &candidate.findings.native));
        let compile = |platform: &&Platform| {
            self.one(linkage, &parts, platform).map_err(|obstacles| {
                let why: Vec<String> = obstacles.into_iter().map(|obstacle| obstacle.why).collect();
                Failure::new(Kind::Internal, "binaries that can be compiled cannot be compiled together")
                    .detail(why.join("\n"))
            })
        };
        self.platforms.iter().map(compile).collect()
    }

    fn asked(&self) -> String {
        self.platforms.iter().map(|platform| platform.name()).collect::<Vec<_>>().join(" and ")
    }

    fn parts<'n>(&self, natives: impl IntoIterator<Item = &'n Native>) -> Parts {
        let mut parts = Parts { env: self.settings.workspace.build_env.clone(), ..Parts::default() };
        for native in natives {
            if parts.c.is_none()
                && (matches!(native.needs.musl, Musl::C | Musl::Cxx) || !native.needs.musl_env.is_empty())
            {
                parts.c = Some(native.because.clone());
            }
            // What stays on this machine, and is taken back for a build elsewhere, is right here.
            if native.because.rule != "cargo-config" {
                for (name, value) in &native.needs.env {
                    parts.env.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            parts.musl.extend(native.needs.musl_env.clone());
        }
        parts
    }

    fn obstacles(&self, linkage: Linkage, parts: &Parts) -> Vec<Obstacle> {
        let mut all: Vec<Obstacle> = Vec::new();
        for platform in &self.platforms {
            let obstacles = self.one(linkage, parts, platform).err().unwrap_or_default();
            all.extend(obstacles.into_iter().filter(|obstacle| !all.contains(obstacle)).collect::<Vec<_>>());
        }
        all
    }

    fn one(&self, linkage: Linkage, parts: &Parts, platform: &Platform) -> Result<Compile, Vec<Obstacle>> {
        let triple = platform.triple(linkage).to_owned();
        let mut obstacles = Vec::new();
        if !self.host.targets.contains(&triple) {
            obstacles.push(self.no_target(&triple));
        }
        let mut compile = Compile {
            platform: platform.name(),
            tool: CompileTool::Cargo,
            env: parts.env.clone(),
            rustflags: Vec::new(),
            opened: Vec::new(),
            because: Vec::new(),
            triple,
        };
        match linkage {
            Linkage::StaticMusl => obstacles.extend(self.musl(&mut compile, parts, platform)),
            Linkage::StaticGnu => {
                compile.rustflags = crt::FLAGS.map(str::to_owned).into();
                obstacles.extend(self.archive(&mut compile));
            }
            Linkage::DynamicGnu => match self.host.glibc.filter(|_| self.host.rustc.host == compile.triple) {
                Some(version) => self.libraries(&mut compile, version),
                None => obstacles.push(Obstacle {
                    why: format!(
                        "its libraries come from the machine that compiles, and this is no {} with glibc",
                        platform.name()
                    ),
                    help: None,
                }),
            },
        }
        if obstacles.is_empty() { Ok(compile) } else { Err(obstacles) }
    }

    fn no_target(&self, triple: &str) -> Obstacle {
        let command = format!("`rustup target add {triple}`");
        let help = if self.host.rustup { command } else { format!("a Rust that rustup installs, with {command}") };
        Obstacle { why: format!("the target {triple} is not installed"), help: Some(help) }
    }

    /// musl comes with Rust; C needs a compiler that knows it, and another processor a linker.
    fn musl(&self, compile: &mut Compile, parts: &Parts, platform: &Platform) -> Option<Obstacle> {
        let triple = compile.triple.clone();
        let compiler = self.host.compilers.get(&triple);
        // The machine's own linker serves for its own processor: rustc brings musl's start files along.
        let foreign = !self.host.rustc.host.starts_with(&format!("{}-", platform.processor()))
            || !self.host.rustc.host.contains("-linux-");
        let lld = self.host.lld.as_ref().filter(|_| parts.c.is_none());
        match (compiler, &parts.c) {
            (Some(program), Some(c)) => {
                let text = format!("{}: {program} does that", c.text);
                compile.because.push(Because { text, rule: "host".to_owned(), ..c.clone() });
                let filled = |value: &str| value.replace("{musl}", &platform.musl);
                let musl = parts.musl.iter().map(|(name, value)| (name.as_str(), filled(value)));
                for (name, value) in musl.chain([("CC", program.clone())]) {
                    // What the metadata says of a variable goes for every target.
                    if !parts.env.contains_key(name) {
                        compile.env.entry(format!("{name}_{}", triple.replace('-', "_"))).or_insert(value);
                    }
                }
                self.link(compile, foreign.then_some(program.as_str()));
            }
            (Some(program), None) => self.link(compile, foreign.then_some(program.as_str())),
            (None, None) if !foreign || self.workspace.cargo_config.names_linker(&triple) => {}
            (None, None) if lld.is_some() => self.link(compile, lld.map(|path| path.as_str())),
            (None, c) if self.host.zigbuild => {
                compile.tool = CompileTool::CargoZigbuild;
                compile.because.push(match c {
                    Some(c) => {
                        let text = format!("{}: zig does that, for there is no other C compiler for {triple}", c.text);
                        Because { text, rule: "host".to_owned(), ..c.clone() }
                    }
                    None => Because::new("host", "zig links for another machine"),
                });
            }
            (None, c) => {
                let why = match c {
                    Some(c) => format!("{}, and there is no C compiler for {triple}", c.text),
                    None => format!("there is no linker for {triple}"),
                };
                let help = self.install(&triple).unwrap_or_else(|| format!("`{}`", self.table.zigbuild));
                return Some(Obstacle { why, help: Some(help) });
            }
        }
        None
    }

    /// glibc's archive: the machine's own, or that of a compiler for another one.
    fn archive(&self, compile: &mut Compile) -> Option<Obstacle> {
        let triple = compile.triple.clone();
        if self.host.rustc.host == triple {
            return (!self.host.static_glibc).then(|| Obstacle {
                why: "glibc's archive libc.a is not installed".to_owned(),
                help: Some(format!("`{}`, or what has libc.a elsewhere (glibc-static)", self.table.archive)),
            });
        }
        let Some(program) = self.host.compilers.get(&triple) else {
            let why = format!("there is no C compiler and no glibc for {triple}");
            return Some(Obstacle { why, help: self.install(&triple) });
        };
        compile.env.entry(format!("CC_{}", triple.replace('-', "_"))).or_insert_with(|| program.clone());
        self.link(compile, Some(program));
        None
    }

    fn libraries(&self, compile: &mut Compile, version: Glibc) {
        let opened = self.table.opened.iter().filter(|row| version < row.before);
        compile.opened = opened.map(|row| row.library.clone()).collect();
        let text = format!("the libraries are those of this machine, with glibc {version}");
        compile.because.push(Because::new("host", text));
        if !compile.opened.is_empty() {
            let text = format!("glibc {version} opens {} by name", compile.opened.join(" and "));
            compile.because.push(Because::new("host", text));
        }
    }

    /// What links for another machine, unless cargo's configuration says it.
    fn link(&self, compile: &mut Compile, linker: Option<&str>) {
        let Some(linker) = linker.filter(|_| !self.workspace.cargo_config.names_linker(&compile.triple)) else {
            return;
        };
        let name = linker.rsplit('/').next().unwrap_or(linker);
        compile.because.push(Because::new("host", format!("{name} links for another machine")));
        let variable = format!("CARGO_TARGET_{}_LINKER", compile.triple.to_uppercase().replace('-', "_"));
        compile.env.entry(variable).or_insert_with(|| linker.to_owned());
    }

    fn install(&self, triple: &str) -> Option<String> {
        let row = self.table.compiler.iter().find(|row| row.on == self.host.rustc.host && row.triple == triple);
        row.map(|row| format!("`{}`", row.command))
    }
}
