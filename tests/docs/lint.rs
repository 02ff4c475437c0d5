//! The pages of the lint's rules, made of the table and the examples that are tested.

use std::fmt::Write;
use std::path::Path;

use cargo_dockerize::lint::{RuleRow, rows};

/// The table of all rules.
pub fn table() -> String {
    let mut text = String::new();
    let mut topics: Vec<&str> = rows().iter().map(|row| row.topic.as_str()).collect();
    topics.dedup();
    for topic in topics {
        writeln!(text, "## {}{}\n\n| rule | level | finds |\n|---|---|---|", topic[..1].to_uppercase(), &topic[1..])
            .unwrap();
        for row in rows().iter().filter(|row| row.topic == topic) {
            writeln!(text, "| [{0}]({0}.md) | {1} | {2} |", row.name, row.level, row.title.replace('|', "\\|"))
                .unwrap();
        }
        text.push('\n');
    }
    text
}

/// The lines of the summary.
pub fn summary() -> String {
    rows().iter().fold(String::new(), |text, row| text + &format!("  - [{0}](lint/{0}.md)\n", row.name))
}

/// A rule's page.
pub fn page(row: &RuleRow) -> String {
    let mut text = format!("# {}\n\n{}. Level: `{}`.", row.name, row.title, row.level);
    if row.facts {
        text += " It needs the Cargo workspace that is built, and is silent where there is none.";
    }
    write!(text, "\n\n## Why\n\n{}\n\n## What to do\n\n{}\n\n## This is found\n\n", row.why, row.fix).unwrap();
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint").join(&row.name);
    text += &tree(&home.join("bad"));
    let said = fs_err::read_to_string(home.join("bad.txt")).unwrap();
    write!(text, "```text\n{}\n```\n\n## This is not\n\n", said.trim_end()).unwrap();
    text += &tree(&home.join("good"));
    text.trim_end().to_owned() + "\n"
}

/// The files of an example that tell something.
fn tree(folder: &Path) -> String {
    let mut text = String::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten() {
        let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
        if !entry.file_type().is_file() || name.ends_with("Cargo.lock") {
            continue;
        }
        let contents = fs_err::read_to_string(entry.path()).unwrap();
        let is = |ending: &str| name.ends_with(ending);
        let language = if is("Dockerfile") {
            "dockerfile"
        } else if is(".toml") {
            "toml"
        } else if is(".rs") {
            "rust"
        } else {
            "text"
        };
        if name != "Dockerfile" || contents.is_empty() {
            write!(text, "`{name}`{}\n\n", if contents.trim().is_empty() { ", empty" } else { ":" }).unwrap();
        }
        if !contents.trim().is_empty() {
            write!(text, "```{language}\n{}\n```\n\n", contents.trim_end()).unwrap();
        }
    }
    text
}
