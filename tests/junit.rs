//! The report that is made of the lines that libtest prints.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use cargo_dockerize::failure::Kind;
use cargo_dockerize::measure::Tests;
use proptest::prelude::*;
use support::Tree;

/// The results that these files are read as, and the report.
fn report(files: &[(&str, &str)]) -> (Tests, String) {
    let tree = Tree::of(files);
    let tests = Tests::read(tree.path()).unwrap();
    let xml = fs_err::read_to_string(tree.path().join("junit.xml")).unwrap();
    let tests = tests.unwrap_or_else(|| panic!("{xml}"));
    assert_eq!(tests.reports, [tree.path().join("junit.xml")]);
    assert_eq!(Tests::parse(&xml), Some(Tests { reports: Vec::new(), ..tests.clone() }));
    (tests, xml)
}

/// Whether the report has such an element with these attributes.
fn has(xml: &str, element: &str, attributes: &[(&str, &str)]) -> bool {
    roxmltree::Document::parse(xml).unwrap().descendants().any(|node| {
        node.has_tag_name(element) && attributes.iter().all(|(name, value)| node.attribute(*name) == Some(value))
    })
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
    assert!(has(&xml, "failure", &[("message", "thread 'a::fails' panicked at src/lib.rs:3:5:")]), "{xml}");
    assert!(has(&xml, "testsuite", &[("name", "app (documentation)"), ("tests", "2")]), "{xml}");
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
    assert!(has(&xml, "testcase", &[("name", "timed"), ("classname", "all"), ("time", "0.125")]), "{xml}");
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
<testsuites name="nextest-run" tests="2" skipped="0" failures="1" errors="0" uuid="0e6f8f9c-6a0e-4a53-9e52-000000000001" timestamp="2026-11-25T14:00:00.000+00:00" time="0.193">
    <testsuite name="app" tests="2" skipped="0" errors="0" failures="1">
        <testcase name="good" classname="app" time="0.010"/>
        <testcase name="bad" classname="app" time="0.192">
            <failure message="m" type="test failure with exit code 101">why</failure>
        </testcase>
    </testsuite>
</testsuites>
"#;
    let documentation = "   Doc-tests app\n\nrunning 1 test\ntest src/lib.rs - one (line 1) ... ok\n";
    let (tests, xml) = report(&[("nextest.xml", nextest), ("output.log", documentation)]);
    assert_eq!(counts(&tests), (3, 1, 0));
    let all =
        [("name", "tests"), ("tests", "3"), ("failures", "1"), ("errors", "0"), ("skipped", "0"), ("time", "0.193")];
    assert!(has(&xml, "testsuites", &all), "{xml}");
    let (nothing, _) = report(&[("output.log", "")]);
    assert_eq!(Tests { reports: Vec::new(), ..nothing }, Tests::default());
}

#[test]
fn the_last_lines_of_a_program_that_dies() {
    let lines = (0..500).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
    let (tests, _) = of(&format!(
        "     Running tests/own.rs (target/debug/deps/own-0123456789abcdef)\n{lines}\nerror: test failed, to rerun pass `--test own`\n\nCaused by:\n  process didn't exit successfully (signal: 9, SIGKILL: kill)\n"
    ));
    assert_eq!(counts(&tests), (1, 1, 0));
    let output = &tests.failures[0].output;
    assert_eq!(output.lines().count(), 200);
    assert!(output.starts_with("line 303\n") && output.ends_with("SIGKILL: kill)"), "{output}");
}

#[test]
fn characters_that_xml_does_not_allow() {
    let (tests, xml) = of("
     Running tests/all.rs (target/debug/deps/all-0123456789abcdef)
test waits ... ignored, for \"<a & b>\"
test prints ... FAILED
failures:
---- prints stdout ----
\ttab, \u{7} bell, \u{fffe}\u{ffff} none, \u{1b}]8;;link\u{1b}\\ text
an escape that does not end \u{1b}[
the line after it
failures:
    prints
");
    assert_eq!(counts(&tests), (2, 1, 1));
    let expected = "tab,  bell,  none,  text\nan escape that does not end \nthe line after it";
    assert_eq!(tests.failures[0].output, expected);
    assert!(has(&xml, "failure", &[("message", "    tab,  bell,  none,  text"), ("type", "test failure")]), "{xml}");
    assert!(has(&xml, "skipped", &[("message", "for \"<a & b>\"")]), "{xml}");
}

#[test]
fn a_folder_a_platform_and_reports_that_are_ready() {
    let log = "     Running a (a-0)\ntest one ... ok\n";
    let ready = "<testsuites><testsuite name=\"s\"><testcase name=\"other\"/></testsuite></testsuites>";
    let tree = Tree::of(&[("linux_amd64/output.log", log), ("linux_arm64/junit.xml", ready)]);
    let tests = Tests::read(tree.path()).unwrap().unwrap();
    assert_eq!(counts(&tests), (2, 0, 0));
    let reports = ["linux_amd64/junit.xml", "linux_arm64/junit.xml"].map(|report| tree.path().join(report));
    assert_eq!(tests.reports, reports);
    assert_eq!(fs_err::read_to_string(&reports[1]).unwrap(), ready);
    // What is read again is the same.
    assert_eq!(Tests::read(tree.path()).unwrap(), Some(tests));
    assert_eq!(Tests::read(Tree::of(&[]).path()).unwrap(), None);
}

#[test]
fn a_report_of_nextest_that_is_cut_off() {
    let tree = Tree::of(&[("nextest.xml", "<testsuites tests=\"2\"><testsuite name=\"app\">"), ("output.log", "")]);
    let failure = Tests::read(tree.path()).unwrap_err();
    assert_eq!(failure.kind(), Kind::Build);
    assert_eq!(failure.to_string(), "nextest's report cannot be read");
}

/// A piece of a log: what libtest and cargo print, and anything else.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "\n",
        "\r\n",
        "     Running unittests src/lib.rs (target/debug/deps/app-0123456789abcdef)\n",
        "     Running (",
        "   Doc-tests app\n",
        "   Doc-tests ",
        "test a::b",
        "test a::b - should panic",
        " ... ",
        "ok",
        "FAILED",
        "ignored, <\"&'>",
        " <0.125s>",
        " <99999999999999999999999999s>",
        " <...s>",
        "failures:\n",
        "---- a::b stdout ----\n",
        "---- ",
        " ----\n",
        "test result: ok. finished in 0.25s\n",
        "test result: finished in 18446744073709551615s\n",
        "error: test failed, to rerun pass `--lib`\n",
        "error: doctest failed, to rerun pass `--doc`\n",
        "error: 2 targets failed:\n",
        "thread 'a::b' panicked at ",
        "]]>",
        "\u{1b}[",
        "\u{1b}[32m",
        "\u{1b}]0;",
        "\0\u{1}\u{7f}\u{85}\u{fffe}\u{ffff}\u{feff}",
    ]);
    prop_oneof![
        8 => known.prop_map(|known| known.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0_usize..100_000).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_log_is_too_bad(pieces in prop::collection::vec(piece(), 0..40)) {
        let tree = Tree::of(&[]);
        fs_err::write(tree.path().join("output.log"), pieces.concat()).unwrap();
        let tests = Tests::read(tree.path()).unwrap();
        let xml = fs_err::read_to_string(tree.path().join("junit.xml")).unwrap();
        prop_assert!(tests.is_some(), "{}", xml);
        let [tests, failures, skipped] = <[usize; 3]>::from(counts(&tests.unwrap())).map(|count| count.to_string());
        prop_assert!(has(&xml, "testsuites", &[("tests", &tests), ("failures", &failures), ("skipped", &skipped)]), "{}", xml);
    }

    #[test]
    fn no_report_of_nextest_is_too_bad(pieces in prop::collection::vec(prop::sample::select(vec![
        "<testsuites", "<testsuite", "<testcase", "<failure", "</testsuites>", "</testsuite>", "</testcase>", "</failure>", "/>", ">",
        " name=\"a\"", " tests=\"18446744073709551615\"", " time=\"1e19\"", " time=\"-1\"", " 1=''", "&#0;", "&#xfffe;", "<![CDATA[", "]]>",
        "<!DOCTYPE a [<!ENTITY b \"&b;\">]>", "&b;", "\0", "\u{1b}[",
    ]), 0..30)) {
        let log = "     Running a (a-0)\ntest one ... ok\ntest result: finished in 18446744073709551615s\n";
        let start = "<testsuites name=\"a\" tests=\"18446744073709551615\" time=\"18446744073709550000\">";
        for xml in [pieces.concat(), format!("{start}{}</testsuites>", pieces.concat())] {
            let tree = Tree::of(&[("output.log", log), ("nextest.xml", &xml)]);
            if let Err(failure) = Tests::read(tree.path()) {
                prop_assert_eq!(failure.kind(), Kind::Build);
            }
        }
    }
}
