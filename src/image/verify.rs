//! Holds an image against its plan: what was promised is there, and what must not be there is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::elf::Elf;
use super::{File, FileKind, Image, needs};
use crate::attest;
use crate::failure::{Failure, Kind, Result, printable};
use crate::image_paths::{INIT, ZONEINFO};
use crate::plan::model::{self, Brings, Linkage};
use crate::platforms;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// A stable name: `linkage`, `user`, `shell`.
    pub name: String,
    /// What is so; or, where it failed, what is wrong and what to do.
    pub text: String,
    /// Whether it is as it should be.
    pub passed: bool,
}

/// What is looked for in images, and where.
#[derive(Deserialize)]
pub(crate) struct Rules {
    pub shells: Vec<String>,
    pub managers: Vec<String>,
    pub programs: Vec<String>,
    libraries: Vec<String>,
    multiarch: BTreeMap<String, String>,
}

impl Rules {
    pub fn read() -> Result<Self> {
        toml::from_str(include_str!("rules.toml"))
            .map_err(|error| Failure::new(Kind::Internal, "the rules for images do not parse").caused_by(error))
    }

    /// Where libraries of an architecture lie.
    pub fn folders(&self, architecture: &str) -> Result<Vec<String>> {
        let ours = platforms::all()?.iter().find(|platform| platform.arch == architecture);
        let others = || self.multiarch.get(architecture);
        let multiarch = ours.map(|platform| &platform.gnu).or_else(others).map(String::as_str).unwrap_or_default();
        Ok(self.libraries.iter().map(|folder| folder.replace("MULTIARCH", multiarch)).collect())
    }
}

/// Looks at everything that the plan promises of one image. Of a base that nobody knows it is the user's business what it holds.
///
/// # Errors
/// The image cannot be read; what is wrong with it is in the checks.
pub fn verify(image: &Image, plan: &model::Image, linkage: Linkage, architecture: &str) -> Result<Vec<Check>> {
    let rules = Rules::read()?;
    let mut checks = vec![program(image, plan, linkage, architecture, &rules)?, user(image)];
    // What the base is known to have is no fault of the image's.
    let without = |what: &str| match &plan.brings {
        None => true,
        Some(brings) => brings.lacks.iter().any(|lacked| lacked == what),
    };
    if without("shell") {
        checks.push(absent(image, "shell", "a shell", &rules.shells, &rules.programs));
    }
    if without("package-manager") {
        checks.push(absent(image, "package-manager", "a package manager", &rules.managers, &rules.programs));
    }
    if without("setuid") {
        checks.push(permissions(image));
    }
    checks.extend(plan.brings.as_ref().map(|brings| passwd(image, plan, brings)).transpose()?.flatten());
    if plan.auditable {
        checks.push(listed(image, plan)?);
    }
    if let Some(bundle) = plan.ca_bundle() {
        checks.push(certificates(image, bundle, plan.user)?);
    }
    if plan.rootfs.init.is_some() {
        let file = image.resolve(INIT).and_then(|path| image.files.get(path.as_str()));
        let there = file.is_some_and(|file| permits(file, plan.user, 0o1)) && image.config.entrypoint.len() > 1;
        checks.push(check("init", there, "an init", format!("{INIT} is missing, or is not what is started")));
    }
    if plan.rootfs.zoneinfo.is_some() {
        let brought = plan.brings.as_ref().and_then(|brings| brings.zoneinfo.as_deref());
        let folder = brought.unwrap_or(ZONEINFO);
        let there = image.resolve(&format!("{folder}/UTC")).is_some();
        checks.push(check("zoneinfo", there, "time zones", format!("{folder} is missing")));
    }
    let folders = plan.rootfs.writable.iter().map(|folder| folder.path.as_str());
    let others = folders.filter(|folder| *folder != plan.workdir);
    for folder in std::iter::once(plan.workdir.as_str()).filter(|folder| *folder != "/").chain(others) {
        let file = image.resolve(folder).and_then(|path| image.files.get(path.as_str()));
        let owned = file.is_some_and(|file| file.kind == FileKind::Folder && file.uid == u64::from(plan.user));
        let wrong = format!("{folder} is missing, or not owned by {}", plan.user);
        checks.push(check("writable", owned, format!("{folder} writable"), wrong));
    }
    for asset in &plan.assets {
        let there = image.resolve(asset.to.trim_end_matches('/')).is_some();
        let wrong = format!("{} is missing; {}", asset.to, asset.because.text);
        checks.push(check("asset", there, asset.to.clone(), wrong));
    }
    Ok(checks)
}

/// Whether the program has the list of crates that it was asked for. What a linker throws away, or a tool strips, nobody misses
/// until a scanner finds nothing.
fn listed(image: &Image, plan: &model::Image) -> Result<Check> {
    let program = image.read(&plan.binary)?.unwrap_or_default();
    let listed = attest::auditable::listed(&program)?;
    let wrong = format!("{} lists no crates, and `auditable` asks for them", plan.binary);
    Ok(check("auditable", listed, "a list of its crates", wrong))
}

/// The processor that an image has to be for: one that was asked for. Where nobody asked, it is what the image says.
pub fn architecture<'a>(image: &'a Image, platforms: &'a [String]) -> &'a str {
    let own = image.config.architecture.as_str();
    let mut asked = platforms.iter().filter_map(|name| name.split('/').nth(1));
    if asked.clone().any(|name| name == own) { own } else { asked.next().unwrap_or(own) }
}

/// The failure that failed checks are; none failed: nothing.
pub fn failure(name: &str, checks: &[Check]) -> Option<Failure> {
    let failed: Vec<String> =
        checks.iter().filter(|check| !check.passed).map(|check| format!("{}: {}", check.name, check.text)).collect();
    (!failed.is_empty()).then(|| {
        Failure::new(Kind::Verify, format!("the image {name} was built, and is not what the plan promised"))
            .detail(failed.join("\n"))
            .help("`cargo dockerize plan` shows what was promised, and why")
    })
}

fn check(name: &str, passed: bool, right: impl Into<String>, wrong: impl Into<String>) -> Check {
    let text = if passed { right.into() } else { wrong.into() };
    Check { name: name.to_owned(), text: printable(&text), passed }
}

fn program(image: &Image, plan: &model::Image, linkage: Linkage, architecture: &str, rules: &Rules) -> Result<Check> {
    // Before it stands the init, where there is one.
    let path = image.config.entrypoint.last().map_or(plan.binary.as_str(), String::as_str);
    let wrong = |text: String| Ok(check("program", false, "", text));
    let Some(real) = image.resolve(path) else { return wrong(format!("the entrypoint {path} is missing")) };
    if image.files.get(real.as_str()).is_none_or(|file| !permits(file, plan.user, 0o1)) {
        return wrong(format!("the entrypoint {path} cannot be executed by {}", plan.user));
    }
    let Some(elf) = image.read(&real)?.as_deref().and_then(Elf::parse) else {
        return wrong(format!("the entrypoint {path} is not a program (ELF)"));
    };
    let found = elf.architecture.clone().unwrap_or_else(|| "unknown".to_owned());
    if found != architecture || image.config.architecture != architecture {
        return wrong(format!(
            "{path} is for {found} in an image for {}, where {architecture} was built for",
            image.config.architecture
        ));
    }
    if elf.is_static() {
        return Ok(check("program", true, format!("static for {found}"), ""));
    }
    if linkage.is_static() {
        let needs = elf.interpreter.iter().chain(&elf.needed).cloned().collect::<Vec<_>>().join(", ");
        return wrong(format!("{path} should be static, and needs {needs}: set `linkage = \"dynamic-gnu\"`"));
    }
    let folders = rules.folders(&found)?;
    let missing = needs::of(image, &real, elf, &folders)?.missing;
    let right = format!("every shared library for {found}");
    Ok(check("program", missing.is_empty(), right, format!("missing in the image: {}", missing.join(", "))))
}

/// Whether the image's user may do this (`0o4` read, `0o1` execute) with a file.
fn permits(file: &File, user: u32, what: u32) -> bool {
    let shift = match u64::from(user) {
        id if id == file.uid => 6,
        id if id == file.gid => 3,
        _ => 0,
    };
    file.mode >> shift & what != 0
}

fn user(image: &Image) -> Check {
    let user = &image.config.user;
    let id = user.split(':').next().unwrap_or_default().parse::<u32>().ok();
    let wrong = match id {
        Some(_) => "it runs as root".to_owned(),
        None if user.is_empty() => "it names no user, and so runs as root".to_owned(),
        None => format!("its user `{user}` is not a number: who that is depends on the image's passwd"),
    };
    check("user", id.is_some_and(|id| id != 0), format!("runs as {user}"), wrong)
}

/// A base that is known to have the image's user has it still.
fn passwd(image: &Image, plan: &model::Image, brings: &Brings) -> Result<Option<Check>> {
    if !brings.user {
        return Ok(None);
    }
    let text = image.read("/etc/passwd")?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(plan.user)).then_some(name)
    });
    let wrong = format!("nobody in the base's /etc/passwd is {}", plan.user);
    Ok(Some(check("passwd", name.is_some(), format!("{} is {}", plan.user, name.unwrap_or_default()), wrong)))
}

fn absent(image: &Image, name: &str, what: &str, programs: &[String], folders: &[String]) -> Check {
    let found = folders
        .iter()
        .flat_map(|folder| programs.iter().map(move |program| format!("{folder}/{program}")))
        .find(|path| image.resolve(path).is_some());
    let wrong = format!("it holds {what}: {}", found.as_deref().unwrap_or_default());
    check(name, found.is_none(), format!("no {}", what.trim_start_matches("a ")), wrong)
}

/// Nothing setuid or setgid, and nothing that everybody can write but folders with the sticky bit.
fn permissions(image: &Image) -> Check {
    let bad = image.files.iter().find(|(_, file)| match &file.kind {
        FileKind::Folder => file.mode & 0o002 != 0 && file.mode & 0o1000 == 0,
        FileKind::Regular | FileKind::HardLink(_) => file.mode & 0o6002 != 0,
        // Links and the devices of a base image are open to all by nature.
        _ => false,
    });
    let wrong = bad.map(|(path, file)| format!("{path} has the mode {:o}", file.mode)).unwrap_or_default();
    check("permissions", bad.is_none(), "nothing setuid or open to all", wrong)
}

fn certificates(image: &Image, bundle: &str, user: u32) -> Result<Check> {
    let file = image.resolve(bundle).and_then(|path| image.files.get(path.as_str()));
    if file.is_some_and(|file| !permits(file, user, 0o4)) {
        return Ok(check("ca-certificates", false, "", format!("{bundle} cannot be read by {user}")));
    }
    let text = image.read(bundle)?.unwrap_or_default();
    let count = String::from_utf8_lossy(&text).matches("-----BEGIN CERTIFICATE-----").count();
    Ok(check(
        "ca-certificates",
        count > 0,
        format!("{count} certificate authorities"),
        format!("{bundle} is missing or empty"),
    ))
}
