use serde_json::json;

use super::*;
use crate::image::testing::{archive, layout, plan};

/// What a copy over a link would hide: everything that the base has behind it.
#[test]
fn libraries_go_behind_the_links_of_a_base() {
    let rows = [
        ("usr/lib/x86_64-linux-gnu/", 0o755, 0, b"".as_slice()),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", 0o755, 0, b"theirs"),
        ("lib -> usr/lib", 0o777, 0, b""),
    ];
    let base = layout(&json!({}), &[("", archive(&rows))]).images().unwrap().remove(0);
    let image = model::Image { layers: vec!["libraries".to_owned()], ..plan() };
    let places = ["/lib/x86_64-linux-gnu/libz.so.1", "/opt/libodd.so"];
    let libraries = places.map(|at| Library { at: at.into(), host: "/host".into() });
    let left_out = Matcher::new(Vec::<&str>::new()).unwrap();
    let paths = |base: Option<&Image>| {
        let source = Source {
            image: &image,
            context: Utf8Path::new("/"),
            left_out: &left_out,
            program: Utf8Path::new("/app"),
            libraries: &libraries,
            base,
        };
        let (_, tree) = layers(&source).unwrap().remove(0);
        let all = ["/usr/lib/x86_64-linux-gnu/libz.so.1", "/lib/x86_64-linux-gnu/libz.so.1", "/lib", "/opt/libodd.so"];
        all.map(|path| tree.contains(path))
    };
    assert_eq!(paths(Some(&base)), [true, false, false, true]);
    assert_eq!(paths(None), [false, true, true, true]);
}
