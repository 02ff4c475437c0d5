//! What a program needs from the system that runs it.

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

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
    /// Reads an ELF file; none: it is none, or is broken.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match FileKind::parse(bytes).ok()? {
            FileKind::Elf64 => Self::of::<elf::FileHeader64<Endianness>>(bytes),
            FileKind::Elf32 => Self::of::<elf::FileHeader32<Endianness>>(bytes),
            _ => None,
        }
    }

    fn of<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<Self> {
        let header = H::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        let machine = header.e_machine(endian);
        let mut found = Self {
            architecture: MACHINES.iter().find(|(known, _)| *known == machine).map(|(_, name)| (*name).to_owned()),
            ..Self::default()
        };
        let segments = header.program_headers(endian, bytes).ok()?;
        for segment in segments {
            if let Ok(Some(interpreter)) = segment.interpreter(endian, bytes) {
                found.interpreter = Some(String::from_utf8_lossy(interpreter).into_owned());
            }
            // What cannot be read must not pass for static.
            let Some(dynamic) = segment.dynamic(endian, bytes).ok()? else { continue };
            let value =
                |tag| dynamic.iter().find(|entry| entry.d_tag(endian) == tag).map(|entry| entry.d_val(endian).into());
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
                Some(String::from_utf8_lossy(&rest[..end]).into_owned())
            };
            for entry in dynamic {
                let tag = entry.d_tag(endian);
                let offset: u64 = entry.d_val(endian).into();
                if tag == elf::DT_NEEDED {
                    found.needed.push(text(offset)?);
                } else if tag == elf::DT_RUNPATH || tag == elf::DT_RPATH {
                    found.runpath.extend(text(offset).iter().flat_map(|path| path.split(':')).map(str::to_owned));
                }
            }
        }
        Some(found)
    }

    /// Whether the kernel alone can run it.
    pub fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.needed.is_empty()
    }
}
