//! Signs what was pushed, with cosign: keys, identities and transparency logs are its own business.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anstream::eprintln;
use cargo_dockerize::exec::Command;
use cargo_dockerize::failure::{Failure, Kind, Result};

use crate::cli::Build;
use crate::ui::Shell;

/// Who signs, and with what.
pub struct Signer {
    cosign: PathBuf,
    /// A key as cosign names it; none: with the identity of whoever is logged in.
    key: Option<String>,
}

impl Signer {
    /// None where nothing is to be signed.
    ///
    /// # Errors
    /// [`Kind::Engine`]: there is no cosign, which is told before minutes go into a build.
    pub fn open(args: &Build) -> Result<Option<Self>> {
        if !args.documents.sign || args.dry_run {
            return Ok(None);
        }
        let key = args.documents.sign_key.clone();
        match which::which("cosign") {
            Ok(cosign) => Ok(Some(Self { cosign, key })),
            Err(_) => Err(missing(key.as_deref())),
        }
    }

    /// Signs an image in each repository that it was pushed to.
    ///
    /// # Errors
    /// [`Kind::Engine`]: cosign fails. The image is there by then.
    pub fn sign(&self, digest: &str, tags: &[String], shell: Shell) -> Result<()> {
        let repositories: BTreeSet<String> = tags.iter().map(|tag| super::oci::named(tag).0).collect();
        for repository in repositories {
            let reference = format!("{repository}@{digest}");
            let command = Command::new(self.cosign.clone(), "sign the image");
            let command = command.args(words(self.key.as_deref(), &reference));
            // It may ask for a login in the browser.
            let status = command.stream(|_, line| {
                if !shell.quiet {
                    eprintln!("{line}");
                }
            })?;
            if !status.success() {
                return Err(Failure::new(Kind::Engine, format!("cosign did not sign {reference}, which was pushed"))
                    .detail(command.shell_line())
                    .help("see above what it says; a key's password is taken from COSIGN_PASSWORD")
                    .help("run the command again by itself: nothing has to be built for it"));
            }
            shell.status("Signed", reference);
        }
        Ok(())
    }
}

/// What cosign is asked for. A password is never among it: cosign takes it from the environment.
fn words(key: Option<&str>, reference: &str) -> Vec<String> {
    let key = key.map(|key| ["--key".to_owned(), key.to_owned()]);
    let mut words = vec!["sign".to_owned(), "--yes".to_owned()];
    words.extend(key.into_iter().flatten());
    words.push(reference.to_owned());
    words
}

fn missing(key: Option<&str>) -> Failure {
    let command = format!("cosign {}", words(key, "NAME@sha256:…").join(" "));
    Failure::new(Kind::Engine, "`--sign` needs cosign, and there is none in PATH")
        .help("install it: https://docs.sigstore.dev/cosign/system_config/installation/")
        .help(format!("or build without `--sign`, and sign afterwards by the digest that was pushed: `{command}`"))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// A cosign that writes down how it was called. Another process writes it: a file that one of ours still has open for
    /// writing cannot be run.
    fn fake(folder: &std::path::Path, end: &str) -> Signer {
        let cosign = folder.join("cosign");
        let calls = folder.join("calls");
        let text = format!("#!/bin/sh\necho \"$@\" >>{}\n{end}", calls.display());
        let write = r#"printf '%s\n' "$1" >"$2" && chmod 755 "$2""#;
        let command = Command::new("sh", "write a program");
        let command = command.args(["-c", write, "sh", &text, cosign.to_str().unwrap()]);
        assert!(command.output().unwrap().status.success());
        Signer { cosign, key: Some("awskms:///alias/shop".to_owned()) }
    }

    const QUIET: Shell = Shell { quiet: true, verbose: false };

    #[test]
    fn each_repository_is_signed_once_and_by_digest() {
        let folder = tempfile::tempdir().unwrap();
        let tags = ["a.example:5000/shop/api:1", "b.example/api:1", "a.example:5000/shop/api:latest"];
        fake(folder.path(), "").sign("sha256:12", &tags.map(str::to_owned), QUIET).unwrap();
        let calls = fs_err::read_to_string(folder.path().join("calls")).unwrap();
        let call = "sign --yes --key awskms:///alias/shop";
        assert_eq!(calls, format!("{call} a.example:5000/shop/api@sha256:12\n{call} b.example/api@sha256:12\n"));
    }

    #[test]
    fn what_was_not_signed_is_told_with_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let failed =
            fake(folder.path(), "exit 1").sign("sha256:12", &["a.example/api:1".to_owned()], QUIET).unwrap_err();
        assert_eq!(failed.kind(), Kind::Engine);
        let report = failed.report();
        assert!(report.contains("sign --yes --key awskms:///alias/shop a.example/api@sha256:12"), "{report}");
    }

    #[test]
    fn without_cosign_the_command_is_told() {
        let report = missing(Some("cosign.key")).report();
        assert!(report.contains("cosign sign --yes --key cosign.key NAME@sha256:…"), "{report}");
        assert_eq!(missing(None).kind(), Kind::Engine);
    }
}
