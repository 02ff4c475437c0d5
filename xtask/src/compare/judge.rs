//! Holds the two sides against each other, kind by kind.
//!
//! What a person found comes first, as long as the difference is the one that was looked at. Rules are those that are certain.
//! Everything else is not known until somebody looks at it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::facts::{Kind, last};
use super::ours::Ours;
use super::repository::Case;
use super::theirs::Theirs;

/// Who is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Both say the same.
    Agree,
    /// Both say the same, because the plan took it from the repository.
    Taken,
    /// The plan is right, or says more.
    Ours,
    /// The Dockerfile is right: a defect of ours.
    Theirs,
    /// Nobody can tell, or nobody has looked.
    Unknown,
}

impl Verdict {
    /// Whether a person can say so.
    pub fn is_judgement(self) -> bool {
        self != Self::Taken
    }
}

/// What came of one kind of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub kind: Kind,
    pub verdict: Verdict,
    /// What differs, in the words of the report; empty: nothing does.
    pub seen: String,
    /// Why the verdict is that; none: nobody has looked at it.
    pub why: Option<String>,
}

/// Every kind that one of the sides says something of.
pub fn judge(theirs: &Theirs, ours: &Ours, cases: &[Case]) -> Vec<Fact> {
    // Of a program without an image there is nothing else to compare.
    let kinds = Kind::ALL.into_iter().filter(|kind| ours.missing.is_empty() || *kind == Kind::Binary);
    kinds.filter_map(|kind| one(kind, theirs, ours, cases)).collect()
}

fn one(kind: Kind, theirs: &Theirs, ours: &Ours, cases: &[Case]) -> Option<Fact> {
    let (own, mine) = (theirs.facts.of(kind), ours.facts.of(kind));
    // A Dockerfile whose program is not known says nothing of it, and folders that the user may write to are none to keep.
    if own.is_empty() && (mine.is_empty() || [Kind::Binary, Kind::Volumes].contains(&kind)) {
        return None;
    }
    if theirs.whole && kind == Kind::Assets {
        // What ours has is in theirs; what else the program reads of it nobody knows.
        return (!mine.is_empty()).then(|| Fact { kind, verdict: Verdict::Agree, seen: String::new(), why: None });
    }
    let (mut left, mut right) = (own.clone(), mine.clone());
    let mut why = None;
    if kind == Kind::Packages {
        (left, why) = packages(&own, ours);
        right.retain(|package| own.contains(package) || !brings(&theirs.base, package));
    }
    if kind == Kind::Volumes {
        left.retain(|folder| !mine.iter().any(|own| holds(own, folder)));
        right.retain(|folder| !own.iter().any(|other| holds(folder, other)));
    }
    let (lacks, adds): (BTreeSet<&String>, BTreeSet<&String>) =
        (left.difference(&right).collect(), right.difference(&left).collect());
    if lacks.is_empty() && adds.is_empty() {
        let taken = ours.taken.contains(&kind);
        let verdict = match why {
            Some(_) => Verdict::Ours,
            None if taken => Verdict::Taken,
            None => Verdict::Agree,
        };
        return Some(Fact { kind, verdict, seen: String::new(), why });
    }
    let seen = format!("theirs {}, ours {}", listed(&lacks), listed(&adds));
    let case = cases.iter().find(|case| case.fact == kind && case.seen == seen);
    let (verdict, why) = match case {
        Some(case) => (case.verdict, Some(case.why.clone())),
        None if lacks.is_empty() => match rule(kind, &adds, ours) {
            Some(why) => (Verdict::Ours, Some(why)),
            None => (Verdict::Unknown, None),
        },
        None => (Verdict::Unknown, None),
    };
    Some(Fact { kind, verdict, seen, why })
}

/// What is certain where the plan says more and nothing else: a program that reads files has to find them.
fn rule(kind: Kind, adds: &BTreeSet<&String>, ours: &Ours) -> Option<String> {
    let reads = |package: &&String| ours.readers.get(package.as_str()).cloned();
    let readers: Option<Vec<String>> = adds.iter().map(reads).collect();
    readers.filter(|_| kind == Kind::Packages).map(|readers| readers.join("; "))
}

/// Whether an image has a package's files though nobody installs it there.
fn brings(base: &str, package: &str) -> bool {
    let on = |names: &[&str]| names.iter().any(|name| base.contains(name));
    match package {
        "ca-certificates" => {
            on(&["distroless", "chainguard", "rust", "buildpack", "cargo-chef", "alpine", "fedora", "amazonlinux"])
        }
        "tzdata" => {
            on(&["distroless", "chainguard", "debian", "rust", "buildpack", "cargo-chef"]) && !base.contains("alpine")
        }
        _ => false,
    }
}

/// Packages that the plan has to name, and why others need none. Libraries that a program is linked with come with it.
fn packages(own: &BTreeSet<String>, ours: &Ours) -> (BTreeSet<String>, Option<String>) {
    let init = |name: &str| ["tini", "dumb-init", "catatonit"].contains(&name);
    let library = |name: &str| {
        let named = name.starts_with("lib") || name.ends_with("-dev");
        named || ["openssl", "llvm-libunwind", "pkg-config"].contains(&name)
    };
    let named = |name: &String| if init(name) { "init".to_owned() } else { name.clone() };
    let left: BTreeSet<String> = own.iter().filter(|name| !library(name)).map(named).collect();
    let libraries = left.is_empty() && ours.is_static && ours.facts.of(Kind::Packages).is_empty();
    (left, libraries.then(|| "the program is linked statically and needs no library".to_owned()))
}

/// Whether a folder of ours stands for one of theirs: the same, one inside of it, or one of the same name.
fn holds(own: &str, other: &str) -> bool {
    let inside = other.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    inside || last(own) == last(other)
}

fn listed(items: &BTreeSet<&String>) -> String {
    match items.len() {
        0 => "none".to_owned(),
        _ => items.iter().map(|item| item.as_str()).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::facts::Facts;

    fn facts(items: &[(Kind, &str)]) -> Facts {
        let mut facts = Facts::default();
        for &(kind, item) in items {
            facts.add(kind, item);
        }
        facts
    }

    fn sides(theirs: &[(Kind, &str)], ours: &[(Kind, &str)]) -> (Theirs, Ours) {
        let theirs = Theirs { facts: facts(theirs), base: "debian:slim".to_owned(), whole: false };
        (theirs, Ours { facts: facts(ours), ..Ours::default() })
    }

    fn verdict(theirs: &Theirs, ours: &Ours, cases: &[Case]) -> Option<(Verdict, String)> {
        judge(theirs, ours, cases).into_iter().next().map(|fact| (fact.verdict, fact.seen))
    }

    #[test]
    fn what_nobody_speaks_of_is_left_out() {
        let (theirs, ours) = sides(&[], &[]);
        assert_eq!(judge(&theirs, &ours, &[]), []);
    }

    #[test]
    fn what_was_taken_is_counted_apart() {
        let (theirs, mut ours) = sides(&[(Kind::Ports, "80")], &[(Kind::Ports, "80")]);
        assert_eq!(verdict(&theirs, &ours, &[]), Some((Verdict::Agree, String::new())));
        ours.taken.insert(Kind::Ports);
        assert_eq!(verdict(&theirs, &ours, &[]), Some((Verdict::Taken, String::new())));
    }

    #[test]
    fn a_case_holds_for_the_difference_that_was_seen() {
        let (theirs, ours) = sides(&[(Kind::Ports, "80")], &[(Kind::Ports, "81")]);
        let case = |seen: &str| Case {
            fact: Kind::Ports,
            verdict: Verdict::Theirs,
            seen: seen.to_owned(),
            why: "it listens there".to_owned(),
        };
        let seen = "theirs 80, ours 81";
        assert_eq!(verdict(&theirs, &ours, &[case(seen)]), Some((Verdict::Theirs, seen.to_owned())));
        assert_eq!(verdict(&theirs, &ours, &[case("theirs 80, ours none")]), Some((Verdict::Unknown, seen.to_owned())));
    }

    #[test]
    fn what_a_program_reads_is_in_the_base_or_has_to_be_there() {
        let (mut theirs, mut ours) = sides(&[], &[(Kind::Packages, "ca-certificates")]);
        assert_eq!(verdict(&theirs, &ours, &[]).map(|it| it.0), Some(Verdict::Unknown));
        ours.readers.insert("ca-certificates".to_owned(), "openssl-probe reads it".to_owned());
        assert_eq!(verdict(&theirs, &ours, &[]).map(|it| it.0), Some(Verdict::Ours));
        theirs.base = "gcr.io/distroless/cc".to_owned();
        assert_eq!(verdict(&theirs, &ours, &[]).map(|it| it.0), Some(Verdict::Agree));
    }

    #[test]
    fn libraries_come_with_the_program() {
        let packages = [(Kind::Packages, "libssl3"), (Kind::Packages, "tini")];
        let (theirs, mut ours) = sides(&packages, &[(Kind::Packages, "init")]);
        assert_eq!(verdict(&theirs, &ours, &[]).map(|it| it.0), Some(Verdict::Agree));
        let (theirs, _) = sides(&packages[..1], &[]);
        ours.facts = Facts::default();
        ours.is_static = true;
        assert_eq!(verdict(&theirs, &ours, &[]).map(|it| it.0), Some(Verdict::Ours));
    }

    #[test]
    fn folders_agree_by_what_they_hold() {
        let (theirs, ours) = sides(&[(Kind::Volumes, "/data/db")], &[(Kind::Volumes, "/app/db")]);
        assert_eq!(verdict(&theirs, &ours, &[]).map(|it| it.0), Some(Verdict::Agree));
        let (theirs, ours) = sides(&[(Kind::Volumes, "/etc/x")], &[(Kind::Volumes, "/app/db")]);
        assert_eq!(verdict(&theirs, &ours, &[]), Some((Verdict::Unknown, "theirs /etc/x, ours /app/db".to_owned())));
    }

    #[test]
    fn a_program_without_an_image_is_the_only_difference() {
        let theirs_says = [(Kind::Binary, "b"), (Kind::Ports, "80")];
        let (theirs, mut ours) = sides(&theirs_says, &[(Kind::Binary, "a")]);
        ours.missing = vec!["b".to_owned()];
        assert_eq!(judge(&theirs, &ours, &[]).len(), 1);
    }
}
