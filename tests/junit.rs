//! What the stage `test` makes of the lines that libtest prints: read back as the tool reads it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::process::Command;

use cargo_dockerize::measure::Tests;
use support::Tree;

/// The report of these files; the awk is this machine's.
fn report(files: &[(&str, &str)]) -> (Tests, String) {
    let tree = Tree::of(files);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/dockerfile/junit.awk");
    let mut awk = Command::new("awk");
    awk.args(["-f", script]).args(files.iter().map(|(name, _)| *name)).current_dir(tree.path());
    let output = awk.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let xml = String::from_utf8(output.stdout).unwrap();
    (Tests::parse(&xml).unwrap_or_else(|| panic!("{xml}")), xml)
}

fn of(log: &str) -> (Tests, String) {
    report(&[("output.log", log)])
}

fn counts(tests: &Tests) -> (usize, usize, usize) {
    (tests.count, tests.failed, tests.skipped)
}

#[test]
fn names_failures_and_what_was_passed_over() {
    let (tests, xml) = of("\
   Compiling app v0.1.0 (/app)
     Running unittests src/lib.rs (target/debug/deps/app-0123456789abcdef)

running 4 tests
test a::passes ... ok
test a::waits ... ignored, it takes a while
test a::panics - should panic ... FAILED
test a::fails ... FAILED

failures:

---- a::panics stdout ----
note: test did not panic as expected
---- a::fails stdout ----
said <&\"> before

thread 'a::fails' panicked at src/lib.rs:3:5:
assertion failed: 1 > 2


failures:
    a::fails
    a::panics

test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.25s

error: test failed, to rerun pass `--lib`
   Doc-tests app

running 2 tests
test src/lib.rs - one (line 1) ... ok
test src/lib.rs - other (line 5) - compile fail ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.50s

error: 1 target failed:
    `--lib`
");
    assert_eq!(counts(&tests), (6, 2, 1));
    assert!((tests.seconds - 0.75).abs() < 1e-9);
    let names: Vec<_> = tests.failures.iter().map(|test| (&*test.suite, &*test.name)).collect();
    assert_eq!(names, [("app", "a::panics"), ("app", "a::fails")]);
    assert_eq!(tests.failures[0].output, "note: test did not panic as expected");
    assert!(tests.failures[1].output.starts_with("said <&\"> before\n\nthread 'a::fails' panicked"));
    assert!(xml.contains("message=\"thread 'a::fails' panicked at src/lib.rs:3:5:\""), "{xml}");
    assert!(xml.contains("<testsuite name=\"app (documentation)\" tests=\"2\""), "{xml}");
}

#[test]
fn output_between_a_name_and_its_end() {
    // --nocapture, colours, times, and the warning about tests that take long.
    let (tests, xml) = of("
     Running tests/all.rs (target/debug/deps/all-0123456789abcdef)
running 4 tests
test talks ... hello
ok
test coloured ... \u{1b}[32mok\u{1b}(B\u{1b}[m
test timed ... ok <0.125s>
test slow has been running for over 60 seconds
test slow ... FAILED <61.000s>
test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 61.00s
error: test failed, to rerun pass `--test all`
");
    assert_eq!(counts(&tests), (4, 1, 0));
    assert!(xml.contains("name=\"timed\" classname=\"all\" time=\"0.125\""), "{xml}");
    assert_eq!(tests.failures[0].name, "slow");
}

#[test]
fn programs_that_are_none_of_libtest() {
    let (tests, _) = of("
     Running tests/own.rs (target/debug/deps/own-0123456789abcdef)
all of it is well
     Running tests/bad.rs (target/debug/deps/bad-0123456789abcdef)
something is wrong
error: test failed, to rerun pass `--test bad`

Caused by:
  process didn't exit successfully: `/app/target/debug/deps/bad-0123456789abcdef` (exit status: 3)
     Running tests/abort.rs (target/debug/deps/abort-0123456789abcdef)

running 2 tests
test first ... ok
test second ... error: test failed, to rerun pass `--test abort`

Caused by:
  process didn't exit successfully: `/app/target/debug/deps/abort-0123456789abcdef` (signal: 6, SIGABRT: process abort signal)
error: 2 targets failed:
    `--test bad`
    `--test abort`
");
    assert_eq!(counts(&tests), (3, 2, 0));
    let bad = &tests.failures[0];
    assert_eq!((&*bad.suite, &*bad.name), ("bad", "bad"));
    assert!(bad.output.contains("something is wrong") && bad.output.contains("exit status: 3"), "{}", bad.output);
    assert_eq!(tests.failures[1].name, "second");
    assert!(tests.failures[1].output.contains("SIGABRT"), "{}", tests.failures[1].output);
}

#[test]
fn programs_of_one_name() {
    let (tests, _) = of("
     Running tests/all.rs (target/debug/deps/all-0123456789abcdef)
test same ... FAILED
failures:
---- same stdout ----
the first
failures:
    same
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
error: test failed, to rerun pass `-p one --test all`
     Running tests/all.rs (target/debug/deps/all-fedcba9876543210)
test same ... FAILED
failures:
---- same stdout ----
the second
failures:
    same
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
error: test failed, to rerun pass `-p other --test all`
");
    assert_eq!(counts(&tests), (2, 2, 0));
    assert_eq!((&*tests.failures[0].output, &*tests.failures[1].output), ("the first", "the second"));
    assert_eq!(tests.failures[1].suite, "all (2)");
}

#[test]
fn a_report_of_nextest_and_the_documentation() {
    let nextest = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="2" skipped="0" failures="1" errors="0" uuid="u" timestamp="t" time="0.193">
    <testsuite name="app" tests="2" skipped="0" errors="0" failures="1">
        <testcase name="good" classname="app" time="0.010"/>
        <testcase name="bad" classname="app" time="0.192">
            <failure message="m" type="test failure with exit code 101">why</failure>
        </testcase>
    </testsuite>
</testsuites>
"#;
    let documentation = "   Doc-tests app\n\nrunning 1 test\ntest src/lib.rs - one (line 1) ... ok\n";
    let (tests, xml) = report(&[("junit.xml", nextest), ("output.log", documentation)]);
    assert_eq!(counts(&tests), (3, 1, 0));
    assert!(
        xml.contains(
            "<testsuites name=\"tests\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0.193\">"
        ),
        "{xml}"
    );
    let (nothing, _) = report(&[("output.log", "")]);
    assert_eq!(nothing, Tests::default());
}
