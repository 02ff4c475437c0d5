//! Files that no build needs and these tests do, under names that are left out elsewhere.

use std::path::Path;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(Path::new("tests/fixtures").join(name)).unwrap()
}

#[test]
fn a_certificate() {
    assert_eq!(fixture("server.pem"), "no certificate\n");
}

#[test]
fn settings() {
    assert_eq!(fixture(".env"), "BOOKS=3\n");
}

#[test]
fn a_folder_called_target() {
    assert_eq!(fixture("target/list.txt"), "one\n");
}

#[test]
fn a_dependency_of_tests_alone() {
    assert_eq!(itoa::Buffer::new().format(3), "3");
}
