//! From a Dockerfile's text to what rules look at.

use std::cell::OnceCell;

use parse_dockerfile as raw;

use super::bodies::{self, Body};
use super::call::Call;
use super::expand::{self, Values};
use super::model::{
    Base, Command, Dockerfile, Flag, From, Instruction, Mount, Pair, Run, Span, Stage, Transfer, What, Word,
};
use super::shell;
use super::shells::{self, is_posix, is_shell};
use crate::failure::Failure;
use crate::limits;

/// What makes a text no Dockerfile, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// A few words.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// The mark of the order of bytes, which some editors put first.
const MARK: &str = "\u{feff}";

/// Reads a Dockerfile.
///
/// # Errors
/// The first place at which the engine would give up.
pub fn parse(text: &str) -> Result<Dockerfile, Unreadable> {
    let refusal = |failure: Failure| Unreadable { message: failure.to_string(), span: 0..0 };
    limits::WRITTEN.check(text.len() as u64).map_err(refusal)?;
    limits::HEREDOCS.check(text.matches("<<").count() as u64).map_err(refusal)?;
    // What is masked keeps its length, so that places are those of the text.
    let masked = text.strip_prefix(MARK).map_or_else(|| text.to_owned(), |rest| format!("   {rest}"));
    let (masked, bodies) = bodies::hide(text, masked);
    let parsed = raw::parse(&masked).map_err(|error| unreadable(text, &error))?;
    let stages = parsed.instructions.iter().filter(|one| matches!(one, raw::Instruction::From(_)));
    limits::STAGES.check(stages.count() as u64).map_err(refusal)?;
    let mut reader = Reader {
        text,
        escape: escape(&parsed),
        bodies: &bodies,
        file: Dockerfile::default(),
        globals: OnceCell::new(),
    };
    reader.file.syntax = parsed.parser_directives.syntax.as_ref().map(|directive| reader.word(&directive.value.span));
    reader.file.comments = comments(&masked, text, &parsed, &bodies);
    for instruction in &parsed.instructions {
        reader.add(instruction);
    }
    let mut file = reader.file;
    shells::judge(&mut file, text);
    Ok(file)
}

fn escape(parsed: &raw::Dockerfile<'_>) -> char {
    parsed.parser_directives.escape.as_ref().map_or('\\', |directive| directive.value.value)
}

/// Lines of a text, from the first one's first word to the last one's end.
pub(super) fn lines(text: &str, first: usize, last: usize) -> Span {
    let mut at = 0;
    let mut span = text.len()..text.len();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index + 1 == first {
            span.start = at + (line.len() - line.trim_start().len());
        }
        if index + 1 == last {
            span.end = at + line.trim_end().len();
        }
        at += line.len();
    }
    span.start.min(span.end)..span.end
}

/// Its line, from its first word to its end.
fn unreadable(text: &str, error: &raw::Error) -> Unreadable {
    let number = error.line().max(1);
    Unreadable { message: format!("{error:#}"), span: lines(text, number, number) }
}

/// Comments on lines of their own, those between continued lines included.
fn comments(masked: &str, text: &str, parsed: &raw::Dockerfile<'_>, bodies: &[Body]) -> Vec<Word> {
    let known = parsed.instructions.iter().flat_map(|instruction| match instruction {
        raw::Instruction::Run(run) => run.here_docs.iter().map(|body| body.span.clone()).collect(),
        raw::Instruction::Copy(copy) => heredocs(&copy.src),
        raw::Instruction::Add(add) => heredocs(&add.src),
        _ => Vec::new(),
    });
    let within: Vec<Span> = known.chain(bodies.iter().map(|body| body.span.clone())).collect();
    let mut found = Vec::new();
    let mut start = 0;
    for line in masked.split_inclusive('\n') {
        let begin = start + (line.len() - line.trim_start().len());
        let end = start + line.trim_end().len();
        start += line.len();
        if line.trim_start().starts_with('#') && !within.iter().any(|body| body.contains(&begin)) {
            let comment = text[begin..end.max(begin)].trim_start_matches('#').trim();
            found.push(Word { text: comment.to_owned(), span: begin..end });
        }
    }
    found
}

fn heredocs(sources: &[raw::Source<'_>]) -> Vec<Span> {
    sources
        .iter()
        .filter_map(|source| if let raw::Source::HereDoc(body) = source { Some(body.span.clone()) } else { None })
        .collect()
}

struct Reader<'a> {
    text: &'a str,
    escape: char,
    bodies: &'a [Body],
    file: Dockerfile,
    /// The values of the arguments before the first stage, which all stages ask for.
    globals: OnceCell<Values>,
}

impl Reader<'_> {
    fn word(&self, span: &Span) -> Word {
        Word { text: self.text[span.clone()].to_owned(), span: span.clone() }
    }

    fn add(&mut self, instruction: &raw::Instruction<'_>) {
        match instruction {
            raw::Instruction::From(from) => self.stage(from),
            raw::Instruction::Arg(arg) if self.file.stages.is_empty() => {
                let pairs = self.pairs(&arg.arguments.span);
                self.file.globals.extend(pairs);
            }
            other => {
                let instruction = self.instruction(other);
                if let Some(stage) = self.file.stages.last_mut() {
                    stage.instructions.extend(instruction);
                }
            }
        }
    }

    fn globals(&self) -> &Values {
        self.globals.get_or_init(|| Values::of(&self.file.globals))
    }

    fn stage(&mut self, from: &raw::FromInstruction<'_>) {
        let written = unescaped(&from.image);
        let resolved = self.globals().expand(&written.text);
        let index = self.file.stages.len();
        let name = resolved.as_deref().unwrap_or(&written.text);
        // A number is an image's name here, unlike in `--from`.
        let is = |stage: &&Stage| {
            let own = stage.name.as_ref().map(|name| name.text.as_str());
            own.is_some_and(|own| own.eq_ignore_ascii_case(name) || (resolved.is_none() && expand::could_be(name, own)))
        };
        let parent = self.file.stages.iter().rev().find(is).map(|stage| stage.index);
        let end = from.as_.as_ref().map_or(from.image.span.end, |(_, name)| name.span.end);
        let platform = from.options.iter().find(|flag| flag.name.value == "platform");
        self.file.stages.push(Stage {
            index,
            name: from.as_.as_ref().map(|(_, name)| {
                let name = unescaped(name);
                Word { text: name.text.to_lowercase(), span: name.span }
            }),
            base: Base { written, resolved, stage: parent },
            platform: platform.and_then(|flag| flag.value.as_ref()).map(unescaped),
            from: from.from.span.start..end,
            instructions: Vec::new(),
        });
    }

    fn pairs(&self, span: &Span) -> Vec<Pair> {
        let words = shell::words(self.text, span.clone(), self.escape);
        let Some(first) = words.first() else { return Vec::new() };
        // `ENV NAME some value`, the old form; `ARG` has one without a value too.
        if words.len() > 1 && !first.text.contains('=') {
            let value = self.text[first.span.end..span.end].trim().to_owned();
            return vec![Pair { name: first.text.clone(), value: Some(value), span: first.span.start..span.end }];
        }
        let pair = |word: Word| match word.text.split_once('=') {
            Some((name, value)) => Pair { name: name.to_owned(), value: Some(value.to_owned()), span: word.span },
            None => Pair { name: word.text, value: None, span: word.span },
        };
        words.into_iter().map(pair).collect()
    }

    fn arguments(&self, span: &Span) -> Vec<Pair> {
        let words = shell::words(self.text, span.clone(), self.escape);
        if words.iter().all(|word| !word.text.contains('=')) {
            return words.into_iter().map(|word| Pair { name: word.text, value: None, span: word.span }).collect();
        }
        self.pairs(span)
    }

    fn instruction(&self, instruction: &raw::Instruction<'_>) -> Option<Instruction> {
        use raw::Instruction as Raw;
        let (keyword, what, end) = match instruction {
            Raw::Run(run) => {
                let (run_, end) = self.run(run);
                (&run.run, What::Run(Box::new(run_)), end)
            }
            Raw::Copy(copy) => {
                let (transfer, end) = self.transfer(&copy.src, &copy.dest, &copy.options);
                (&copy.copy, What::Copy(transfer), end)
            }
            Raw::Add(add) => {
                let (transfer, end) = self.transfer(&add.src, &add.dest, &add.options);
                (&add.add, What::Add(transfer), end)
            }
            Raw::Env(env) => (&env.env, What::Env(self.pairs(&env.arguments.span)), env.arguments.span.end),
            Raw::Arg(arg) => (&arg.arg, What::Arg(self.arguments(&arg.arguments.span)), arg.arguments.span.end),
            Raw::Label(label) => {
                (&label.label, What::Label(self.pairs(&label.arguments.span)), label.arguments.span.end)
            }
            Raw::Entrypoint(one) => {
                (&one.entrypoint, What::Entrypoint(self.command(&one.arguments)), end(&one.arguments))
            }
            Raw::Cmd(one) => (&one.cmd, What::Cmd(self.command(&one.arguments)), end(&one.arguments)),
            Raw::Shell(one) => {
                let words: Vec<Word> = one.arguments.iter().map(unescaped).collect();
                let end = words.last().map_or(one.shell.span.end, |word| word.span.end + 1);
                (&one.shell, What::Shell(words), end)
            }
            Raw::User(one) => (&one.user, What::User(self.single(&one.arguments)), one.arguments.span.end),
            Raw::Workdir(one) => (&one.workdir, What::Workdir(self.single(&one.arguments)), one.arguments.span.end),
            Raw::Expose(one) => {
                let words: Vec<Word> = one.arguments.iter().map(unescaped).collect();
                let end = words.last().map_or(one.expose.span.end, |word| word.span.end);
                (&one.expose, What::Expose(words), end)
            }
            Raw::Volume(one) => {
                let (words, end): (Vec<Word>, usize) = match &one.arguments {
                    raw::JsonOrStringArray::Json(list) => (list.value.iter().map(unescaped).collect(), list.span.end),
                    raw::JsonOrStringArray::String(list) => (
                        list.iter().map(unescaped).collect(),
                        list.last().map_or(one.volume.span.end, |word| word.span.end),
                    ),
                };
                (&one.volume, What::Volume(words), end)
            }
            Raw::Healthcheck(one) => match &one.arguments {
                raw::HealthcheckArguments::Cmd { arguments, .. } => {
                    (&one.healthcheck, What::Healthcheck(Some(self.command(arguments))), end(arguments))
                }
                raw::HealthcheckArguments::None { none, .. } => {
                    (&one.healthcheck, What::Healthcheck(None), none.span.end)
                }
                _ => return None,
            },
            Raw::Stopsignal(one) => {
                (&one.stopsignal, What::Stopsignal(self.single(&one.arguments)), one.arguments.span.end)
            }
            Raw::Maintainer(one) => (&one.maintainer, What::Maintainer(unescaped(&one.name)), one.name.span.end),
            Raw::Onbuild(one) => {
                let inner = self.instruction(&one.instruction)?;
                let end = inner.span.end;
                (&one.onbuild, What::Onbuild(Box::new(inner)), end)
            }
            _ => return None,
        };
        let keyword = keyword.span.clone();
        let end = end.max(keyword.end);
        Some(Instruction { span: keyword.start..end, flags: Self::flags(instruction), keyword, what })
    }

    fn single(&self, value: &raw::UnescapedString<'_>) -> Word {
        let words = shell::words(self.text, value.span.clone(), self.escape);
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        Word { text, span: value.span.clone() }
    }

    fn flags(instruction: &raw::Instruction<'_>) -> Vec<Flag> {
        use raw::Instruction as Raw;
        let flags: &[raw::Flag<'_>] = match instruction {
            Raw::Run(run) => &run.options,
            Raw::Copy(copy) => &copy.options,
            Raw::Add(add) => &add.options,
            Raw::Healthcheck(one) => &one.options,
            _ => return Vec::new(),
        };
        flags.iter().map(flag).collect()
    }

    fn transfer(
        &self,
        sources: &[raw::Source<'_>],
        target: &raw::UnescapedString<'_>,
        flags: &[raw::Flag<'_>],
    ) -> (Transfer, usize) {
        let paths = sources
            .iter()
            .filter_map(|source| if let raw::Source::Path(path) = source { Some(unquoted(path)) } else { None });
        let bodies = heredocs(sources);
        let from =
            flags.iter().find(|flag| flag.name.value == "from").and_then(|flag| flag.value.as_ref()).map(unescaped);
        let from = from.map(|written| {
            let name = self.globals().expand(&written.text).unwrap_or_else(|| written.text.clone());
            let stage = self.file.named(&name, self.file.stages.len().saturating_sub(1));
            From { written, stage }
        });
        let end = bodies.iter().map(|body| self.end_of_body(body.end)).max().unwrap_or(target.span.end);
        let transfer =
            Transfer { sources: paths.collect(), inline: !bodies.is_empty(), target: unquoted(target), from };
        (transfer, end)
    }

    /// The end of the line that ends a heredoc, whose body ends before it.
    fn end_of_body(&self, end: usize) -> usize {
        let rest = self.text.get(end..).unwrap_or_default();
        end + rest.find('\n').unwrap_or(rest.len())
    }

    fn command(&self, command: &raw::Command<'_>) -> Command {
        match command {
            raw::Command::Exec(list) => Command::Exec(list.value.iter().map(unescaped).collect(), list.span.clone()),
            raw::Command::Shell(line) => Command::Shell(self.word(&line.span)),
            _ => Command::Shell(Word { text: String::new(), span: 0..0 }),
        }
    }

    fn run(&self, run: &raw::RunInstruction<'_>) -> (Run, usize) {
        let command = self.command(&run.arguments);
        let mounts = run.options.iter().filter(|flag| flag.name.value == "mount").map(mount).collect();
        let mut scripts: Vec<Span> = Vec::new();
        let mut end = command.span().end;
        let mut calls = match &command {
            Command::Exec(words, span) => exec(words, span),
            Command::Shell(line) => shell::calls(self.text, line.span.clone(), Some(self.escape)),
        };
        // A heredoc at the beginning is the script; behind a shell it is one as well.
        for body in &run.here_docs {
            end = self.end_of_body(body.span.end);
            if run.arguments_are_empty() || calls.first().is_some_and(|call| is_shell(call.program())) {
                scripts.push(body.span.clone());
            }
        }
        for body in self.bodies.iter().filter(|body| body.instruction == command.span().start) {
            end = end.max(body.span.end);
            if calls.last().is_some_and(|call| is_shell(call.program()) && call.args().all(|arg| arg.starts_with('-')))
            {
                // Without the line that ends it.
                let lines = &self.text[body.span.clone()];
                scripts.push(body.span.start..body.span.start + lines.rfind('\n').map_or(0, |end| end + 1));
            }
        }
        scripts.retain(|body| is_posix(&self.text[body.clone()]));
        for body in &scripts {
            calls.extend(shell::calls(self.text, body.clone(), None));
        }
        (Run { command, mounts, calls, scripts, pipefail: false }, end)
    }
}

/// The calls of a `RUN` in its other form.
fn exec(words: &[Word], span: &Span) -> Vec<Call> {
    let line: Vec<String> = words.iter().map(|word| format!("'{}'", word.text.replace('\'', r"'\''"))).collect();
    let line = line.join(" ");
    let mut calls = shell::calls(&line, 0..line.len(), None);
    for call in &mut calls {
        call.span = span.clone();
        // The list's own words have places of their own.
        let same = call.words.len() == words.len() && !call.nested;
        for (at, word) in call.words.iter_mut().enumerate() {
            word.span = if same { words[at].span.clone() } else { span.clone() };
        }
        for word in &mut call.written {
            word.span = span.clone();
        }
        for pair in &mut call.assigned {
            pair.span = span.clone();
        }
    }
    calls
}

fn end(command: &raw::Command<'_>) -> usize {
    match command {
        raw::Command::Exec(list) => list.span.end,
        raw::Command::Shell(line) => line.span.end,
        _ => 0,
    }
}

fn unescaped(value: &raw::UnescapedString<'_>) -> Word {
    Word { text: value.value.clone().into_owned(), span: value.span.clone() }
}

/// A path that may stand in quotes.
fn unquoted(value: &raw::UnescapedString<'_>) -> Word {
    let word = unescaped(value);
    Word { text: word.text.trim_matches('"').to_owned(), ..word }
}

fn flag(flag: &raw::Flag<'_>) -> Flag {
    Flag { name: flag.name.value.clone().into_owned(), value: flag.value.as_ref().map(unescaped), span: flag.span() }
}

fn mount(flag: &raw::Flag<'_>) -> Mount {
    let value = flag.value.as_ref().map(|value| value.value.clone().into_owned()).unwrap_or_default();
    let mut mount = Mount { kind: "bind".to_owned(), options: std::collections::BTreeMap::new(), span: flag.span() };
    for option in value.split(',').map(|option| option.trim_matches('"')).filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "type" => value.clone_into(&mut mount.kind),
            "dst" | "destination" => drop(mount.options.insert("target".to_owned(), value.to_owned())),
            "src" => drop(mount.options.insert("source".to_owned(), value.to_owned())),
            "ro" => drop(mount.options.insert("readonly".to_owned(), value.to_owned())),
            _ => drop(mount.options.insert(name.to_owned(), value.to_owned())),
        }
    }
    mount
}

/// Whether a `RUN` has nothing but its heredoc.
trait Empty {
    fn arguments_are_empty(&self) -> bool;
}

impl Empty for raw::RunInstruction<'_> {
    fn arguments_are_empty(&self) -> bool {
        matches!(&self.arguments, raw::Command::Shell(line) if line.value.trim().is_empty())
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
