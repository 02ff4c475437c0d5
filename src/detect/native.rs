//! What the native parts of a graph need to be compiled and linked: by the table, else by the crate's own build script and
//! manifest.

use std::collections::BTreeSet;

use super::rules::{self, Needs};
use crate::config::NativeTable;
use crate::failure::Result;
use crate::plan::model::{Because, Musl};
use crate::workspace::{BinaryGraph, GraphPackage, Workspace, scripts};

/// A crate with native parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// What it needs.
    pub needs: Needs,
    /// Which crate, which row.
    pub because: Because,
    /// Whether only build scripts and macros have it in them: it is compiled where it runs.
    pub builds: bool,
}

/// The native parts, and the crates that link something of which nothing is known.
pub(super) fn find(
    workspace: &Workspace,
    graph: &BinaryGraph,
    own: &[NativeTable],
) -> Result<(Vec<Native>, Vec<Because>)> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for row in own {
        for package in graph.find(&row.krate) {
            found.push(native(package, said(row), "metadata".to_owned(), None));
        }
    }
    let answered = |package: &GraphPackage| own.iter().any(|row| row.krate == package.name);
    let rows = rules::applying(rules::native()?, graph);
    for (row, package) in rows.iter().filter(|(_, package)| !answered(package)) {
        found.push(native(package, row.needs(package), format!("native:{}", row.krate), None));
    }
    for package in graph.packages() {
        // A row that does not apply has been looked at: the crate is known to need nothing.
        let has_row = rules::native()?.iter().any(|row| row.krate == package.name)
            || rows.iter().any(|(_, of)| std::ptr::eq(*of, package));
        if answered(package) || has_row {
            continue;
        }
        let file = package.build_script.as_ref().filter(|_| package.local).map(|path| workspace.relative(path));
        let before = found.len();
        let Evidence { needs, unmapped, programs, links } = evidence(package)?;
        for (rule, needs) in needs {
            found.push(native(package, needs, rule, file.clone()));
        }
        let nothing = found.len() == before;
        for program in programs {
            let place = file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
            let text = format!(
                "{} runs `{program}` in its build script{place}, and the builder may not have it: `packages` in the metadata installs \
                 packages of Debian's",
                package.spec()
            );
            let krate = Some(package.spec());
            unknown.push(Because { text, krate, rule: "unknown-program".to_owned(), file: file.clone() });
        }
        for library in unmapped {
            unknown.push(question(package, &format!("asks pkg-config for `{library}`")));
        }
        if let (true, true, Some(links)) = (nothing, links, &package.links) {
            unknown.push(question(package, &format!("links `{links}`")));
        }
    }
    found.sort_by(|a, b| a.because.cmp(&b.because));
    Ok((found, unknown))
}

/// What the user says of a crate.
fn said(row: &NativeTable) -> Needs {
    Needs {
        musl: row.musl,
        apt: row.apt.clone(),
        env: row.env.clone(),
        run: row.run.clone(),
        why: "needs what the metadata says".to_owned(),
        ..Needs::default()
    }
}

fn native(package: &GraphPackage, needs: Needs, rule: String, file: Option<String>) -> Native {
    let place = file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
    let text = format!("{} {}{place}", package.spec(), needs.why);
    let builds = package.target.is_none();
    Native { because: Because { text, krate: Some(package.spec()), rule, file }, needs, builds }
}

/// What the user can answer, and how.
fn question(package: &GraphPackage, what: &str) -> Because {
    Because {
        text: format!(
            "{} {what}, which no rule knows, and is taken to need nothing; if it does, say so in the metadata: \
             native = [{{ crate = \"{}\", musl = \"system\", apt = [\"LIBRARY-dev\", \"pkg-config\"] }}]",
            package.spec(),
            package.name
        ),
        krate: Some(package.spec()),
        rule: "unknown-links".to_owned(),
        file: None,
    }
}

/// What a crate that no row knows tells of itself.
#[derive(Default)]
struct Evidence {
    /// The rule, and what it needs.
    needs: Vec<(String, Needs)>,
    /// Libraries that no row maps.
    unmapped: Vec<String>,
    /// Programs that it runs and that neither a row nor the builder has.
    programs: Vec<String>,
    /// Whether its build script may link something: by itself, or through a crate that it calls.
    links: bool,
}

/// Programs that every builder has: Rust's, GCC's, and those of a small Debian.
#[rustfmt::skip]
const BUILDER: &[&str] = &[
    "ar", "as", "awk", "bash", "basename", "cargo", "cat", "cc", "chmod", "cp", "cpp", "cut", "date", "dirname", "echo", "env", "false",
    "find", "gcc", "grep", "gzip", "head", "hostname", "id", "install", "ld", "ln", "ls", "mkdir", "mktemp", "mv", "nm", "objcopy",
    "objdump", "printf", "pwd", "ranlib", "readelf", "readlink", "rm", "rmdir", "rustc", "rustdoc", "rustfmt", "rustup", "sed", "sh",
    "sha256sum", "sort", "strip", "tail", "tar", "tee", "test", "touch", "tr", "true", "uname", "wc", "which", "whoami", "xargs",
];

fn evidence(package: &GraphPackage) -> Result<Evidence> {
    let mut evidence = Evidence::default();
    let Some(path) = &package.build_script else { return Ok(evidence) };
    // Most build scripts ask the compiler for its version and nothing else: reading them all would cost more than cargo does.
    let tells = |name: &String| {
        let word = name.replace('-', "_");
        matches!(word.as_str(), "pkg_config" | "system_deps")
            || rules::scripts().is_ok_and(|rows| rows.iter().any(|row| row.uses.as_ref() == Some(&word)))
    };
    if !package.local && package.links.is_none() && !package.build_dependencies.iter().any(tells) {
        return Ok(evidence);
    }
    let facts = scripts::read(path);
    let words = package.build_dependencies.iter().map(|dependency| dependency.replace('-', "_"));
    let called: BTreeSet<String> = words.filter(|word| facts.crates.contains(word)).collect();
    evidence.links = facts.links || !called.is_empty();
    let known = |program: &String| {
        let row = rules::scripts().is_ok_and(|rows| rows.iter().any(|row| row.program.as_ref() == Some(program)));
        row || BUILDER.contains(&program.as_str()) || program.contains(['/', '.'])
    };
    evidence.programs = facts.programs.iter().filter(|program| package.local && !known(program)).cloned().collect();
    let uses = |name: &str| called.contains(name);
    for row in rules::scripts()? {
        let by_crate = row.uses.as_deref().is_none_or(uses);
        let by_program = row.program.as_ref().is_none_or(|program| package.local && facts.programs.contains(program));
        // What is published has no repository around it.
        let by_place = package.local || row.needs.git.is_none();
        if by_crate && by_program && by_place && row.cpp.is_none_or(|cpp| cpp == facts.cpp) {
            let what = row.uses.as_ref().or(row.program.as_ref()).cloned().unwrap_or_default();
            evidence.needs.push((format!("build-script:{what}"), row.needs.clone()));
        }
    }
    // Who can compile it asks pkg-config first and goes on when it is not there, which it is not here.
    let compiles = evidence.needs.iter().any(|(_, needs)| needs.musl >= Musl::C);
    let asked = facts.libraries.iter().filter(|_| !compiles && uses("pkg_config"));
    let declared = package
        .system_libraries
        .iter()
        .filter(|_| package.build_dependencies.contains("system-deps"))
        .filter(|library| library.feature.as_ref().is_none_or(|feature| package.has_feature(feature)))
        .map(|library| &library.name);
    for (name, how) in asked.map(|name| (name, "asks pkg-config for")).chain(declared.map(|name| (name, "links"))) {
        match rules::libraries()?.iter().find(|row| row.name == *name) {
            Some(row) => evidence.needs.push((
                format!("library:{name}"),
                Needs {
                    musl: Musl::System,
                    apt: vec![row.apt.clone(), "pkg-config".to_owned()],
                    apk: vec![row.apk.clone(), "pkgconf".to_owned()],
                    why: format!("{how} the system's {name}"),
                    ..Needs::default()
                },
            )),
            None => evidence.unmapped.push(name.clone()),
        }
    }
    Ok(evidence)
}
