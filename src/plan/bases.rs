//! What the images stand on, and what of it need not be copied.

use super::USER;
use super::machine::Machine;
use super::model::{Because, Brings, Linkage};
use super::toolchain::mirrored;
use crate::bases::{self, Base, Libc, Part};
use crate::config::Settings;
use crate::failure::{Failure, Kind, Result};
use crate::host::Glibc;

/// What is under the images of a workspace.
pub(super) struct Ground {
    /// `scratch`, or a reference.
    pub reference: String,
    /// What is known of it.
    known: Option<&'static Base>,
    /// Whether the metadata names it.
    asked: bool,
    /// The glibc that programs are linked with, where that is known.
    builder: Option<Glibc>,
}

/// What one image needs of it.
pub(super) struct Needs<'a> {
    pub binary: &'a str,
    pub linkage: Linkage,
    /// Whether it has authorities besides the system's.
    pub more_ca: bool,
    /// Whether files of packages go with it.
    pub packages: bool,
}

impl Ground {
    /// By the metadata: a short name of the table's, or any reference. `machine` is what compiles, where the
    /// toolchain's image does not.
    pub fn decide(settings: &Settings, toolchain: &str, machine: Option<&Machine<'_>>) -> Result<Self> {
        let mirrors = &settings.workspace.mirrors;
        let builder = match machine {
            Some(machine) => machine.glibc(),
            None => bases::of(toolchain, mirrors)?.and_then(Base::glibc),
        };
        let asked = settings.workspace.images.final_.as_deref();
        let name = asked.unwrap_or("scratch");
        let named = bases::by_name(name)?;
        let reference = named.and_then(|base| base.reference.as_deref()).map_or_else(
            || name.to_owned(),
            |reference| if reference == name { name.to_owned() } else { mirrored(reference, settings) },
        );
        let known = match named {
            Some(base) => Some(base),
            None => bases::of(name, mirrors)?,
        };
        Ok(Self { reference, known, asked: asked.is_some(), builder })
    }

    /// As people call it.
    fn title(&self) -> &str {
        self.known.and_then(|base| base.name.as_deref()).unwrap_or(&self.reference)
    }

    /// Why it is this one, and what it brings.
    pub fn under(&self, needs: &Needs<'_>) -> Result<(Vec<Because>, Option<Brings>)> {
        let mut because = vec![match (self.asked, needs.linkage) {
            (true, _) => Because::new("metadata", "`images.final` in the metadata says so"),
            (false, Linkage::StaticMusl | Linkage::StaticGnu) => {
                Because::new("default", "a static binary needs nothing under it")
            }
            (false, Linkage::DynamicGnu) => {
                Because::new("default", "the binary's shared libraries are copied beside it")
            }
        }];
        if self.reference == "scratch" {
            return Ok((because, None));
        }
        let unknown = Base::default();
        let base = self.known.unwrap_or(&unknown);
        let ca = base.ca_bundle().filter(|_| !needs.more_ca).map(str::to_owned);
        let there = |part: &Option<Part>| part.as_ref().and_then(Part::there).map(str::to_owned);
        let mut brings = Brings {
            name: base.name.clone(),
            ca_bundle: ca,
            zoneinfo: there(&base.zoneinfo),
            user: base.users.values().any(|id| *id == USER),
            merged_usr: base.merged_usr == Some(true),
            shell: there(&base.shell),
            package_manager: there(&base.package_manager),
            lacks: lacks(base),
            ..Brings::default()
        };
        if needs.linkage == Linkage::DynamicGnu {
            match self.own_libraries(base, needs) {
                Ok(why) => {
                    brings.libraries = base.shared_libraries();
                    brings.libraries_at.clone_from(&base.libraries_at);
                    because.push(Because::new("base:libraries", why));
                }
                Err(why) if base.debian_libraries == Some(false) => return Err(self.no_place(base, needs, &why)),
                Err(why) => {
                    let text = format!("{why}: {} brings its own libraries along", needs.binary);
                    because.push(Because::new("base:libraries", text));
                }
            }
        }
        Ok((because, Some(brings)))
    }

    /// Whether the base's libraries are good enough, with why.
    fn own_libraries(&self, base: &Base, needs: &Needs<'_>) -> Result<String, String> {
        let title = self.title();
        let theirs = match base.libc {
            Some(Libc::Glibc(version)) => version,
            Some(Libc::Musl) => return Err(format!("{title} has musl and no glibc")),
            Some(Libc::None) => return Err(format!("{title} has no C library")),
            None => return Err(format!("nobody knows which C library is in {title}")),
        };
        let Some(ours) = self.builder else {
            return Err(format!("nobody knows with which glibc programs are linked, and {title} has {theirs}"));
        };
        if ours > theirs {
            return Err(format!("programs are linked with glibc {ours}, and {title} has {theirs}"));
        }
        if base.multiarch != Some(true) && (base.libraries_at.is_none() || needs.packages) {
            return Err(format!("{title} keeps libraries in other places than Debian"));
        }
        Ok(format!("{title} has glibc {theirs}, and programs are linked with {ours}: its libraries are used"))
    }

    fn no_place(&self, base: &Base, needs: &Needs<'_>, why: &str) -> Failure {
        let mut instead: Vec<&str> = base.alternatives.iter().map(String::as_str).collect();
        // Whatever a program needs, it can bring along there.
        instead.retain(|name| bases::by_name(name).is_ok_and(|base| base.is_some_and(|base| base.glibc().is_some())));
        let names = instead.iter().map(|name| format!("`final = \"{name}\"`, or "));
        Failure::new(
            Kind::Usage,
            format!("{} is linked with shared libraries, which it does not find in {}", needs.binary, self.title()),
        )
        .detail(format!("{why}, and another distribution's cannot be put beside what is there"))
        .help(format!(
            "take {}no `images.final` at all: on scratch the program brings its libraries along",
            names.collect::<String>()
        ))
    }

    /// What the user should know of the base, whatever the image is.
    pub fn notes(&self) -> Vec<Because> {
        let Some(base) = self.known.filter(|_| self.reference != "scratch") else { return Vec::new() };
        let title = self.title();
        let mut notes = Vec::new();
        let instead = match base.alternatives.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ") {
            list if list.is_empty() => String::new(),
            list => format!("; others are {list}"),
        };
        let mut more: Vec<&str> = Vec::new();
        if base.toolchain == Some(true) {
            more.push("a compiler");
        }
        let shell = base.shell.as_ref().and_then(Part::there).map(|shell| format!("a shell ({shell})"));
        let manager =
            base.package_manager.as_ref().and_then(Part::there).map(|name| format!("a package manager ({name})"));
        more.extend(shell.iter().chain(&manager).map(String::as_str));
        if !more.is_empty() {
            let text = format!(
                "{title}, under the images, has {}, which the programs do not need{instead}",
                more.join(" and ")
            );
            notes.push(Because::new("base:more", text));
        }
        if let Some(month) = &base.end_of_life {
            notes.push(Because::new("base:end-of-life", format!("{title} is mended until {month}{instead}")));
        } else if base.retired {
            notes.push(Because::new(
                "base:end-of-life",
                format!("{title} is not built by its publisher any more{instead}"),
            ));
        }
        notes
    }
}

/// What the image check looks for, because it is known not to be in the base.
fn lacks(base: &Base) -> Vec<String> {
    let known = [
        ("shell", base.shell == Some(Part::Missing)),
        ("package-manager", base.package_manager == Some(Part::Missing)),
        ("setuid", base.setuid == Some(false)),
    ];
    known.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| name.to_owned()).collect()
}
