//! Lists of packages in binaries.

use std::io::Write;

use super::*;

/// An ELF file with nothing but the section that cargo-auditable writes.
pub(super) fn binary(section: &str, list: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(list).unwrap();
    let packed = packed.finish().unwrap();
    let names = format!("\0.shstrtab\0{section}\0");
    let (start, names_start) = (64, 64 + packed.len());
    let table = names_start + names.len();
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    file.extend([0_u64; 2].iter().flat_map(|zero| zero.to_le_bytes()));
    file.extend((table as u64).to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    // Sizes of this header, of segments, of sections; counts; where the names are.
    file.extend([64_u16, 56, 0, 64, 3, 1].iter().flat_map(|size| size.to_le_bytes()));
    file.extend(&packed);
    file.extend(names.as_bytes());
    file.extend([0_u8; 64]);
    for (name, kind, offset, size) in [(1_u32, 3_u32, names_start, names.len()), (11, 1, start, packed.len())] {
        file.extend(name.to_le_bytes());
        file.extend(kind.to_le_bytes());
        for word in [0, 0, offset as u64, size as u64, 0, 1, 0] {
            file.extend(word.to_le_bytes());
        }
    }
    file
}

/// A list; [`list`] says the public registry in the format's word.
const LIST: &str = r#"{"packages":[
    {"name":"app","version":"1.0.0+a","source":"local","dependencies":[3,1,2],"root":true},
    {"name":"derives","version":"1.0.0+a","source":"PUBLIC","dependencies":[5,6]},
    {"name":"forked","version":"1.0.0+a","source":"git","dependencies":[6]},
    {"name":"aside","version":"2.0.0","source":"PUBLIC","kind":"build"},
    {"name":"elsewhere","version":"2.0.0","source":"git"},
    {"name":"parses","version":"2.0.0","source":"PUBLIC"},
    {"name":"shared","version":"2.0.0","source":"PUBLIC"}]}"#;

fn list() -> Vec<u8> {
    LIST.replace("PUBLIC", concat!("crates", ".io")).into_bytes()
}

#[test]
fn the_binarys_own_list_wins_and_takes_what_is_known() {
    let known = a_bill();
    let bill = auditable::bill(&binary(".dep-v0", &list()), &known).unwrap().unwrap();
    assert_eq!(bill.source, BillSource::Embedded);
    let names: Vec<(&str, bool)> = bill.packages.iter().map(|one| (one.name.as_str(), one.linked)).collect();
    assert_eq!(
        names,
        [
            ("app", true),
            ("aside", false),
            ("derives", false),
            ("elsewhere", true),
            ("forked", true),
            // Only the macro uses it, whatever the list says.
            ("parses", false),
            ("shared", true)
        ]
    );
    assert_eq!(bill.packages[bill.root].name, "app");
    assert_eq!(bill.packages[4].origin, known.packages[3].origin);
    assert_eq!(bill.packages[4].license, known.packages[3].license);
    assert_eq!(bill.packages[3].origin, PackageOrigin::Git { repository: None, revision: None });
    let edges: Vec<(usize, usize, EdgeKind)> = bill.edges.iter().map(|edge| (edge.from, edge.to, edge.kind)).collect();
    assert_eq!(
        edges,
        [
            (0, 1, EdgeKind::Build),
            (0, 2, EdgeKind::Macro),
            (0, 4, EdgeKind::Normal),
            (2, 5, EdgeKind::Normal),
            (2, 6, EdgeKind::Normal),
            (4, 6, EdgeKind::Normal)
        ]
    );
    let told = document_of(&bill, Format::Spdx, |_| {});
    assert_eq!(told["comment"], "crates are from cargo-auditable's list in the binary");
}

#[test]
fn a_binary_without_a_list_has_none_and_a_bad_list_is_a_failure() {
    let known = a_bill();
    let read = |bytes: &[u8]| auditable::bill(bytes, &known).map_err(|failure| failure.kind());
    assert_eq!(read(&binary(".comment", &list())), Ok(None));
    let rootless = LIST.replace(r#","root":true"#, "");
    let astray = LIST.replace("[3,1,2]", "[77]");
    for bad in ["", "{}", "[]", &rootless, &astray] {
        assert_eq!(read(&binary(".dep-v0", bad.as_bytes())), Err(Kind::Verify), "{bad}");
    }
    // It would unpack to more than any list has.
    assert_eq!(read(&binary(".dep-v0", &vec![b' '; 9 << 20])), Err(Kind::Verify));
    assert_eq!(read(b"#!/bin/sh\n"), Err(Kind::Verify));
    let whole = binary(".dep-v0", &list());
    for end in 0..whole.len() {
        assert!(!matches!(read(&whole[..end]), Ok(Some(_))), "{end}");
    }
}

proptest::proptest! {
    #[test]
    fn no_binary_is_too_bad(at in 0_usize..700, byte in proptest::num::u8::ANY) {
        let mut bytes = binary(".dep-v0", &list());
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = auditable::bill(&bytes, &a_bill());
    }
}
