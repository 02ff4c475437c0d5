//! Figures and names as all reports write them.

use bytesize::ByteSize;

use crate::failure::printable;

/// The sign of what became less: as wide as `+`.
const MINUS: char = '−';

/// Always in seconds, so that a column can be compared by eye.
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds > 999_999.0 {
        ">999999 s".to_owned()
    } else if seconds.abs() < 999.95 {
        format!("{:.1} s", seconds.max(0.0))
    } else {
        format!("{:.0} s", seconds.max(0.0))
    }
}

/// Decimal, as registries and `docker images` count.
pub fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().si().to_string()
}

/// How much longer: `+3.6 s`, or nothing where no digit shows it.
pub fn seconds_change(before: f64, now: f64) -> Option<String> {
    let by = now - before;
    (by.abs() >= 0.05).then(|| format!("{}{}", sign(by > 0.0), seconds(by.abs())))
}

/// How much larger: `+389.1 kB`, or nothing.
pub fn size_change(before: u64, now: u64) -> Option<String> {
    (before != now).then(|| format!("{}{}", sign(now > before), size(now.abs_diff(before))))
}

/// `+34.0 %`; nothing where there is nothing to take a share of.
pub fn percent_change(before: f64, now: f64) -> Option<String> {
    let by = percent(before, now)?;
    Some(format!("{}{} %", sign(by >= 0.0), tenths(by.abs())))
}

/// By how many percent it grew.
pub fn percent(before: f64, now: f64) -> Option<f64> {
    let by = (now - before) / before * 100.0;
    (before > 0.0 && by.is_finite()).then_some(by)
}

/// One number beside another as a share of it, in at most four characters.
pub fn ratio(own: f64, other: f64) -> Option<String> {
    let ratio = own / other;
    if other <= 0.0 || !ratio.is_finite() || ratio < 0.0 {
        return None;
    }
    Some(match ratio {
        r if r < 9.995 => format!("{r:.2}"),
        r if r < 99.95 => format!("{r:.1}"),
        r if r < 999.5 => format!("{r:.0}"),
        _ => ">999".to_owned(),
    })
}

/// `1 crate`, `2 crates`.
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

fn tenths(number: f64) -> String {
    if number < 999.95 { format!("{number:.1}") } else { format!("{number:.0}") }
}

fn sign(more: bool) -> char {
    if more { '+' } else { MINUS }
}

/// A user's name or reason on one line, with nothing in it that a terminal would obey.
pub fn line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// At most so many characters: of a path, the end tells more than the beginning.
pub fn cut(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    if text.contains('/') {
        std::iter::once('…').chain(text.chars().skip(length - kept)).collect()
    } else {
        text.chars().take(kept).chain(['…']).collect()
    }
}

/// Words in lines of at most so many characters; a word that is longer is broken.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for part in letters.chunks(width.max(1)) {
            if used > 0 && used + 1 + part.len() <= width {
                if let Some(line) = lines.last_mut() {
                    line.push(' ');
                    line.extend(part);
                }
                used += 1 + part.len();
            } else {
                if used > 0 {
                    lines.push(String::new());
                }
                if let Some(line) = lines.last_mut() {
                    line.extend(part);
                }
                used = part.len();
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stay_short() {
        assert_eq!(
            [0.0, 0.04, 223.04, 999.97, 12_345.6].map(seconds),
            ["0.0 s", "0.0 s", "223.0 s", "1000 s", "12346 s"]
        );
        assert_eq!(seconds(f64::MAX), ">999999 s");
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!([0.352, 12.34, 163.0, 5e9].map(|r| ratio(r, 1.0).unwrap()), ["0.35", "12.3", "163", ">999"]);
    }

    #[test]
    fn changes_have_a_sign() {
        assert_eq!(seconds_change(10.6, 14.2).unwrap(), "+3.6 s");
        assert_eq!(seconds_change(10.0, 10.04), None);
        assert_eq!(size_change(7_000_000, 6_500_000).unwrap(), "−500.0 kB");
        assert_eq!(percent_change(100.0, 95.0).unwrap(), "−5.0 %");
        assert_eq!(percent_change(0.0, 95.0), None);
    }

    #[test]
    fn lines_are_cut_and_wrapped() {
        assert_eq!(line("a\n\tb\u{1b}[31m"), "a b\u{fffd}[31m");
        assert_eq!(cut("deploy/api/Dockerfile", 14), "…pi/Dockerfile");
        assert_eq!(cut("cargo-chef", 10), "cargo-chef");
        assert_eq!(wrap("aa bb ccccccc d", 5), ["aa bb", "ccccc", "cc d"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
