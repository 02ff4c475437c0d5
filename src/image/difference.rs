//! Two images of the same sources, held against each other: configuration, layers, and file by file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entry, FileKind, Image, Layer, Name, contents, elf, layer};
use crate::failure::Result;

/// Beyond so many no file is looked into: who has as many has one reason for them.
const LOOKED_INTO: usize = 50;

/// The section that names a program by its contents.
const BUILD_ID: &str = ".note.gnu.build-id";

/// How many letters of what stands around a difference are shown.
const EXCERPT: usize = 60;

/// Something that is not the same in two images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// Where: `/usr/local/bin/api`, `configuration /created`, `layer 2`.
    pub place: String,
    /// What: `mode`, `contents`, `time`.
    pub what: String,
    /// What it is in the first one.
    pub first: String,
    /// And in the second.
    pub second: String,
}

impl Difference {
    fn new(place: &str, what: &str, first: impl Into<String>, second: impl Into<String>) -> Self {
        Self { place: place.to_owned(), what: what.to_owned(), first: first.into(), second: second.into() }
    }
}

/// Says what differs; nothing where both have the same digest.
///
/// # Errors
/// A layer cannot be read.
pub fn differences(first: &Image, second: &Image) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    if first.digest == second.digest {
        return Ok(found);
    }
    let [(own, config), (other, others)] = [first.documents()?, second.documents()?];
    json("configuration ", &described(config), &described(others), &mut found);
    json("manifest ", &undigested(own), &undigested(other), &mut found);
    if first.layers.len() != second.layers.len() {
        let count = |image: &Image| image.layers.len().to_string();
        found.push(Difference::new("image", "layers", count(first), count(second)));
    }
    for (at, (one, other)) in first.layers.iter().zip(&second.layers).enumerate() {
        if one.digest != other.digest {
            layers(&format!("layer {}", at.saturating_add(1)), (first, one), (second, other), &mut found)?;
        }
    }
    if found.is_empty() {
        found.push(Difference::new("image", "digest", &first.digest, &second.digest));
    }
    Ok(found)
}

/// The configuration without what follows from the layers.
fn described(mut config: Value) -> Value {
    if let Some(all) = config.as_object_mut() {
        all.remove("rootfs");
    }
    config
}

/// The manifest without what is looked at by itself.
fn undigested(mut manifest: Value) -> Value {
    if let Some(all) = manifest.as_object_mut() {
        all.remove("config");
        for layer in all.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
            for key in ["digest", "size"] {
                layer.as_object_mut().and_then(|layer| layer.remove(key));
            }
        }
    }
    manifest
}

/// The smallest values that differ, by their paths.
fn json(path: &str, first: &Value, second: &Value, found: &mut Vec<Difference>) {
    match (first, second) {
        (Value::Object(one), Value::Object(other)) => {
            for key in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                json(&format!("{path}/{key}"), &of(one), &of(other), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (at, (one, other)) in one.iter().zip(other).enumerate() {
                json(&format!("{path}/{at}"), one, other, found);
            }
        }
        _ if first == second => {}
        _ => found.push(Difference::new(path, "value", first.to_string(), second.to_string())),
    }
}

fn layers(
    name: &str,
    (first, one): (&Image, &Layer),
    (second, other): (&Image, &Layer),
    found: &mut Vec<Difference>,
) -> Result<()> {
    let before = found.len();
    let by_path = |layer: &Layer| layer.entries.iter().map(|entry| (entry.path.clone(), entry.clone())).collect();
    let [ours, theirs]: [BTreeMap<Name, Entry>; 2] = [by_path(one), by_path(other)];
    let sums = [contents::sums(&first.layout, one)?, contents::sums(&second.layout, other)?];
    let mut looked: usize = 0;
    for path in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let (Some(our), Some(their)) = (ours.get(path), theirs.get(path)) else {
            let there = |there: bool| if there { format!("in {name}") } else { "not there".to_owned() };
            found.push(Difference::new(path, "file", there(ours.contains_key(path)), there(theirs.contains_key(path))));
            continue;
        };
        entries(path, our, their, found);
        if sums[0].get(path) == sums[1].get(path) {
            continue;
        }
        looked = looked.saturating_add(1);
        if looked > LOOKED_INTO {
            found.push(Difference::new(path, "contents", "others", "others"));
            continue;
        }
        let read = |image: &Image, layer| layer::contents(&image.layout, layer, path);
        if let (Some(our), Some(their)) = (read(first, one)?, read(second, other)?) {
            found.extend(bytes(path, &our, &their));
        }
    }
    if found.len() == before {
        let order = |layer: &Layer| layer.entries.iter().map(|entry| entry.path.clone()).collect::<Vec<_>>();
        let what = if order(one) == order(other) { "packing" } else { "order of files" };
        found.push(Difference::new(name, what, format!("blob {}", one.digest), format!("blob {}", other.digest)));
    }
    Ok(())
}

/// What a file is, beside its bytes.
fn entries(path: &str, our: &Entry, their: &Entry, found: &mut Vec<Difference>) {
    let (our, their) = (&our.file, &their.file);
    let kind = |kind: &FileKind| match kind {
        FileKind::Link(to) => format!("a link to {to}"),
        FileKind::HardLink(to) => format!("another name of {to}"),
        other => format!("{other:?}").to_lowercase(),
    };
    let owner = |uid: u64, gid: u64| format!("{uid}:{gid}");
    for (what, first, second) in [
        ("kind", kind(&our.kind), kind(&their.kind)),
        ("mode", format!("{:04o}", our.mode), format!("{:04o}", their.mode)),
        ("owner", owner(our.uid, our.gid), owner(their.uid, their.gid)),
        ("time", time(our.time), time(their.time)),
        ("size", our.size.to_string(), their.size.to_string()),
    ] {
        if first != second {
            found.push(Difference::new(path, what, first, second));
        }
    }
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}

/// Where the bytes of a file part ways, and what stands there: of a program, in each of its sections.
fn bytes(path: &str, first: &[u8], second: &[u8]) -> Vec<Difference> {
    let theirs: BTreeMap<String, &[u8]> =
        elf::sections(second).into_iter().map(|(name, _, bytes)| (name, bytes)).collect();
    let mut found: Vec<(String, Difference)> = Vec::new();
    for (name, start, ours) in elf::sections(first) {
        let theirs = theirs.get(&name).copied().unwrap_or_default();
        if ours != theirs {
            let place = format!(" in {name}");
            found.push((name, part(path, (ours, start, &place), theirs)));
        }
    }
    // It is a digest of the others.
    if found.len() > 1 {
        found.retain(|(name, _)| name != BUILD_ID);
    }
    if found.is_empty() {
        return vec![part(path, (first, 0, ""), second)];
    }
    found.into_iter().map(|(_, difference)| difference).collect()
}

fn part(path: &str, (first, start, place): (&[u8], usize, &str), second: &[u8]) -> Difference {
    let at = first.iter().zip(second).position(|(one, other)| one != other);
    let at = at.unwrap_or_else(|| first.len().min(second.len()));
    let count = first.iter().zip(second).filter(|(one, other)| one != other).count();
    let count = count.saturating_add(first.len().abs_diff(second.len()));
    let what = format!("contents, from byte {:#x}{place} ({count} bytes)", start.saturating_add(at));
    Difference::new(path, &what, excerpt(first, at), excerpt(second, at))
}

/// The text around a place, or its bytes.
fn excerpt(bytes: &[u8], at: usize) -> String {
    let is_text = |byte: &u8| (b' '..=b'~').contains(byte);
    let before = bytes.get(..at).unwrap_or(bytes).iter().rev().take(EXCERPT / 2).take_while(|byte| is_text(byte));
    let start = at.saturating_sub(before.count());
    let text: String =
        bytes.iter().skip(start).take_while(|byte| is_text(byte)).take(EXCERPT).map(|byte| char::from(*byte)).collect();
    if start.saturating_add(text.len()) > at && text.len() >= 4 {
        return format!("{text:?}");
    }
    let digits: Vec<String> = bytes.iter().skip(at).take(16).map(|byte| format!("{byte:02x}")).collect();
    if digits.is_empty() { "the end".to_owned() } else { digits.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Row, archive, layout};
    use super::*;
    use serde_json::json;

    fn between(first: (&Value, &[Row<'_>]), second: (&Value, &[Row<'_>])) -> Vec<Difference> {
        let made = [first, second].map(|(config, rows)| layout(config, &[("", archive(rows))]));
        let images = [&made[0], &made[1]].map(|made| made.images().unwrap().remove(0));
        differences(&images[0], &images[1]).unwrap()
    }

    fn of_files(first: &[Row<'_>], second: &[Row<'_>]) -> Vec<Difference> {
        between((&json!({}), first), (&json!({}), second))
    }

    #[test]
    fn the_same_image_has_no_differences() {
        let rows: &[Row<'_>] = &[("a", 0o644, 0, b"one")];
        assert!(of_files(rows, rows).is_empty());
    }

    #[test]
    fn files_differ_in_what_they_are_and_in_their_bytes() {
        let found = of_files(
            &[
                ("a", 0o644, 0, b"at 2026-11-25\0"),
                ("b", 0o755, 1, b""),
                ("c -> d", 0o777, 0, b""),
                ("gone", 0o644, 0, b""),
            ],
            &[("a", 0o644, 0, b"at 2026-11-26\0"), ("b", 0o700, 2, b""), ("c -> e", 0o777, 0, b"")],
        );
        let words = |place, what, first, second| Difference::new(place, what, first, second);
        let expected = [
            words("/a", "contents, from byte 0xc (1 bytes)", "\"at 2026-11-25\"", "\"at 2026-11-26\""),
            words("/b", "mode", "0755", "0700"),
            words("/b", "owner", "1:1", "2:2"),
            words("/c", "kind", "a link to d", "a link to e"),
            words("/gone", "file", "in layer 1", "not there"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn longer_files_part_ways_at_the_end_of_the_shorter() {
        let found = bytes("/a", b"\x01\x02", b"\x01\x02\x03").remove(0);
        let expected = ["contents, from byte 0x2 (1 bytes)", "the end", "03"];
        assert_eq!([found.what, found.first, found.second], expected);
    }

    #[test]
    fn the_order_of_files_counts() {
        let (a, b): (Row<'_>, Row<'_>) = (("a", 0o644, 0, b""), ("b", 0o644, 0, b""));
        let found = of_files(&[a, b], &[b, a]);
        assert_eq!((found.len(), found[0].place.as_str(), found[0].what.as_str()), (1, "layer 1", "order of files"));
    }

    #[test]
    fn configurations_differ_by_their_smallest_values() {
        let rows: &[Row<'_>] = &[("a", 0o644, 0, b"")];
        let found = between((&json!({"Env": ["A=1", "B=1"]}), rows), (&json!({"Env": ["A=1", "B=2"]}), rows));
        assert_eq!(found, [Difference::new("configuration /config/Env/1", "value", "\"B=1\"", "\"B=2\"")]);
    }

    #[test]
    fn a_programs_difference_has_its_section() {
        let program = fs_err::read(std::env::current_exe().unwrap()).unwrap();
        let at = program.windows(20).position(|window| window == b"no-section-like-this").unwrap();
        let mut other = program.clone();
        other[at + 3..at + 10].copy_from_slice(b"SECTION");
        let build_id = elf::sections(&program).into_iter().find(|(name, ..)| name == BUILD_ID);
        if let Some((_, start, _)) = build_id {
            other[start + 20] ^= 1;
        }
        let found = bytes("/a", &program, &other);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].what, format!("contents, from byte {:#x} in .rodata (7 bytes)", at + 3));
        assert!(found[0].second.contains("no-SECTION-like-this"), "{found:?}");
        assert!(elf::sections(b"#!/bin/sh").is_empty());
    }
}
