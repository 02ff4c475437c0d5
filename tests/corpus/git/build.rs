use std::process::Command;

fn main() {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=40"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("cargo::rustc-env=REVISION={}", String::from_utf8(output.stdout).unwrap().trim());
}
