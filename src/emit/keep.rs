//! Lines of the user's inside a generated file. A block is anchored to the generated line before it, so that it finds its
//! place again when other lines have come and gone.

use super::digests;
use crate::failure::{Failure, Kind, Place, Result};

const BEGIN: &str = "dockerize:keep";
const END: &str = "dockerize:end";

/// A block and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The generated line before it that is not blank, and how many equal ones precede that; none: the file's start.
    before: Option<(String, usize)>,
    /// Blank generated lines between that line and the block.
    blanks: usize,
    /// Its lines, markers included.
    lines: Vec<String>,
    /// Its first line in the file, from 1.
    line: usize,
}

/// Takes the blocks out of a text: what is left, and the blocks.
pub(super) fn split(file: &str, text: &str) -> Result<(String, Vec<Block>)> {
    let mut generated: Vec<&str> = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let (begins, ends) = (is_marker(line, BEGIN), is_marker(line, END));
        match &mut open {
            None if begins => {
                let blanks = generated.iter().rev().take_while(|line| line.trim().is_empty()).count();
                let before = generated[..generated.len() - blanks]
                    .split_last()
                    .map(|(last, above)| ((*last).to_owned(), above.iter().filter(|line| alike(line, last)).count()));
                open = Some(Block { before, blanks, lines: vec![line.to_owned()], line: i + 1 });
            }
            None if ends => return Err(unbalanced(file, text, i, "no `# dockerize:keep` before it")),
            None => generated.push(line),
            Some(_) if begins => return Err(unbalanced(file, text, i, "the block above has no `# dockerize:end`")),
            Some(block) => {
                block.lines.push(line.to_owned());
                if ends {
                    blocks.extend(open.take());
                }
            }
        }
    }
    if let Some(block) = open {
        return Err(unbalanced(file, text, block.line - 1, "no `# dockerize:end` after it"));
    }
    let mut rest = generated.join("\n");
    rest.push('\n');
    Ok((rest, blocks))
}

/// Puts the blocks back into a fresh text.
pub(super) fn join(file: &str, fresh: &str, blocks: &[Block]) -> Result<String> {
    let lines: Vec<&str> = fresh.lines().collect();
    // For each block the number of generated lines before it; blocks of one place keep their order.
    let mut places: Vec<(usize, &Block)> = Vec::new();
    for block in blocks {
        let Some(at) = place(&lines, block) else {
            let anchor = block.before.as_ref().map_or("", |(line, _)| line.as_str());
            return Err(Failure::new(
                Kind::Emit,
                format!("the lines that you keep at {file}:{} have lost their place", block.line),
            )
            .detail(format!("they stood after this line, which is generated no more:\n{anchor}"))
            .help("move the block after a line that stays, or take it out; nothing has been written"));
        };
        places.push((at, block));
    }
    places.sort_by_key(|(at, _)| *at);
    let mut text = String::new();
    let mut pending = places.into_iter().peekable();
    for count in 0..=lines.len() {
        while let Some((_, block)) = pending.next_if(|(at, _)| *at == count) {
            for line in &block.lines {
                text.push_str(line);
                text.push('\n');
            }
        }
        if let Some(line) = lines.get(count) {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

/// An image of another digest stands in the same place.
fn alike(one: &str, other: &str) -> bool {
    one == other || digests::without(one) == digests::without(other)
}

fn place(lines: &[&str], block: &Block) -> Option<usize> {
    let at = match &block.before {
        None => 0,
        Some((anchor, nth)) => {
            let equal: Vec<usize> = (0..lines.len()).filter(|&i| alike(lines[i], anchor)).collect();
            // Of equal lines some may have gone; the last one is then the nearest.
            equal.get(*nth).or(equal.last())? + 1
        }
    };
    let blanks = lines[at..].iter().take(block.blanks).take_while(|line| line.trim().is_empty()).count();
    Some(at + blanks)
}

/// Whether two texts differ in line ends at most.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.lines().map(|line| line.trim_end_matches('\r')).eq(other.lines())
}

fn is_marker(line: &str, marker: &str) -> bool {
    let line = line.trim();
    let comment = line.strip_prefix("//").or(line.strip_prefix('#'));
    comment
        .and_then(|text| text.strip_prefix(' ')?.strip_prefix(marker))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
}

fn unbalanced(file: &str, text: &str, line: usize, label: &str) -> Failure {
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let length = text[start..].lines().next().map_or(0, str::len);
    Failure::new(Kind::Emit, "the marks of kept lines do not match").at(Place {
        file: file.to_owned(),
        text: text.to_owned(),
        span: start..start + length,
        label: label.to_owned(),
    })
}
