//! What a program needs beside itself: a C library that fits, authorities, time zones.

use super::ground::{self, Linked};
use super::images::configured;
use crate::bases::{Libc, Part};
use crate::detect;
use crate::detect::Findings;
use crate::lint::model::{Instruction, Stage};
use crate::lint::{Context, Found};
use crate::plan::model::{Because, Musl};
use crate::workspace::Features;

/// A program with shared libraries on a base that has none of that kind.
pub(super) fn wrong_libc(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let Some(theirs) = ground::under(file, image).and_then(|base| base.libc) else { continue };
        for one in ground::shipped(file, image, configured(context)) {
            let Linked::Like(ours) = one.linked else { continue };
            let fits =
                matches!((ours, theirs), (Libc::Glibc(_), Libc::Glibc(_)) | (Libc::Musl, Libc::Musl) | (Libc::None, _));
            let help = ["gcompat", "libc6-compat", "glibc"];
            // Who brings libraries along knows what they do.
            let own = ["/lib/", "/lib64", "ld-linux", "ld-musl", "/usr/lib", ".so"];
            if fits
                || ground::installs(file, image, &help)
                || ground::copies(file, image, &own)
                || ground::takes_a_root(file, image)
            {
                continue;
            }
            let (kind, title) = (family(ours), ground::title(file, image));
            let has = match theirs {
                Libc::None => "no C library".to_owned(),
                other => format!("{} alone", family(other)),
            };
            let message = format!("the program is linked with {kind}'s shared libraries, and {title} has {has}");
            found.push(
                Found::at(span(one.copy), message)
                    .label("it ends in `no such file or directory`")
                    .also(one.builder.base.written.span.clone(), format!("compiled here, with {kind}"))
                    .help(match (ours, theirs) {
                        (Libc::Musl, _) => "leave `-crt-static` out: Rust links musl statically by itself".to_owned(),
                        _ => "compile for musl (`--target x86_64-unknown-linux-musl`), or take a base with glibc: \
                              `gcr.io/distroless/cc-debian13:nonroot`"
                            .to_owned(),
                    }),
            );
        }
    }
}

fn family(libc: Libc) -> &'static str {
    match libc {
        Libc::None => "no C library",
        Libc::Glibc(_) => "glibc",
        Libc::Musl => "musl",
    }
}

fn span(copy: &Instruction) -> crate::lint::model::Span {
    copy.copy().and_then(|copy| copy.sources.first()).map_or_else(|| copy.span.clone(), |source| source.span.clone())
}

/// glibc of the builder is newer than the image's.
pub(super) fn newer_glibc(context: &Context<'_>, found: &mut Vec<Found>) {
    let file = context.file;
    for image in file.images() {
        let Some(theirs) = ground::under(file, image).and_then(crate::bases::Base::glibc) else { continue };
        for one in ground::shipped(file, image, configured(context)) {
            let Linked::Like(Libc::Glibc(ours)) = one.linked else { continue };
            if ours <= theirs || ground::copies(file, image, &["ld-linux", "libc.so", "/lib64"]) {
                continue;
            }
            let (builder, title) = (ground::title(file, one.builder), ground::title(file, image));
            let message = format!("{builder} has glibc {ours}, and {title} has {theirs}");
            found.push(
                Found::at(image.base.written.span.clone(), message)
                    .label(format!("version `GLIBC_{ours}' not found"))
                    .also(one.builder.base.written.span.clone(), format!("programs may need glibc {ours}"))
                    .help("let both be of one release: the codename in the one's tag in the other's as well"),
            );
        }
    }
}

/// Looks at images on bases without a part that a program of theirs needs; `has`: whether the image gets it all the same.
fn missing(
    context: &Context<'_>,
    part: fn(&crate::bases::Base) -> Option<&Part>,
    need: fn(&Findings) -> Option<&Because>,
    (paths, packages): (&[&str], &[&str]),
    found: &mut Vec<(Found, String)>,
) {
    let Some(facts) = context.facts else { return };
    let file = context.file;
    for image in file.images() {
        let Some(base) = ground::under(file, image) else { continue };
        if part(base) != Some(&Part::Missing)
            || ground::copies(file, image, paths)
            || ground::installs(file, image, packages)
            || ground::takes_a_root(file, image)
        {
            continue;
        }
        let Some(why) = needs(facts, image).iter().find_map(|findings| need(findings).cloned()) else { continue };
        let title = ground::title(file, image);
        found.push((Found::at(image.base.written.span.clone(), String::new()).label(why.text), title));
    }
}

/// What the programs need that an image gets; those of the workspace that it names, where its paths name any.
fn needs(facts: &crate::lint::Facts, image: &Stage) -> Vec<Findings> {
    let workspace = &facts.workspace;
    let copied: Vec<&str> = image
        .instructions
        .iter()
        .filter_map(Instruction::copy)
        .flat_map(|copy| copy.sources.iter().chain([&copy.target]))
        .map(|word| crate::lint::call::base(&word.text))
        .collect();
    let mut found = Vec::new();
    for member in &workspace.members {
        if !member.binaries.iter().any(|binary| copied.contains(&binary.name.as_str())) {
            continue;
        }
        let graph = workspace.graph(member, &Features::default(), "x86_64-unknown-linux-gnu");
        let findings = graph.and_then(|graph| detect::detect(workspace, member, &graph, &[]));
        found.extend(findings);
    }
    found
}

/// Authorities that a program reads, and the base has not.
pub(super) fn authorities(context: &Context<'_>, found: &mut Vec<Found>) {
    let mut all = Vec::new();
    let ways: (&[&str], &[&str]) =
        (&["ssl", "cert", "/ca", "pki", ".pem", ".crt"], &["ca-certificates", "ca-bundle", "update-ca"]);
    missing(context, |base| base.ca.as_ref(), |findings| findings.ca_certificates.as_ref(), ways, &mut all);
    found.extend(all.into_iter().map(|(one, title)| Found {
        message: format!("{title} has no certificate authorities: every TLS connection of the program fails"),
        help: Some("copy them: `COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/`".to_owned()),
        ..one
    }));
}

/// Time zones that a program reads, and the base has not.
pub(super) fn zones(context: &Context<'_>, found: &mut Vec<Found>) {
    let mut all = Vec::new();
    let ways: (&[&str], &[&str]) = (&["zoneinfo", "localtime"], &["tzdata"]);
    missing(context, |base| base.zoneinfo.as_ref(), |findings| findings.zoneinfo.as_ref(), ways, &mut all);
    found.extend(all.into_iter().map(|(one, title)| Found {
        message: format!("{title} has no time zones: the program takes everything for UTC, or fails"),
        help: Some("copy them: `COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo`".to_owned()),
        ..one
    }));
}

/// C sources are to be compiled for musl, and there is no compiler for it.
pub(super) fn musl_compiler(context: &Context<'_>, found: &mut Vec<Found>) {
    let Some(facts) = context.facts.filter(|_| !configured(context)) else { return };
    let file = context.file;
    for image in file.images() {
        for one in ground::shipped(file, image, false) {
            let glibc = ground::under(file, one.builder).and_then(crate::bases::Base::glibc).is_some();
            let compilers = ["musl-tools", "musl-dev", "musl-gcc", "zig", "clang", "CC_", "TARGET_CC", "musl-cross"];
            if one.linked != Linked::Static
                || !glibc
                || !ground::installs(file, one.builder, &["-musl"])
                || ground::installs(file, one.builder, &compilers)
                || environment(context, one.builder).iter().any(|name| name.starts_with("CC") || name.contains("_CC"))
            {
                continue;
            }
            let c = needs(facts, image)
                .into_iter()
                .flat_map(|findings| findings.native)
                .find(|native| native.needs.musl == Musl::C);
            let Some(native) = c else { continue };
            let message = "C sources are compiled for musl by a compiler for glibc";
            found.push(
                Found::at(one.builder.base.written.span.clone(), message)
                    .label(native.because.text.clone())
                    .help("install `musl-tools` in this stage: its `musl-gcc` is what cc looks for"),
            );
        }
    }
}

fn environment(context: &Context<'_>, stage: &Stage) -> Vec<String> {
    context.file.environment(stage.index, stage.instructions.len()).into_keys().collect()
}
