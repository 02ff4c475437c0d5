//! Full disks.

use std::process::{Command, Output};

use crate::work::{ARCHIVE, LAYOUT, Work, failed};

/// Runs a build behind a shell that prepares the ground.
fn behind(work: &Work, shell: (&str, &[&str]), script: &str, args: &[&str]) -> Output {
    let mut command = Command::new(shell.0);
    command.args(shell.1).args(["-c", &format!("{script} exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_cargo-dockerize")).args(["dockerize", "build", "--engine", "oci"]).args(args);
    work.at_home(&mut command);
    command.output().unwrap()
}

/// No file may have more than one or two megabytes, as a shell counts them: the system then says that it is too large.
fn with_small_files(work: &Work, args: &[&str]) -> Output {
    behind(work, ("sh", &[]), "trap '' XFSZ; ulimit -f 2048;", args)
}

#[test]
fn the_store_is_on_a_full_disk() {
    let work = Work::new("assets = [\"data\"]", &[("data/text", "")]);
    work.builds(&ARCHIVE);
    fs_err::remove_file(work.path("out.tar")).unwrap();
    fs_err::write(work.path("data/noise"), crate::work::noise(6 << 20)).unwrap();
    let words = ["the disk is full", "target/dockerize/store", "CARGO_TARGET_DIR"];
    failed(&with_small_files(&work, &ARCHIVE), 4, &words);
    work.nothing_half_written();
    assert!(!work.path("out.tar").exists());
    work.builds(&ARCHIVE);
}

#[test]
fn the_archive_is_on_a_full_disk() {
    let work = Work::with_asset(6 << 20);
    work.builds(&LAYOUT);
    fs_err::write(work.path("out.tar"), "an older one").unwrap();
    failed(
        &with_small_files(&work, &ARCHIVE),
        4,
        &["the disk is full: out.tar could not be written", "free some room"],
    );
    work.nothing_half_written();
    assert_eq!(fs_err::read_to_string(work.path("out.tar")).unwrap(), "an older one");
    let said = work.builds(&ARCHIVE);
    assert!(!said.contains("Compiling"), "{said}");
}

#[test]
fn the_layout_is_on_a_full_disk() {
    let work = Work::with_asset(6 << 20);
    work.builds(&LAYOUT);
    fs_err::create_dir(work.path("small")).unwrap();
    let small = |args: &[&str]| {
        let script = "mount -t tmpfs -o size=2m tmpfs small &&";
        behind(&work, ("unshare", &["-rm", "sh"]), script, args)
    };
    if !small(&["--dry-run"]).status.success() {
        eprintln!("no small file system can be made here: a full disk is not tried");
        return;
    }
    let words = ["the disk is full: small/image could not be written", "free some room"];
    failed(&small(&["--output", "type=oci,tar=false,dest=small/image"]), 4, &words);
    // What is left there is seen by who lists it while it is there.
    let script = "mount -t tmpfs -o size=2m tmpfs small && { \"$0\" \"$@\"; test -z \"$(ls -A small)\"; exit; };";
    let args = ["--output", "type=oci,tar=false,dest=small/image"];
    let output = behind(&work, ("unshare", &["-rm", "sh"]), script, &args);
    assert!(output.status.success(), "something is left on the full disk");
    work.builds(&args);
    work.image("small/image");
}
