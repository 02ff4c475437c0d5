//! The list of packages that cargo-auditable leaves in a binary: what was compiled, not what would be.

use auditable_info::Error;
use auditable_serde::{DependencyKind, Package, Source};
use camino::Utf8Path;
use object::Object;
use object::read::ReadCache;

use crate::failure::{Failure, Kind, Result};
use crate::workspace::{Bill, BillEdge, BillPackage, BillSource, EdgeKind, PackageOrigin};

/// The longest list, unpacked, in bytes: that of a thousand packages has a hundredth of it.
const LIMIT: usize = 8 << 20;

/// Where the list is.
pub(crate) const SECTION: &str = ".dep-v0";

/// The packages of a binary as its own list has them; none where it has no list. The list knows no addresses, licences and
/// checksums: those are `known`'s, where it has the same package from the same kind of place.
///
/// # Errors
/// [`Kind::Verify`]: the binary is none, or its list is broken, has no root, or is larger than 8 MiB.
pub fn bill(binary: &[u8], known: &Bill) -> Result<Option<Bill>> {
    let info = match auditable_info::audit_info_from_slice(binary, LIMIT) {
        Ok(info) => info,
        Err(Error::NoAuditData) => return Ok(None),
        Err(error) => return Err(broken().caused_by(error)),
    };
    let mut rows: Vec<(usize, BillPackage)> =
        info.packages.iter().map(|package| describe(package, known)).enumerate().collect();
    rows.sort_by(|(_, one), (_, two)| {
        (&one.name, &one.version, &one.origin).cmp(&(&two.name, &two.version, &two.origin))
    });
    let mut places = vec![0; rows.len()];
    for (place, (index, _)) in rows.iter().enumerate() {
        places[*index] = place;
    }
    let mut packages: Vec<BillPackage> = rows.into_iter().map(|(_, package)| package).collect();
    let root =
        info.packages.iter().position(|package| package.root).ok_or_else(|| broken().detail("it has no root"))?;
    let mut uses: Vec<(usize, usize)> = Vec::new();
    for (from, package) in info.packages.iter().enumerate() {
        for to in &package.dependencies {
            let to = *places.get(*to).ok_or_else(|| broken().detail("it names a package that it does not have"))?;
            uses.push((places[from], to));
        }
    }
    uses.sort_unstable();
    uses.dedup();
    unlink_behind_macros(&mut packages, &uses, places[root]);
    let edge = |(from, to): (usize, usize)| BillEdge { from, to, kind: kind(&packages[from], &packages[to]) };
    let edges = uses.into_iter().map(edge).collect();
    Ok(Some(Bill { source: BillSource::Embedded, root: places[root], packages, edges }))
}

/// Likewise of a file, which is read whole only where it has a list: programs are large, and most have none.
///
/// # Errors
/// As [`bill`], and [`Kind::Workspace`]: it cannot be read.
pub fn bill_of(program: &Utf8Path, known: &Bill) -> Result<Option<Bill>> {
    let unread = |error: std::io::Error| {
        Failure::new(Kind::Workspace, format!("`{program}` cannot be read, and documents about the image need it"))
            .caused_by(error)
            .help("build it again")
    };
    let cache = ReadCache::new(fs_err::File::open(program).map_err(unread)?);
    let file = object::File::parse(&cache).map_err(|error| broken().caused_by(error))?;
    if file.section_by_name(SECTION).is_none() {
        return Ok(None);
    }
    bill(&fs_err::read(program).map_err(unread)?, known)
}

/// Whether a binary has a list that can be read.
///
/// # Errors
/// As [`bill`].
pub fn listed(binary: &[u8]) -> Result<bool> {
    match auditable_info::audit_info_from_slice(binary, LIMIT) {
        Ok(_) => Ok(true),
        Err(Error::NoAuditData) => Ok(false),
        Err(error) => Err(broken().caused_by(error)),
    }
}

/// What only macros use is not in the binary. The list takes some of it for a part of the program, as it may not know that a
/// package is a macro.
fn unlink_behind_macros(packages: &mut [BillPackage], uses: &[(usize, usize)], root: usize) {
    let reached = |starts: Vec<usize>, through: &dyn Fn(usize) -> bool| {
        let mut reached = vec![false; packages.len()];
        let mut next = starts;
        while let Some(from) = next.pop() {
            if !std::mem::replace(&mut reached[from], true) {
                let first = uses.partition_point(|(user, _)| *user < from);
                let own = uses[first..].iter().take_while(|(user, _)| *user == from).map(|(_, used)| *used);
                next.extend(own.filter(|used| through(*used)));
            }
        }
        reached
    };
    let in_program = reached(vec![root], &|used| packages[used].linked);
    let macros = (0..packages.len()).filter(|index| packages[*index].proc_macro).collect();
    let behind_macros = reached(macros, &|_| true);
    for (index, package) in packages.iter_mut().enumerate() {
        package.linked &= in_program[index] || !behind_macros[index];
    }
}

/// The list does not say what a package is used for; that it is not linked does.
fn kind(from: &BillPackage, to: &BillPackage) -> EdgeKind {
    match (from.linked && !to.linked, to.proc_macro) {
        (false, _) => EdgeKind::Normal,
        (true, true) => EdgeKind::Macro,
        (true, false) => EdgeKind::Build,
    }
}

fn describe(package: &Package, known: &Bill) -> BillPackage {
    let version = package.version.to_string();
    let same = |one: &&BillPackage| {
        one.name == package.name && one.version == version && same_place(&package.source, &one.origin)
    };
    let known = known.packages.iter().find(same);
    let origin = known.map(|known| known.origin.clone()).unwrap_or(match package.source {
        Source::CratesIo => PackageOrigin::PublicRegistry,
        Source::Git => PackageOrigin::Git { repository: None, revision: None },
        Source::Local => PackageOrigin::Local,
        _ => PackageOrigin::Registry { index: None },
    });
    let proc_macro = known.is_some_and(|known| known.proc_macro);
    BillPackage {
        name: package.name.clone(),
        version,
        origin,
        checksum: known.and_then(|known| known.checksum.clone()),
        license: known.and_then(|known| known.license.clone()),
        // The list's first format took macros for a part of the program.
        linked: package.kind == DependencyKind::Runtime && !proc_macro,
        proc_macro,
    }
}

fn same_place(source: &Source, origin: &PackageOrigin) -> bool {
    match source {
        Source::CratesIo => *origin == PackageOrigin::PublicRegistry,
        Source::Git => matches!(origin, PackageOrigin::Git { .. }),
        Source::Local => *origin == PackageOrigin::Local,
        Source::Registry => matches!(origin, PackageOrigin::Registry { .. }),
        _ => false,
    }
}

fn broken() -> Failure {
    Failure::new(Kind::Verify, "the list of packages in the binary cannot be read").help(
        "build it again; cargo-auditable writes the list, and the linker must keep the section `.dep-v0` as it is",
    )
}
