use super::condense::SHOWN;
use super::*;

/// An output, what has to be shown of it, and what has to be said about it.
struct Case {
    output: &'static str,
    shown: &'static [&'static str],
    more: usize,
    cause: &'static str,
    help: &'static str,
}

const fn case(
    output: &'static str,
    shown: &'static [&'static str],
    more: usize,
    cause: &'static str,
    help: &'static str,
) -> Case {
    Case { output, shown, more, cause, help }
}

macro_rules! output {
    ($name:literal) => {
        include_str!(concat!("outputs/", $name, ".txt"))
    };
}

/// Every cause: the first error, its place, and the key that mends it.
const CASES: &[Case] = &[
    case(
        output!("types"),
        &["error[E0308]: mismatched types", "  --> shared/src/lib.rs:12:18", "expected due to this"],
        2,
        "the code does not compile",
        "cargo build --target",
    ),
    case(
        output!("notes"),
        &["error[E0277]", "note: required by a bound in `to_string`", "help: consider borrowing here", "&&Job"],
        0,
        "the code does not compile",
        "cargo build --target",
    ),
    case(
        output!("build-script-program"),
        &["for `styled v0.1.0 (/home/me/work)`", "panicked at build.rs:3:98", "tailwindcss: Os { code: 2"],
        0,
        "build.rs, the build script of styled, starts `tailwindcss`, which is missing",
        "packages = [\"PACKAGE\"]",
    ),
    case(
        output!("build-script-file"),
        &["panicked at build.rs:3:55", "kind: NotFound"],
        0,
        "the build script of app wants a file or a program",
        "`packages`",
    ),
    case(
        output!("header"),
        &["warning: foo-sys@0.3.1: src/shim.c:2:10: fatal error: openssl/ssl.h", "error occurred in cc-rs"],
        0,
        "the C header `openssl/ssl.h` is missing",
        "packages = [\"libssl-dev\"]",
    ),
    case(
        output!("unknown-header"),
        &["(crates/foo-sys)", "wrapper.h:1:10: fatal error"],
        0,
        "the C header `foo/foo.h` is missing",
        "native = [{ crate = \"foo-sys\"",
    ),
    case(
        output!("library"),
        &["error: linking with `cc` failed", "cannot find -lfrob", " … "],
        0,
        "the library `frob` is missing",
        "native = [{ crate = ",
    ),
    case(output!("known-library"), &["-lsqlite3"], 0, "the library `sqlite3`", "packages = [\"libsqlite3-dev\"]"),
    case(
        output!("pkg-config"),
        &["error: failed to run custom build command for `alsa-sys v0.3.1`", "The system library `alsa`"],
        0,
        "alsa-sys asks pkg-config for `alsa`",
        "packages = [\"libasound2-dev\", \"pkg-config\"]",
    ),
    case(output!("cxx-musl"), &["failed to find tool"], 0, "compiles C++", "linkage = \"dynamic-gnu\""),
    case(
        output!("cmake"),
        &["CMake Error at CMakeLists.txt:120", "FindBoost.cmake", "command did not execute successfully"],
        0,
        "the build script of big fails",
        "native = [{ crate = \"big\"",
    ),
    case(
        output!("compile-error"),
        &["error: choose a database", " --> build.rs:3:5"],
        0,
        "`compile_error!`",
        "features = [\"NAME\"]",
    ),
    case(
        output!("long-message"),
        &["error: the storage has no backend.", "- `disk`", "--> crates/store/src/lib.rs:4:1"],
        0,
        "`compile_error!`",
        "features = [\"NAME\"]",
    ),
    case(
        output!("env"),
        &["environment variable `API_BASE`", " --> src/main.rs:1:28"],
        0,
        "read the variable `API_BASE`",
        "build-env = { API_BASE = \"VALUE\" }",
    ),
    case(
        output!("embed"),
        &[" --> web/src/assets.rs:4:10", "folder 'web/dist/' does not exist"],
        1,
        "the folder `web/dist`",
        "not in your tree either",
    ),
    case(
        output!("include"),
        &["couldn't read", " --> web/src/main.rs:1:23"],
        0,
        "the file `web/data/words.txt`",
        "not in your tree either",
    ),
    case(
        output!("memory"),
        &["could not compile `app`", "(signal: 9, SIGKILL: kill)"],
        0,
        "memory",
        "CARGO_BUILD_JOBS",
    ),
    case(
        output!("coloured"),
        &["error[E0425]: cannot find value `wrong` in this scope", " --> src/main.rs:1:13", "fn main() { wrong }"],
        0,
        "the code does not compile",
        "cargo build --target",
    ),
    case(output!("apt"), &["E: Unable to locate package libfoo-devel"], 0, "no package `libfoo-devel`", "`packages`"),
    case(output!("shell"), &["npm: not found"], 0, "the build runs `npm`", "packages = "),
    case(
        output!("old-toolchain"),
        &["error: rustc 1.85.0 is not supported", "home@0.5.12 requires rustc 1.88"],
        0,
        "Rust 1.88",
        "toolchain = \"1.88\"",
    ),
    case(output!("out-of-disk"), &["No space left on device"], 0, "the disk is full", "docker system df"),
    case(
        output!("configure"),
        &["configure: error: C compiler cannot create executables"],
        0,
        "the build script of jemalloc fails",
        "native = ",
    ),
];

fn heard(output: &str) -> Listener {
    let mut listener = Listener::default();
    for line in output.lines() {
        listener.hear(line);
    }
    listener
}

fn places() -> Places {
    Places::testing(
        "/home/me/work",
        &[("styled 0.1.0", concat!(env!("CARGO_MANIFEST_DIR"), "/src/explain/outputs/styled-build.rs"), true)],
    )
}

#[test]
fn the_first_error_is_shown_with_its_place_and_its_cause_has_a_key() {
    for Case { output, shown, more, cause, help } in CASES {
        let explained = explain(&heard(output), "", &places(), By::Engine);
        let detail = explained.detail();
        for part in *shown {
            assert!(detail.contains(part), "{part} is missing in:\n{detail}");
        }
        assert!(explained.lines.len() <= SHOWN, "{}:\n{detail}", explained.lines.len());
        assert_eq!(explained.more, *more, "{detail}");
        let advice = explained.advice.unwrap_or_else(|| panic!("no advice for:\n{detail}"));
        assert!(advice.cause.contains(cause), "{cause} is missing in: {}", advice.cause);
        assert!(advice.help.contains(help), "{help} is missing in: {}", advice.help);
        for text in [&advice.cause, &advice.help] {
            assert!(!text.contains("{crate}") && !text.contains("{program}"), "{text}");
        }
    }
}

/// The first error is what is shown, and nothing that comes after it or before it.
#[test]
fn nothing_else_is_shown() {
    let lines = |output: &str| explain(&heard(output), "", &places(), By::Engine).detail();
    let types = lines(output!("types"));
    assert!(!types.contains("E0425") && !types.contains("unused") && !types.contains("Compiling"), "{types}");
    assert!(types.ends_with("… and 2 more errors after it"), "{types}");
    let header = lines(output!("header"));
    assert!(
        !header.contains("OPT_LEVEL") && !header.contains("cargo:rerun") && !header.contains("another crate"),
        "{header}"
    );
    assert!(!lines(output!("build-script-file")).contains("panic_fmt"));
    assert!(!lines(output!("build-script-program")).contains("To improve backtraces"));
    let empty = explain(&heard(output!("nothing")), "", &places(), By::Engine);
    assert_eq!(empty, Explained::default());
    // Where nothing is known to be an error, anything may tell the cause.
    let rest = explain(&heard(output!("nothing")), "no space left on device", &places(), By::Engine);
    assert_eq!(rest.advice.unwrap().cause, "the disk is full");
}

/// However an output comes in pieces, the same is heard.
#[test]
fn pieces_and_lines_are_heard_alike() {
    for Case { output, .. } in CASES {
        let whole = heard(output);
        for size in [1, 7, 4096] {
            let mut pieces = Listener::default();
            let chars: Vec<char> = output.chars().collect();
            for piece in chars.chunks(size) {
                pieces.hear_piece(&piece.iter().collect::<String>());
            }
            assert_eq!(pieces, whole);
        }
    }
}

#[test]
fn no_output_reaches_the_terminal_as_a_command() {
    let hostile = [
        "\u{1b}[2Jerror: a",
        "error: \u{9b}31m b\u{7}\u{8}",
        "error: \u{1b}]0;title\u{7}c",
        "error: \u{1b}Pq\u{1b}\\d",
        "\u{1b}",
    ];
    for line in hostile.iter().copied().chain(output!("coloured").lines()) {
        assert!(!clean(line).chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
    }
    assert_eq!(clean("10 %\r 50 %\rdone\r\n"), "done");
    assert_eq!(clean("   Building [=> ] 1/2\r\u{1b}[Kerror: x\n"), "error: x");
    assert_eq!(clean("progress\r"), "progress");
}

#[test]
fn memory_is_bounded() {
    let mut listener = Listener::default();
    listener.hear("error: failed to run custom build command for `a v1.0.0`");
    for at in 0..100_000 {
        listener.hear(&format!("  line {at} {}", "x".repeat(1000)));
    }
    listener.hear("  fatal error: the end");
    assert!(listener.first().unwrap().len() < 3000);
    let explained = explain(&listener, "", &Places::default(), By::Engine);
    assert!(explained.is_cut && explained.detail().contains("fatal error: the end"), "{}", explained.detail());
    for _ in 0..100 {
        listener.hear_piece(&"y".repeat(10_000));
    }
}

#[test]
fn paths_of_the_container_are_the_users() {
    let places = Places::testing("/home/me/work", &[]);
    for (line, shown) in [
        ("  --> /app/crates/api/src/main.rs:3:5", "  --> crates/api/src/main.rs:3:5"),
        ("api v0.1.0 (/app)", "api v0.1.0 (/home/me/work)"),
        ("cwd: '/app'", "cwd: '/home/me/work'"),
        ("`/app/target/release/build/x` /app/target", "`/app/target/release/build/x` /app/target"),
        ("/srv/app/data and /application and /apps/x", "/srv/app/data and /application and /apps/x"),
        ("-I/app/include:/app/more", "-I/app/include:more"),
        ("/app/src/../data/x.json", "data/x.json"),
    ] {
        assert_eq!(places.shown(line), shown);
    }
    assert_eq!(Places::default().shown("/app/x"), "/app/x");
    assert_eq!(places.here("/app/a/../b").unwrap(), "/home/me/work/b");
    assert_eq!(places.here("src/../b").unwrap(), "/home/me/work/b");
    assert_eq!(places.here("/usr/lib/x"), None);
}

/// The file is there and not in the build: then the ignore file is what mends it.
#[test]
fn a_file_that_the_tree_has_was_left_out() {
    let tree = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(tree.path()).unwrap();
    let places = Places::testing(root.as_str(), &[]);
    let help = |output: &str| explain(&heard(output), "", &places, By::Engine).advice.unwrap().help;
    assert!(help(output!("include")).contains("not in your tree"));
    fs_err::create_dir_all(root.join("web/data")).unwrap();
    fs_err::create_dir_all(root.join("web/src")).unwrap();
    fs_err::write(root.join("web/data/words.txt"), "").unwrap();
    assert!(help(output!("include")).contains("`!web/data/words.txt`"));
    fs_err::create_dir_all(root.join("web/dist")).unwrap();
    assert!(help(output!("embed")).contains("`!web/dist`"));
}

/// This machine gets no packages from the metadata.
#[test]
fn help_for_this_machine_is_another() {
    let help = |output: &str| explain(&heard(output), "", &places(), By::Machine).advice.unwrap();
    let advice = help(output!("build-script-program"));
    if which::which("tailwindcss").is_err() {
        assert!(advice.help.starts_with("install `tailwindcss` on this machine") && advice.lacks, "{advice:?}");
    }
    assert!(!help(output!("compile-error")).lacks);
}

#[test]
fn a_program_that_debian_has_is_named_by_its_package() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explain/outputs/drawn-build.rs");
    let output = output!("build-script-program").replace("styled", "drawn").replace("tailwindcss", "run dot");
    for (local, package) in [(true, "graphviz"), (false, "graphviz")] {
        let places = Places::testing("/home/me/work", &[("drawn 0.1.0", script, local)]);
        let advice = explain(&heard(&output), "", &places, By::Engine).advice.unwrap();
        assert!(advice.help.contains(&format!("packages = [\"{package}\"]")), "{advice:?}");
    }
}

#[test]
fn every_row_is_reached_by_its_signs_and_examples() {
    assert!(table::rows().len() >= 40);
    for row in table::rows() {
        let plain = row.is_plain();
        assert!(plain || row.finds_package_or_program() || !row.examples.is_empty(), "{:?} has no example", row.signs);
        let signs = row.signs.iter().filter(|_| plain).map(|sign| format!("error: {sign} …"));
        for text in signs.chain(row.examples.iter().cloned()) {
            let found = table::rows().iter().find(|row| row.applied(&text, &places(), By::Engine).is_some());
            assert!(
                found.is_some_and(|found| std::ptr::eq(found, row)),
                "{text} is answered by {:?}",
                found.map(|row| &row.signs)
            );
        }
    }
}
