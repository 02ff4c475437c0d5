//! What a change may cost, and whether it costs more.

use bytesize::ByteSize;

use super::compare::{Comparison, ScenarioChange, Side};
use super::words::{line, percent, seconds, size};

/// Differences below this are noise: two builds of the same tree differ by as much.
const FLOOR: f64 = 1.0;

/// What is allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// Bytes of the image, compressed.
    pub max_size: Option<u64>,
    /// By how many percent a scenario's time and the image's size may grow.
    pub max_regression: Option<f64>,
}

/// A size as on the command line: `20MB`, `19.5 MiB`, `20000000`.
///
/// # Errors
/// It is not one; in words that can stand behind the option's name.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write it as `20MB`, `19.5MiB` or in bytes");
    let bytes = text.trim().parse::<ByteSize>().map_err(|_| wrong())?.as_u64();
    match bytes {
        0 => Err("no image has 0 bytes".to_owned()),
        // What does not fit is what bytesize makes the largest number of.
        u64::MAX => Err(wrong()),
        bytes => Ok(bytes),
    }
}

/// A share as on the command line: `10%`, `10`, `2.5 %`.
///
/// # Errors
/// It is not one; in words that can stand behind the option's name.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if percent.is_finite() && percent >= 0.0 && text.matches('%').count() <= 1 => Ok(percent),
        _ => Err(format!("`{text}` is not a share: write it as `10%`, and not below 0")),
    }
}

impl Comparison {
    /// What is over the budget, a line each, with its figures. Seconds count only where both accounts are of one machine.
    pub fn broken(&self, budget: &Budget) -> Vec<String> {
        let mut broken = Vec::new();
        if let Some(max) = budget.max_size {
            broken.extend(self.over_size(max));
        }
        if let Some(max) = budget.max_regression {
            broken.extend(self.size_regression(max));
            broken.extend(self.scenarios.iter().filter_map(|change| self.time_regression(change, max)));
        }
        broken
    }

    fn over_size(&self, max: u64) -> Option<String> {
        let Some(now) = self.size_now else {
            return Some(format!("the image's size is not known, because no build made one; {} allowed", size(max)));
        };
        (now > max).then(|| {
            let (now, max) = apart(now, max);
            format!("the image has {now}; {max} allowed")
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of sizes")]
    fn size_regression(&self, max: f64) -> Option<String> {
        let (before, now) = (self.size_before?, self.size_now?);
        let by = percent(before as f64, now as f64)?;
        (by > max).then(|| {
            let (now, before) = apart(now, before);
            format!("the image grew from {before} to {now}, by {}; {} allowed", share(by, max), plain(max))
        })
    }

    fn time_regression(&self, change: &ScenarioChange, max: f64) -> Option<String> {
        let title = change.scenario.title();
        if let (Side::Built { seconds: before, .. }, Side::Failed { why }) = (&change.before, &change.now) {
            return Some(format!("{title}: failed, and took {} in the base: {}", seconds(*before), line(why)));
        }
        let (before, now) = (change.before.seconds()?, change.now.seconds()?);
        if !self.same_machine || now - before < FLOOR {
            return None;
        }
        // Nothing to take a share of: from no time to more than a second is over any.
        let by = percent(before, now).unwrap_or(f64::INFINITY);
        (by > max).then(|| {
            let by = if by.is_finite() { format!(", {} more", share(by, max)) } else { String::new() };
            format!("{title}: {}, after {} in the base{by}; {} allowed", seconds(now), seconds(before), plain(max))
        })
    }
}

/// Both as figures that differ, in bytes where the rounded ones would not.
fn apart(a: u64, b: u64) -> (String, String) {
    if size(a) == size(b) { (format!("{a} B"), format!("{b} B")) } else { (size(a), size(b)) }
}

/// A share with as many digits as show that it is more than what is allowed.
fn share(by: f64, max: f64) -> String {
    let short = format!("{by:.1}");
    let text = if short.parse::<f64>().is_ok_and(|short| short > max) { short } else { format!("{by:.4}") };
    format!("{text} %")
}

fn plain(percent: f64) -> String {
    format!("{percent} %")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::report::compare;
    use crate::trial::report::fixture::trial;
    use crate::trial::{Outcome, Scenario, Trial};

    fn regression(max: f64) -> Budget {
        Budget { max_size: None, max_regression: Some(max) }
    }

    fn with_seconds(mut trial: Trial, scenario: Scenario, seconds: f64) -> Trial {
        for run in &mut trial.runs {
            if let Outcome::Built(build) = &mut run.outcome
                && run.scenario == scenario
            {
                build.seconds = seconds;
            }
        }
        trial
    }

    #[test]
    fn what_is_over_is_told_with_its_figures() {
        let comparison = compare(&trial("now"), &trial("base"));
        let budget = Budget { max_size: Some(8_000_000), max_regression: Some(8.0) };
        assert_eq!(
            comparison.broken(&budget),
            [
                "the image has 8046588 B; 8000000 B allowed",
                "the image grew from 7.4 MB to 8.0 MB, by 8.1 %; 8 % allowed",
                "a feature switched: 14.2 s, after 10.6 s in the base, 34.0 % more; 8 % allowed",
            ]
        );
        assert!(comparison.broken(&Budget::default()).is_empty());
        assert!(comparison.broken(&Budget { max_size: Some(8_046_588), max_regression: Some(50.0) }).is_empty());
    }

    #[test]
    fn less_than_a_second_is_noise() {
        let base = with_seconds(trial("base"), Scenario::Unchanged, 0.5);
        for (now, over) in [(1.49, false), (1.5, true)] {
            let now = with_seconds(trial("base"), Scenario::Unchanged, now);
            assert_eq!(!compare(&now, &base).broken(&regression(10.0)).is_empty(), over);
        }
        let base = with_seconds(trial("base"), Scenario::Unchanged, 0.0);
        let now = with_seconds(trial("base"), Scenario::Unchanged, 2.0);
        assert_eq!(
            compare(&now, &base).broken(&regression(10.0)),
            ["nothing changed: 2.0 s, after 0.0 s in the base; 10 % allowed"]
        );
    }

    #[test]
    fn seconds_of_another_machine_do_not_count() {
        let mut now = trial("now");
        now.machine.cpus = 8;
        let broken = compare(&now, &trial("base")).broken(&regression(5.0));
        assert_eq!(broken, ["the image grew from 7.4 MB to 8.0 MB, by 8.1 %; 5 % allowed"]);
    }

    #[test]
    fn a_build_that_fails_now_is_over_any_budget() {
        let mut now = trial("base");
        now.runs[0].outcome = Outcome::Failed { why: "no\nspace".to_owned() };
        let broken = compare(&now, &trial("base")).broken(&regression(1000.0));
        assert_eq!(broken, ["cold, no cache: failed, and took 221.4 s in the base: no space"]);
    }

    #[test]
    fn no_image_is_not_below_the_limit() {
        let mut now = trial("now");
        now.runs.clear();
        let broken = compare(&now, &trial("base")).broken(&Budget { max_size: Some(1), max_regression: None });
        assert_eq!(broken, ["the image's size is not known, because no build made one; 1 B allowed"]);
    }

    #[test]
    fn sizes_and_shares_are_read() {
        assert_eq!(parse_size("20MB"), Ok(20_000_000));
        assert_eq!(parse_size(" 1.5 MiB "), Ok(1_572_864));
        assert_eq!(parse_size("8046588"), Ok(8_046_588));
        for wrong in ["", "MB", "-3MB", "20 apples", "0", "1e3", "99999999999EB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_percent("10%"), Ok(10.0));
        assert_eq!(parse_percent("2.5 %"), Ok(2.5));
        assert_eq!(parse_percent("0"), Ok(0.0));
        for wrong in ["", "%", "-1%", "NaN", "inf%", "10%%", "a tenth"] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            parse_percent("a tenth").unwrap_err(),
            "`a tenth` is not a share: write it as `10%`, and not below 0"
        );
    }
}
