//! One platform's target: what it is called, and what compiles for it, here and on another processor.

use std::collections::BTreeMap;

use super::crt;
use super::model::{Cross, Linkage, Package, Target};
use crate::platforms::Platform;
use crate::workspace::Workspace;

/// Debian's package of musl. Its specs make a compiler for musl of every GCC, for whichever processor that one compiles.
const MUSL: &str = "musl-dev";

/// The same with a compiler for the processor that it runs on.
const MUSL_TOOLS: &str = "musl-tools";

/// The package that has musl.
pub(super) fn musl_package(native: bool) -> &'static str {
    if native { MUSL_TOOLS } else { MUSL }
}

/// Whether a package has musl.
pub(crate) fn is_musl(package: &str) -> bool {
    [MUSL, MUSL_TOOLS].contains(&package)
}

/// What compiles C for musl, by the variables that build scripts read.
pub(super) fn compiler(native: bool) -> &'static [(&'static str, &'static str)] {
    if native { &[("CC", "musl-gcc")] } else { &[("AR", "{gnu}-ar"), ("CC", "{musl}-gcc"), ("RANLIB", "{gnu}-ranlib")] }
}

/// What a build group asks of each of its targets.
pub(super) struct Asks<'a> {
    pub linkage: Linkage,
    /// The environment that all targets share.
    pub env: &'a BTreeMap<String, String>,
    /// Variables that get the target's name, with marks for its other names.
    pub own: &'a BTreeMap<String, String>,
    pub packages: &'a [Package],
    /// Whether it compiles C++ for the target.
    pub cxx: bool,
    /// Whether the processor that builds is the target's.
    pub native: bool,
}

pub(super) fn decide(workspace: &Workspace, platform: &Platform, asks: &Asks<'_>) -> Target {
    let triple = platform.triple(asks.linkage);
    let variable = |name: &str| format!("{name}_{}", triple.replace('-', "_"));
    let filled = |value: &str| value.replace("{gnu}", &platform.gnu).replace("{musl}", &platform.musl);
    let mut env: BTreeMap<String, String> =
        asks.own.iter().map(|(name, value)| (variable(name), filled(value))).collect();
    let is_dynamic = asks.linkage == Linkage::DynamicGnu;
    if !asks.native && (is_dynamic || asks.packages.iter().any(|package| package.target)) {
        env.insert("DEB_HOST_ARCH".to_owned(), platform.debian.clone());
        env.insert("DEB_HOST_MULTIARCH".to_owned(), platform.gnu.clone());
    }
    if !asks.native && asks.linkage != Linkage::StaticMusl && asks.packages.iter().any(|package| package.target) {
        // pkg-config knows the builder's own libraries unless it is told of others, and is not asked for a foreign target
        // unless that is allowed.
        let folders = [format!("/usr/lib/{}", platform.gnu), "/usr/local/lib".to_owned(), "/usr/share".to_owned()];
        let folders = folders.map(|folder| format!("{folder}/pkgconfig")).join(":");
        env.insert(variable("PKG_CONFIG_ALLOW_CROSS"), "1".to_owned());
        env.insert(variable("PKG_CONFIG_LIBDIR"), folders);
    }
    let told = asks.linkage == Linkage::StaticGnu || (asks.linkage == Linkage::StaticMusl && !platform.musl_static);
    if told {
        env.extend([crt::variable(workspace, triple, asks.env)]);
    }
    let configured = workspace.cargo_config.names_linker(triple);
    let mut packages = platform.c.clone();
    packages.extend(asks.cxx.then(|| platform.cxx.clone()));
    if is_dynamic {
        // What the program is linked with is what goes into its image.
        let libraries = ["libc6", "libgcc-s1"].into_iter().chain(asks.cxx.then_some("libstdc++6"));
        packages.extend(libraries.map(|name| format!("{name}:{}", platform.debian)));
    }
    Target {
        arch: platform.arch.clone(),
        variant: platform.variant.clone(),
        triple: triple.to_owned(),
        env,
        cross: Cross {
            machine: platform.machine.clone(),
            architecture: platform.debian.clone(),
            packages,
            linker: (!configured).then(|| format!("{}-gcc", platform.gnu)),
        },
    }
}
