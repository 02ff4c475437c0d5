use proptest::prelude::*;

use super::*;

/// A Dockerfile with a little of everything, which is then broken.
const WHOLE: &str = "# syntax=docker/dockerfile:1
ARG V=1.95
# dockerize: allow(sudo, nothing)
FROM --platform=$BUILDPLATFORM rust:${V:-1}-slim AS build
SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]
RUN --mount=type=cache,target=/var/cache/apt apt-get update && sudo apt-get install 'a b' \\
    # a comment
    && curl https://sh.rustup.rs | sh -s -- -y
RUN <<EOF
cargo install x; cargo chef cook --release
EOF
RUN cat <<A > /f && cargo build --target $T
body é
A
WORKDIR app
COPY . .
COPY <<B /g
x
B
ADD --checksum=sha256:00 https://example.org/x.tar /
FROM build
MAINTAINER me
COPY --from=0 [\"/app/target/release\", \"/srv\"]
EXPOSE 80 70000/tcp
ENTRYPOINT run me $HOME
CMD [\"a\"]
CMD b
HEALTHCHECK NONE
";

fn input(text: &str) -> Input {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let entries = ["Cargo.toml", "Cargo.lock", "src/main.rs", ".env", ".git/"].map(str::to_owned).to_vec();
    let context = ContextFolder { entries, gitignore: ".env\n".to_owned(), ..ContextFolder::default() };
    Input {
        ignore: Some(source(".dockerignore", text)),
        context: Some(context),
        ..Input::alone(source("Dockerfile", text))
    }
}

/// Judges, renders in every form, and fixes.
fn all(text: &str) {
    let input = input(text);
    let mut levels = Levels::default();
    for row in rows() {
        levels.set(&row.name, Level::Warn).unwrap();
    }
    let findings = judge(&input, &levels, None);
    for finding in &findings {
        let text = &input.source(finding.found.file).text;
        assert!(text.get(finding.found.span.clone()).is_some(), "{finding:?}");
        for edit in &finding.found.fix {
            assert!(text.get(edit.span.clone()).is_some(), "{finding:?}");
        }
    }
    fix::apply(text, &findings.iter().filter(|finding| finding.path == "Dockerfile").collect::<Vec<_>>());
    let mut report = report::Report::default();
    report.add(&input, findings);
    report::text(&report).unwrap();
    report::github(&report);
    serde_json::to_string(&report::json(&report)).unwrap();
    serde_json::to_string(&report::sarif(&report)).unwrap();
}

#[test]
fn the_whole_one_is_read_and_has_much_to_say() {
    assert!(parse(WHOLE).is_ok(), "{:?}", parse(WHOLE).err());
    assert!(judge(&input(WHOLE), &Levels::default(), None).len() > 12);
    all(WHOLE);
}

#[test]
fn no_report_shows_a_secret() {
    // Whole tokens in our sources would be found by others who look for them.
    let token = ["gh", "p_R9x2Lq7TzV4mN8bK1wY5cJ6dH3sF0gPaQeUi"].concat();
    let text = format!(
        "FROM debian\nARG DB_PASSWORD=hunter2x\nENV API_KEY=7c1b2f4e90 B=c\nENV SIGNING_KEY k3y-of-ours\n\
         RUN curl https://ann:s3cr3t@git.example/ && echo {token} && apt-get install -y x\nCMD a\n"
    );
    let input = input(&text);
    let mut report = report::Report::default();
    report.add(&input, judge(&input, &Levels::default(), None));
    let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    for rule in ["secret-in-arg", "secret-in-env", "secret-in-url", "secret-literal"] {
        assert!(rules.contains(&rule), "{rules:?}");
    }
    let shown = [
        report::text(&report).unwrap(),
        report::github(&report),
        serde_json::to_string(&report::json(&report)).unwrap(),
        serde_json::to_string(&report::sarif(&report)).unwrap(),
        report.shown("Dockerfile").unwrap(),
    ];
    for text in &shown {
        for secret in ["hunter2x", "7c1b2f4e90", "k3y-of-ours", "s3cr3t", "R9x2Lq7T"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(shown[0].contains("apt-get install -y x"), "{}", shown[0]);
}

#[test]
fn a_mirrors_name_is_that_of_what_it_stands_for() {
    let text = "FROM mirror.example/hub/library/debian:buster-slim\nUSER 1\nCMD [\"a\"]\n";
    let found = |mirrors: &[(&str, &str)]| {
        let mirrors = mirrors.iter().map(|(registry, prefix)| ((*registry).to_owned(), (*prefix).to_owned())).collect();
        let findings = judge(&Input { mirrors, ..input(text) }, &Levels::default(), None);
        findings.iter().any(|finding| finding.rule == "end-of-life")
    };
    assert!(found(&[("docker.io", "mirror.example/hub/")]));
    assert!(!found(&[]) && !found(&[("ghcr.io", "mirror.example/hub/")]));
}

proptest! {
    /// Parts taken out, doubled, and put in other places.
    #[test]
    fn no_broken_dockerfile_is_too_bad(cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..40, 0_usize..3), 1..6)) {
        let mut text: Vec<char> = WHOLE.chars().collect();
        for (at, length, how) in cuts {
            if text.is_empty() {
                break;
            }
            let start = at.index(text.len());
            let part: Vec<char> = text[start..(start + length).min(text.len())].to_vec();
            match how {
                0 => drop(text.drain(start..start + part.len())),
                1 => drop(text.splice(start..start, part)),
                _ => text.rotate_left(start.min(length)),
            }
        }
        all(&text.into_iter().collect::<String>());
    }

    #[test]
    fn no_bytes_are_too_bad(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        all(&String::from_utf8_lossy(&bytes));
        all(&format!("FROM a\nRUN {}", String::from_utf8_lossy(&bytes)));
    }
}
