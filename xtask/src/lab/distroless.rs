//! The roots of the distroless images: packages unpacked and not installed, two users, and no shell.

use std::fs;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::report::step;
use super::{Lab, apt, root};

/// The images, in the order in which one extends the other.
pub const NAMES: [&str; 3] = ["static", "base", "cc"];

const STATIC: [&str; 4] = ["base-files", "media-types", "netbase", "tzdata"];
/// OpenSSL's libraries have their version in their package's name, which moves with the suite; apt finds it by a pattern.
const SSL: &str = r#"?and(?not(?virtual), ?name("^libssl[0-9]+(t64)?$"))"#;
const BASE: [&str; 4] = ["libc6", SSL, "libzstd1", "zlib1g"];
const CC: [&str; 3] = ["libgcc-s1", "libgomp1", "libstdc++6"];

/// The root of a distroless image.
pub fn root(lab: &Lab, name: &str) -> Result<String> {
    let packages = match name {
        "static" => STATIC.to_vec(),
        "base" => [&STATIC[..], &BASE].concat(),
        _ => [&STATIC[..], &BASE, &CC].concat(),
    };
    root::made(lab, &format!("distroless-{name}"), |sh, root| {
        step(&format!("unpacking distroless {name}"), || fill(lab, sh, root, &packages))
    })
}

fn fill(lab: &Lab, sh: &Shell, root: &str, packages: &[&str]) -> Result<()> {
    apt::unpack(lab, packages, root)?;
    root::slim(sh, root)?;
    cmd!(sh, "install --directory --mode=1777 {root}/tmp").quiet().run()?;
    cmd!(sh, "install --directory --mode=0700 {root}/root").quiet().run()?;
    cmd!(sh, "install --directory --mode=0700 --owner=65532 --group=65532 {root}/home/nonroot").quiet().run()?;
    let login = "/sbin/nologin";
    sh.write_file(
        format!("{root}/etc/passwd"),
        format!(
            "root:x:0:0:root:/root:{login}\nnobody:x:65534:65534:nobody:/nonexistent:{login}\n\
             nonroot:x:65532:65532:nonroot:/home/nonroot:{login}\n"
        ),
    )?;
    sh.write_file(format!("{root}/etc/group"), "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n")?;
    // The bundle that the package's own script would have put together.
    let authorities = format!("{root}.authorities");
    sh.remove_path(&authorities)?;
    apt::unpack(lab, &["ca-certificates"], &authorities)?;
    let mut bundle = String::new();
    for folder in [format!("{authorities}/usr/share/ca-certificates/mozilla"), root::AUTHORITIES.to_owned()] {
        for file in sh.read_dir(folder).unwrap_or_default() {
            bundle.push_str(fs::read_to_string(file)?.trim_end());
            bundle.push('\n');
        }
    }
    sh.write_file(format!("{root}/etc/ssl/certs/ca-certificates.crt"), bundle)?;
    sh.remove_path(authorities)?;
    Ok(())
}
