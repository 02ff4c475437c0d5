//! What this machine lacks.

use std::process::Command;

use crate::work::{LAYOUT, Work};

#[test]
fn musl_that_is_asked_for_and_not_there() {
    let print = |what: &str| {
        let output = Command::new("rustc").args(["--print", what]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    if camino::Utf8Path::new(&print("sysroot")).join("lib/rustlib").join(&triple).exists() {
        eprintln!("this machine has musl: that it is missed is not tried");
        return;
    }
    let work = Work::new("linkage = \"static-musl\"", &[]);
    let command = format!("rustup target add {triple}");
    let words = ["cannot link `app` as the metadata says (static-musl)", &command, "--engine buildx"];
    work.fails(&LAYOUT, 5, &words);
    assert!(!work.path("target/dockerize/store").exists(), "nothing was begun");
}

/// What is printed is what would be run.
#[test]
fn the_script_of_a_dry_run_can_be_run() {
    let work = Work::new("", &[]);
    let output = work.command(&[&LAYOUT[..], &["--dry-run"]].concat()).output().unwrap();
    assert!(output.status.success());
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(
        script.contains("# app:latest on scratch for linux/") && script.contains("delivered to out, an OCI layout"),
        "{script}"
    );
    let mut sh = Command::new("sh");
    sh.args(["-c", &script]);
    work.at_home(&mut sh);
    let output = sh.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = work.builds(&LAYOUT);
    assert!(!said.contains("Compiling"), "it was something else: {said}\n{script}");
}
