//! What a program needs from the system that runs it.

use std::fmt;

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionTable};
use object::read::{ReadRef, StringTable};
use object::{Endianness, FileKind, Object, ObjectSection};

use crate::limits;

/// Facts of an ELF file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elf {
    /// Docker's name of the architecture; none: one that Docker does not name.
    pub architecture: Option<String>,
    /// The loader that it asks for; none: it is loaded by the kernel alone.
    pub interpreter: Option<String>,
    /// Shared libraries, by name.
    pub needed: Vec<String>,
    /// Folders where they are looked for first, `$ORIGIN` as it stands.
    pub runpath: Vec<String>,
    /// Those of them that go for the libraries of its libraries too (`DT_RPATH`).
    pub rpath: Vec<String>,
    /// The newest version of glibc's symbols that it asks for.
    pub wants: Option<Glibc>,
    /// The newest that it has itself: it is glibc then.
    pub gives: Option<Glibc>,
    /// Whether somebody can start it; else it is a library or a part of one.
    pub program: bool,
}

/// A version of glibc's symbols, such as `2.34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(u32, u32, u32);

impl Glibc {
    /// Of a symbol's version, such as `GLIBC_2.2.5`; none: it is another library's, or no number.
    fn read(name: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.split('.').map(str::parse);
        let mut part = || parts.next().transpose().ok();
        Some(Self(part()??, part()?.unwrap_or_default(), part()?.unwrap_or_default()))
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)?;
        if self.2 == 0 { Ok(()) } else { write!(f, ".{}", self.2) }
    }
}

/// ELF's machines and Docker's architectures.
const MACHINES: &[(elf::Machine, &str)] = &[
    (elf::EM_X86_64, "amd64"),
    (elf::EM_AARCH64, "arm64"),
    (elf::EM_ARM, "arm"),
    (elf::EM_386, "386"),
    (elf::EM_RISCV, "riscv64"),
    (elf::EM_PPC64, "ppc64le"),
    (elf::EM_S390, "s390x"),
];

impl Elf {
    /// Reads an ELF file, from memory or a piece at a time from a file; none: it is none, or is broken.
    pub fn parse<'data, R: ReadRef<'data>>(bytes: R) -> Option<Self> {
        match FileKind::parse(bytes).ok()? {
            FileKind::Elf64 => Self::of::<elf::FileHeader64<Endianness>>(bytes),
            FileKind::Elf32 => Self::of::<elf::FileHeader32<Endianness>>(bytes),
            _ => None,
        }
    }

    fn of<'data, H: FileHeader<Endian = Endianness>>(bytes: impl ReadRef<'data>) -> Option<Self> {
        let header = H::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        let machine = header.e_machine(endian);
        let mut found = Self {
            architecture: MACHINES.iter().find(|(known, _)| *known == machine).map(|(_, name)| (*name).to_owned()),
            ..Self::default()
        };
        let segments = header.program_headers(endian, bytes).ok()?;
        found.program = header.e_type(endian) == elf::ET_EXEC;
        for segment in segments {
            if let Ok(Some(interpreter)) = segment.interpreter(endian, bytes) {
                found.interpreter = Some(String::from_utf8_lossy(interpreter).into_owned());
                found.program = true;
            }
            // What cannot be read must not pass for static.
            let Some(dynamic) = segment.dynamic(endian, bytes).ok()? else { continue };
            let value =
                |tag| dynamic.iter().find(|entry| entry.d_tag(endian) == tag).map(|entry| entry.d_val(endian).into());
            let pie = elf::DF_1_PIE.0;
            found.program |= value(elf::DT_FLAGS_1).is_some_and(|flags: u64| flags & pie != 0);
            // Absent in a static-pie binary that names nothing.
            let (Some(table), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else {
                if dynamic.iter().any(|entry| entry.d_tag(endian) == elf::DT_NEEDED) {
                    return None;
                }
                continue;
            };
            let strings =
                segments.iter().find_map(|segment| segment.data_range(endian, bytes, table, size).ok().flatten())?;
            let text = |offset: u64| -> Option<String> {
                let rest = strings.get(usize::try_from(offset).ok()?..)?;
                let end = rest.iter().position(|byte| *byte == 0)?;
                limits::PATH.check(end as u64).ok()?;
                Some(String::from_utf8_lossy(&rest[..end]).into_owned())
            };
            for entry in dynamic {
                let tag = entry.d_tag(endian);
                let offset: u64 = entry.d_val(endian).into();
                if tag == elf::DT_NEEDED {
                    found.needed.push(text(offset)?);
                    within(&found)?;
                } else if tag == elf::DT_RUNPATH || tag == elf::DT_RPATH {
                    let folders = text(offset).unwrap_or_default();
                    let folders = folders.split(':').filter(|folder| !folder.is_empty()).map(str::to_owned);
                    if tag == elf::DT_RPATH {
                        found.rpath.extend(folders.clone());
                    }
                    found.runpath.extend(folders);
                    within(&found)?;
                }
            }
        }
        // A program needs no sections to run, so that some have none; then nothing is known of versions.
        if let Ok(sections) = header.sections(endian, bytes) {
            found.wants = wanted(&sections, endian, bytes);
            found.gives = given(&sections, endian, bytes);
        }
        Some(found)
    }

    /// Whether the kernel alone can run it.
    pub fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.needed.is_empty()
    }
}

/// Nothing where a program names more than any loader looks for: it is none then.
fn within(elf: &Elf) -> Option<()> {
    let count = [&elf.needed, &elf.runpath, &elf.rpath]
        .map(Vec::len)
        .iter()
        .fold(0, |sum: usize, len| sum.saturating_add(*len));
    limits::LIBRARIES.check(count as u64).ok()
}

/// A section of a program: its name, where it begins in the file, and its bytes.
pub type Section<'a> = (String, usize, &'a [u8]);

/// The sections of a program that have bytes; none: it is no program.
pub fn sections(bytes: &[u8]) -> Vec<Section<'_>> {
    let Ok(file) = object::File::parse(bytes) else { return Vec::new() };
    let section = |section: object::Section<'_, '_>| {
        let (start, size) = section.file_range()?;
        let start = usize::try_from(start).ok()?;
        let data = bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)?;
        Some((section.name().ok()?.to_owned(), start, data))
    };
    file.sections().filter_map(section).collect()
}

/// The newest version of glibc's that symbols are asked for in.
fn wanted<'data, H, R>(sections: &SectionTable<'data, H, R>, endian: Endianness, data: R) -> Option<Glibc>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let (needs, link) = sections.gnu_verneed(endian, data).ok()??;
    let strings: StringTable<'data, R> = sections.strings(endian, data, link).ok()?;
    let versions = needs.flatten().flat_map(|(_, names)| names.flatten());
    versions.filter_map(|version| Glibc::read(version.name(endian, strings).ok()?)).max()
}

/// The newest that it has.
fn given<'data, H, R>(sections: &SectionTable<'data, H, R>, endian: Endianness, data: R) -> Option<Glibc>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let (defined, link) = sections.gnu_verdef(endian, data).ok()??;
    let strings: StringTable<'data, R> = sections.strings(endian, data, link).ok()?;
    let versions = defined.flatten().flat_map(|(_, names)| names.flatten());
    versions.filter_map(|version| Glibc::read(version.name(endian, strings).ok()?)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_symbols_are_ordered_as_numbers() {
        let read = |name: &str| Glibc::read(name.as_bytes());
        assert!(read("GLIBC_2.9") < read("GLIBC_2.34") && read("GLIBC_2.2") < read("GLIBC_2.2.5"));
        assert_eq!(read("GLIBC_2.2.5").unwrap().to_string(), "2.2.5");
        assert_eq!(read("GLIBC_2.34").unwrap().to_string(), "2.34");
        for other in ["GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GCC_3.0", "GLIBC_", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn this_very_program_wants_a_glibc() {
        let elf = Elf::parse(&*fs_err::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
        assert!(elf.program && elf.wants.is_some() && elf.gives.is_none(), "{elf:?}");
    }
}
