//! What does not compile.

use crate::work::{LAYOUT, Work};

const TWO: &str = "fn main() {\n    let n: u8 = \"text\";\n    missing();\n}\n";

/// cargo says its errors itself; the first of several is told again, where it is not far above.
#[test]
fn the_first_of_several_errors() {
    let work = Work::new("", &[("src/main.rs", TWO)]);
    let said = work.fails(&LAYOUT, 6, &["error: cargo could not compile app", "caused by: the code does not compile"]);
    let (cargos, ours) = said.split_once("error: cargo could not compile app").unwrap();
    assert!(cargos.contains("error[E0308]") && cargos.contains("error[E0425]"), "{said}");
    let first = if cargos.find("E0308") < cargos.find("E0425") { "error[E0308]" } else { "error[E0425]" };
    assert!(
        ours.contains(first) && ours.contains("--> src/main.rs:") && ours.contains("… and 1 more error after it"),
        "{said}"
    );
    assert!(!ours.contains("--engine buildx"), "no container helps: {said}");
}

#[test]
fn one_error_is_said_once() {
    let work = Work::new("", &[("src/main.rs", "fn main() { println!(\"{}\", env!(\"NOT_SET_HERE\")); }\n")]);
    let said =
        work.fails(&LAYOUT, 6, &["read the variable `NOT_SET_HERE`", "build-env = { NOT_SET_HERE = \"VALUE\" }"]);
    assert_eq!(said.matches("not defined at compile time").count(), 1, "{said}");
}

#[test]
fn a_build_script_without_its_program() {
    let build = "fn main() {
    if let Err(error) = std::process::Command::new(\"no-such-program-of-ours\").status() {
        eprintln!(\"styles: {error}\");
        std::process::exit(1);
    }
}
";
    let work = Work::new("", &[("build.rs", build)]);
    let words = [
        "build.rs, the build script of app, starts `no-such-program-of-ours`, which is missing",
        "install `no-such-program-of-ours`",
    ];
    work.fails(&LAYOUT, 6, &words);
}

/// A compile that began before the plan was known is explained as any other.
#[test]
fn an_error_of_a_compile_that_began_early() {
    let work = Work::new("", &[]);
    work.builds(&LAYOUT);
    fs_err::write(work.path("src/main.rs"), TWO).unwrap();
    work.fails(&LAYOUT, 6, &["… and 1 more error after it", "caused by: the code does not compile"]);
}

/// Nothing is compiled where a guard is known to fire.
#[test]
fn a_guard_stops_before_the_compile() {
    let guard = "#[cfg(not(feature = \"other\"))]\ncompile_error!(\"turn on the other one\");\nfn main() {}\n";
    let work = Work::new("", &[("src/main.rs", guard)]);
    let said = work.fails(&LAYOUT, 3, &["turn on the other one", "src/main.rs:2", "`features = [\"other\"]`"]);
    assert!(!said.contains("Compiling"), "{said}");
    work.builds(&[&LAYOUT[..], &["--features", "other"]].concat());
}
