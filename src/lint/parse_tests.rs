use super::*;

fn programs(text: &str) -> Vec<String> {
    let file = parse(text).unwrap();
    file.stages
        .iter()
        .flat_map(Stage::runs)
        .flat_map(|(_, _, run)| &run.calls)
        .map(|call| call.program().to_owned())
        .collect()
}

#[test]
fn heredocs_wherever_they_stand() {
    let text = "FROM a\nRUN <<EOF\nset -e\nls /\nEOF\nRUN --mount=type=cache,target=/x bash -e <<'X'\nmake\nX\nRUN cat <<A > /f && echo\nRUN rm\nA\nCOPY <<B /g\nx\nB\nUSER me\n";
    assert_eq!(programs(text), ["set", "ls", "bash", "make", "cat", "echo"]);
    let file = parse(text).unwrap();
    let last = file.stages[0].instructions.last().unwrap();
    assert!(matches!(&last.what, What::User(user) if user.text == "me"));
    assert_eq!(&text[file.stages[0].instructions[2].span.clone()], "RUN cat <<A > /f && echo\nRUN rm\nA");
}

#[test]
fn stages_know_what_they_stand_on() {
    let text = "ARG V=1\nFROM rust:${V}-slim AS build\nFROM build AS Test\nFROM target-${TARGETARCH} AS x\nFROM scratch\nCOPY --from=build /a /b\nCOPY --from=2 /c /d\n";
    let file = parse(text).unwrap();
    assert_eq!(file.stages[0].base.resolved.as_deref(), Some("rust:1-slim"));
    assert_eq!(file.stages[1].base.stage, Some(0));
    assert_eq!(file.stages[2].base.resolved, None);
    assert_eq!(file.uses(&file.stages[3]).into_iter().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(file.finals().iter().map(|stage| stage.index).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(file.images().iter().map(|stage| stage.index).collect::<Vec<_>>(), [3]);
}

#[test]
fn environments_and_folders() {
    let text = "ARG P=release\nFROM a AS one\nENV A=1 B=\"x y\"\nWORKDIR /app\nFROM one\nARG P\nENV OLD some value\nWORKDIR sub\nRUN x\n";
    let file = parse(text).unwrap();
    let found = file.environment(1, 3);
    let shown: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown, ["A=1", "B=x y", "OLD=some value", "P=release"]);
    assert_eq!(file.workdir(1, 3).as_deref(), Some("/app/sub"));
}

#[test]
fn what_cannot_be_read_has_a_place() {
    let text = "FROM a\nRUNN x\n";
    let error = parse(text).unwrap_err();
    assert_eq!((error.message.as_str(), &text[error.span]), ("unknown instruction 'RUNN'", "RUNN x"));
    assert_eq!(parse("").unwrap_err().span, 0..0);
}

#[test]
fn a_mark_before_the_text_moves_nothing() {
    let text = "\u{feff}FROM a AS b\n";
    let file = parse(text).unwrap();
    assert_eq!(&text[file.stages[0].from.clone()], "FROM a AS b");
}

#[test]
fn other_shells_are_left_alone() {
    assert!(programs("FROM a\nSHELL [\"pwsh\", \"-c\"]\nRUN apt-get update\n").is_empty());
    let file = parse("FROM a\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a | b\n").unwrap();
    assert!(file.stages[0].runs().all(|(_, _, run)| run.pipefail));
}
