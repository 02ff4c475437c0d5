//! Bars side by side as coordinates: everything is decided here, and the template only writes it down.

use serde::Serialize;

/// Where the columns of a chart are, in its own units; the page scales it to its width.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Of the whole chart.
    pub width: f64,
    /// The column of groups' headings; 0: they stand above their bars, where the width is small.
    pub heading: f64,
    /// The column of bars' names.
    pub name: f64,
    /// What a bar's figure takes, behind the longest bar.
    pub value: f64,
}

/// For a screen that is wide, and for paper.
pub const WIDE: Layout = Layout { width: 860.0, heading: 200.0, name: 100.0, value: 80.0 };

/// For a phone.
pub const NARROW: Layout = Layout { width: 350.0, heading: 0.0, name: 88.0, value: 72.0 };

/// A line's height: bar and gap.
const LINE: f64 = 20.0;
const BAR: f64 = 12.0;
/// Between two groups.
const GAP: f64 = 14.0;
/// A heading above its bars.
const ABOVE: f64 = 22.0;
/// Between two columns.
const SPACE: f64 = 8.0;
/// From a line's top to its text's baseline.
const BASELINE: f64 = 14.0;
/// What is more than nothing can be seen.
const THINNEST: f64 = 1.0;
/// Sums of such amounts are still exact enough to draw.
const LARGEST: f64 = 1e15;

/// Bars of one subject.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// What they have in common; empty where there is one group.
    pub heading: String,
    /// From above.
    pub bars: Vec<Bar>,
}

/// One bar, of parts behind each other.
#[derive(Debug, Clone, Default)]
pub struct Bar {
    /// Whose it is.
    pub name: String,
    /// Its figure, in words.
    pub value: String,
    /// Whether it is what the page is about.
    pub first: bool,
    /// From the left.
    pub parts: Vec<Part>,
}

/// A part of a bar.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its colour's class.
    pub colour: String,
    /// What it says when it is pointed at.
    pub title: String,
    /// Its length, in the unit of the whole chart.
    pub amount: f64,
}

/// A chart, drawn.
#[derive(Debug, Clone, Serialize)]
pub struct Chart {
    /// In its own units.
    pub width: f64,
    /// In its own units.
    pub height: f64,
    /// Where bars begin.
    pub zero: f64,
    /// Headings of groups.
    pub headings: Vec<Label>,
    /// Bars.
    pub bars: Vec<Drawn>,
}

/// Text at its baseline.
#[derive(Debug, Clone, Serialize)]
pub struct Label {
    /// Its beginning.
    pub x: f64,
    /// Its baseline.
    pub y: f64,
    /// As it fits.
    pub text: String,
    /// The whole, where it did not fit.
    pub whole: Option<String>,
}

/// A bar, drawn.
#[derive(Debug, Clone, Serialize)]
pub struct Drawn {
    /// Whose it is.
    pub name: Label,
    /// Its figure.
    pub value: Label,
    /// Whether it is what the page is about.
    pub first: bool,
    /// Its parts that can be seen.
    pub rects: Vec<Rect>,
}

/// A part, drawn.
#[derive(Debug, Clone, Serialize)]
pub struct Rect {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// To the right.
    pub width: f64,
    /// Down.
    pub height: f64,
    /// Its colour's class.
    pub colour: String,
    /// What it says when it is pointed at.
    pub title: String,
}

/// Draws groups below each other, all to one scale.
pub fn draw(groups: &[Group], layout: &Layout) -> Chart {
    let headed = groups.iter().any(|group| !group.heading.is_empty());
    let beside = if headed { layout.heading } else { 0.0 };
    let zero = beside + layout.name;
    let room = (layout.width - zero - layout.value).max(0.0);
    let longest = groups.iter().flat_map(|group| &group.bars).map(total).fold(0.0, f64::max);
    let mut chart = Chart { width: layout.width, height: 0.0, zero, headings: Vec::new(), bars: Vec::new() };
    let mut top = 0.0;
    for (i, group) in groups.iter().enumerate() {
        if i > 0 {
            top += GAP;
        }
        if !group.heading.is_empty() {
            let width = if beside > 0.0 { beside } else { layout.width };
            chart.headings.push(label(&group.heading, 0.0, top + BASELINE, width - SPACE));
            if beside == 0.0 {
                top += ABOVE;
            }
        }
        for bar in &group.bars {
            let rects = rects(bar, zero, top + (LINE - BAR) / 2.0, room, longest);
            let end = rects.last().map_or(zero, |rect| rect.x + rect.width);
            chart.bars.push(Drawn {
                name: label(&bar.name, beside, top + BASELINE, layout.name - SPACE),
                value: label(&bar.value, rounded(end + SPACE), top + BASELINE, layout.width - end - SPACE),
                first: bar.first,
                rects,
            });
            top += LINE;
        }
    }
    chart.height = top;
    chart
}

fn amount(part: &Part) -> f64 {
    if part.amount.is_finite() { part.amount.clamp(0.0, LARGEST) } else { 0.0 }
}

fn total(bar: &Bar) -> f64 {
    bar.parts.iter().map(amount).sum()
}

fn rects(bar: &Bar, zero: f64, y: f64, room: f64, longest: f64) -> Vec<Rect> {
    if longest <= 0.0 {
        return Vec::new();
    }
    let mut rects: Vec<Rect> = Vec::new();
    let mut at = 0.0;
    for part in &bar.parts {
        let share = amount(part) / longest * room;
        let from = at;
        at += share;
        if share > 0.0 {
            rects.push(Rect {
                x: rounded(zero + from),
                y,
                width: rounded(share),
                height: BAR,
                colour: part.colour.clone(),
                title: part.title.clone(),
            });
        }
    }
    // A hair between two parts, for eyes that do not tell the colours apart.
    if let Some((_, inner)) = rects.split_last_mut() {
        for rect in inner.iter_mut().filter(|rect| rect.width > 3.0) {
            rect.width = rounded(rect.width - 1.0);
        }
    }
    rects.retain(|rect| rect.width > 0.0);
    if rects.is_empty() && at > 0.0 {
        let part = bar.parts.iter().max_by(|a, b| amount(a).total_cmp(&amount(b)));
        rects.extend(part.map(|part| Rect {
            x: zero,
            y,
            width: THINNEST,
            height: BAR,
            colour: part.colour.clone(),
            title: part.title.clone(),
        }));
    }
    if let [only] = rects.as_mut_slice() {
        only.width = only.width.max(THINNEST);
    }
    rects
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn label(text: &str, x: f64, y: f64, room: f64) -> Label {
    let shown = fit(text, room);
    let whole = (shown != text).then(|| text.to_owned());
    Label { x, y, text: shown, whole }
}

/// As much as fits: of a path the end.
fn fit(text: &str, room: f64) -> String {
    if text.chars().map(advance).sum::<f64>() <= room {
        return text.to_owned();
    }
    let mut left = room - advance('…');
    let mut fits = |c: &char| {
        left -= advance(*c);
        left >= 0.0
    };
    if text.contains('/') {
        let mut end: Vec<char> = text.chars().rev().take_while(&mut fits).collect();
        end.push('…');
        end.into_iter().rev().collect()
    } else {
        text.chars().take_while(&mut fits).chain(['…']).collect()
    }
}

/// How wide a character becomes in the page's font of 13 units: what is known is that it is not more.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '!' | '(' | ')' | '[' | ']' | 'f' | 't' | 'r'
        | '/' | '-' => 5.2,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 13.0,
        'A'..='Z' | '&' | '<' | '>' | '=' | '+' => 10.5,
        '\0'..='\u{2ff}' => 8.2,
        _ => 13.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, amounts: &[f64]) -> Bar {
        let parts = amounts.iter().enumerate().map(|(i, &amount)| Part {
            colour: format!("c{i}"),
            title: i.to_string(),
            amount,
        });
        Bar { name: name.to_owned(), value: "1.0 s".to_owned(), first: false, parts: parts.collect() }
    }

    fn groups(amounts: &[&[f64]]) -> Vec<Group> {
        let group = |amounts: &&[f64]| Group {
            heading: "a heading".to_owned(),
            bars: vec![bar("a", amounts), bar("b", amounts)],
        };
        amounts.iter().map(group).collect()
    }

    fn sound(chart: &Chart, layout: &Layout) {
        let rects: Vec<&Rect> = chart.bars.iter().flat_map(|bar| &bar.rects).collect();
        for (i, a) in rects.iter().enumerate() {
            assert!(a.x >= chart.zero && a.x + a.width <= layout.width - layout.value + 0.02, "{a:?}");
            assert!(a.width > 0.0 && a.y >= 0.0 && a.y + a.height <= chart.height, "{a:?}");
            for b in &rects[i + 1..] {
                let apart = a.y + a.height <= b.y || a.x + a.width <= b.x + 0.011;
                assert!(apart, "{a:?} {b:?}");
            }
        }
        for pair in chart.bars.windows(2) {
            assert!(pair[1].name.y - pair[0].name.y >= LINE);
        }
    }

    #[test]
    fn no_bar_overlaps_another_whatever_the_figures() {
        let figures: [&[&[f64]]; 6] = [
            &[&[100.0, 20.0, 3.0], &[0.1, 0.001, 7.0]],
            &[&[0.0], &[]],
            &[&[1e-9, 1e-9], &[1e9]],
            &[&[f64::NAN, f64::INFINITY, -5.0, 3.0]],
            &[&[f64::MAX, f64::MAX], &[1.0]],
            &[&[0.3; 200]],
        ];
        for amounts in figures {
            for layout in [WIDE, NARROW] {
                sound(&draw(&groups(amounts), &layout), &layout);
            }
        }
    }

    #[test]
    fn parts_sum_up_and_the_longest_takes_all_the_room() {
        let chart = draw(&groups(&[&[30.0, 10.0], &[20.0]]), &WIDE);
        let end = |bar: &Drawn| bar.rects.last().map(|rect| rect.x + rect.width).unwrap() - chart.zero;
        let room = WIDE.width - WIDE.heading - WIDE.name - WIDE.value;
        assert!((end(&chart.bars[0]) - room).abs() < 0.02);
        assert!((end(&chart.bars[2]) - room / 2.0).abs() < 0.02);
    }

    #[test]
    fn a_little_is_seen_and_nothing_is_not() {
        let chart = draw(&groups(&[&[1e6], &[1e-3, 2e-3], &[0.0]]), &NARROW);
        let widths: Vec<Option<f64>> =
            chart.bars.iter().step_by(2).map(|bar| bar.rects.first().map(|r| r.width)).collect();
        assert_eq!(widths[1..], [Some(THINNEST), None]);
    }

    #[test]
    fn headings_stand_above_on_a_phone() {
        let (wide, narrow) = (draw(&groups(&[&[1.0]]), &WIDE), draw(&groups(&[&[1.0]]), &NARROW));
        assert!((wide.headings[0].y - wide.bars[0].name.y).abs() < 0.1);
        assert!(narrow.headings[0].y < narrow.bars[0].name.y);
        let alone = [Group { heading: String::new(), bars: vec![bar("a", &[1.0])] }];
        assert!((draw(&alone, &WIDE).zero - WIDE.name).abs() < 0.1);
    }

    #[test]
    fn long_names_are_cut_and_kept_whole() {
        let name = "deploy/production/Dockerfile";
        let chart = draw(&[Group { heading: "x".repeat(99), bars: vec![bar(name, &[1.0])] }], &WIDE);
        assert_eq!(chart.bars[0].name.text, "…/Dockerfile");
        assert_eq!(chart.bars[0].name.whole.as_deref(), Some(name));
        assert!(chart.headings[0].text.ends_with("x…"));
        assert_eq!(fit("cargo-chef", 92.0), "cargo-chef");
    }
}
