//! BuildKit's own checks among our findings.

use super::{Finding, Found, Input, Levels, allow, parse, row, url};
use crate::engine::Warning;
use crate::lint::Level;
use crate::lint::report::positions;

/// BuildKit's warnings as findings, without those that a rule of ours says of the same line.
pub fn merge(input: &Input, levels: &Levels, findings: &mut Vec<Finding>, warnings: Vec<Warning>) {
    let text = &input.dockerfile.text;
    let mut allowed = parse(text).map(|file| allow::read(&file, text)).unwrap_or_default();
    let mut theirs = Vec::new();
    for warning in warnings {
        let rule = format!("buildkit/{}", warning.rule);
        let span = warning.lines.map_or(0..0, |(first, last)| parse::lines(text, first, last));
        let level = levels.of(&rule);
        let same = findings.iter().any(|finding| {
            let known = row(&finding.rule).is_some_and(|row| row.buildkit.contains(&warning.rule));
            let (start, _) = positions(text, &finding.found.span);
            known && warning.lines.is_none_or(|(first, last)| (first..=last).contains(&start.line))
        });
        // Who allows our rule has judged theirs as well.
        let silenced = super::rows()
            .iter()
            .filter(|row| row.buildkit.contains(&warning.rule))
            .any(|row| allowed.covers(&row.name, &span));
        if level > Level::Allow && !same && !silenced && !allowed.covers(&rule, &span) {
            let found = Found::at(span, warning.detail);
            theirs.push(Finding { url: url(&rule), rule, level, path: input.dockerfile.path.clone(), found });
        }
    }
    findings.append(&mut theirs);
    super::sort(findings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{Source, judge};

    #[test]
    fn what_both_say_is_told_once() {
        let text = "FROM a\nMAINTAINER me\nCMD x\n".to_owned();
        let dockerfile = Source { path: "Dockerfile".into(), text };
        let input = Input::alone(dockerfile);
        let levels = Levels::default();
        let mut findings = judge(&input, &levels, None);
        let warning = |rule: &str, line| Warning { rule: rule.into(), detail: "d".into(), lines: Some((line, line)) };
        merge(
            &input,
            &levels,
            &mut findings,
            vec![warning("MaintainerDeprecated", 2), warning("InvalidBaseImagePlatform", 1)],
        );
        let rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
        assert_eq!(rules, ["buildkit/InvalidBaseImagePlatform", "maintainer", "shell-form"]);
    }
}
