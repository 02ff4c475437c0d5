//! From calls to facts: each call of a program is held against the table, and what it is given is evaluated.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::evaluate::{Base, Evaluation, HOLE, Host, Kind, Scope, Value, host_of_list};
use super::program::{Program, Unit};
use super::syntax::{Call, Callee, Term};
use super::{Bound, Named, Opened, Place, ProgramFacts};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Does {
    Read,
    Write,
    Bind,
    Spawn,
    Load,
}

/// A row of calls.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    call: String,
    does: Does,
    argument: usize,
    chain: Option<String>,
    #[serde(default)]
    when: Vec<String>,
    #[serde(default, rename = "crate")]
    crates: Vec<String>,
    #[serde(default)]
    folder: bool,
    #[serde(default)]
    settings: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

/// The rows by the last name of what they speak of, each list in the order of the table: of a program's calls hardly any has one.
#[derive(Debug, Default)]
struct Rows {
    functions: HashMap<String, Vec<Row>>,
    methods: HashMap<String, Vec<Row>>,
    macros: HashMap<String, Vec<Row>>,
}

impl Rows {
    fn of(table: Table) -> Self {
        let mut rows = Self::default();
        for row in table.row {
            let (list, name) = if let Some(name) = row.call.strip_prefix('.') {
                (&mut rows.methods, name)
            } else if let Some(name) = row.call.strip_suffix('!') {
                (&mut rows.macros, name)
            } else {
                (&mut rows.functions, row.call.rsplit("::").next().unwrap_or_default())
            };
            list.entry(name.to_owned()).or_default().push(row);
        }
        rows
    }

    fn named(&self, what: &Callee) -> &[Row] {
        let rows = match what {
            Callee::Function(path) => path.last().and_then(|name| self.functions.get(name)),
            Callee::Method(_, name) => self.methods.get(name),
            Callee::Macro(name) => self.macros.get(name),
        };
        rows.map_or(&[], Vec::as_slice)
    }
}

/// A table that does not parse is no table; a test rules that out.
fn rows() -> &'static Rows {
    static TABLE: OnceLock<Rows> = OnceLock::new();
    TABLE.get_or_init(|| toml::from_str::<Table>(include_str!("calls.toml")).map(Rows::of).unwrap_or_default())
}

impl Row {
    fn fits(&self, call: &Call, has_crate: &dyn Fn(&str) -> bool) -> bool {
        let named = |path: &[String]| ends_with(path, &self.call);
        !matches!(&call.what, Callee::Function(path) if !named(path))
            && (self.crates.is_empty() || self.crates.iter().any(|name| has_crate(name)))
            && self.chain.as_ref().is_none_or(|earlier| chain(call).any(|link| link.is(earlier)))
            && (self.when.is_empty() || chain(call).any(|link| self.when.iter().any(|name| link.is_method(name))))
    }
}

/// A call that another one is called on.
enum Link<'t> {
    Function(&'t [String]),
    Method(&'t str),
}

impl Link<'_> {
    fn is(&self, name: &str) -> bool {
        match self {
            Self::Function(path) => {
                ends_with(path, name) || (path.len() > 1 && ends_with(&path[..path.len() - 1], name))
            }
            Self::Method(own) => name.strip_prefix('.') == Some(own),
        }
    }

    fn is_method(&self, name: &str) -> bool {
        matches!(self, Self::Method(own) if *own == name)
    }
}

fn chain(call: &Call) -> impl Iterator<Item = Link<'_>> {
    let mut next = Some(call);
    std::iter::from_fn(move || {
        let Callee::Method(on, _) = &next?.what else { return None };
        let Term::Call(earlier) = on else { return None };
        next = Some(earlier);
        match &earlier.what {
            Callee::Function(path) => Some(Link::Function(path)),
            Callee::Method(_, name) => Some(Link::Method(name)),
            Callee::Macro(_) => None,
        }
    })
}

/// Whether a path ends with these names: `std::fs::read` with `fs::read`.
fn ends_with(path: &[String], names: &str) -> bool {
    let mut own = path.iter().rev();
    names.rsplit("::").all(|name| own.next().is_some_and(|part| part == name))
}

/// What the calls of a program tell.
pub(super) fn facts<'p>(program: &'p Program<'p>, has_crate: &dyn Fn(&str) -> bool) -> ProgramFacts {
    let mut facts = ProgramFacts::default();
    for (unit, function) in program.reached() {
        let scope = Scope::of(unit, Some(function));
        let mut look = |term: &'p Term| match term {
            Term::Call(call) => read(program, call, &scope, has_crate, &mut facts),
            Term::Text(text, line) => literal(text, unit, *line, &mut facts),
            _ => {}
        };
        function.body.walk(&mut look);
    }
    for (unit, default) in program.defaults() {
        if let Term::Text(text, line) = &default.value {
            literal(text, unit, *line, &mut facts);
        }
        let is_port = default.variable.as_deref() == Some("PORT") || default.field == "port";
        if let (true, Term::Number(_) | Term::Text(..)) = (is_port, &default.value) {
            let place = Place { file: unit.source.file.clone(), line: default.line };
            let scope = Scope::of(unit, None);
            let values = Evaluation::new(program).values(&default.value, &scope);
            let port = values.iter().find_map(port);
            facts.defaults.extend(port.map(|port| Bound {
                port,
                host: None,
                variable: default.variable.clone(),
                call: format!("the field `{}`", default.field),
                place,
            }));
        }
    }
    facts.sort();
    facts
}

/// A text that says what it is, wherever it stands: an address on every interface, of which nobody asks anything; a database's file.
fn literal(text: &str, unit: &Unit<'_>, line: usize, facts: &mut ProgramFacts) {
    let place = || Place { file: unit.source.file.clone(), line };
    if let Some((Some(Host::All), Some(port))) = address(text) {
        let call = format!("`{text}`");
        facts.addresses.push(Bound { port, host: Some(Host::All), variable: None, call, place: place() });
    } else if let Some(path) = database(text) {
        facts.writes.push(Opened {
            path,
            base: Base::Working,
            is_pattern: false,
            is_folder: false,
            settings: false,
            variable: None,
            call: "sqlite".to_owned(),
            place: place(),
        });
    }
}

fn read<'p>(
    program: &'p Program<'p>,
    call: &'p Call,
    scope: &Scope<'p>,
    has_crate: &dyn Fn(&str) -> bool,
    facts: &mut ProgramFacts,
) {
    argument_default(program, call, scope, facts);
    let mut done: Vec<usize> = Vec::new();
    for row in rows().named(&call.what) {
        // Of the rows that speak of one argument of a call the first counts.
        if done.contains(&row.argument) || !row.fits(call, has_crate) {
            continue;
        }
        let Some(argument) = call.arguments.get(row.argument) else { continue };
        done.push(row.argument);
        let values = Evaluation::new(program).values(argument, scope);
        let place = Place { file: scope.unit.source.file.clone(), line: call.line };
        for value in values {
            match row.does {
                Does::Read | Does::Write => {
                    if let Some(opened) = opened(row, &value, &place) {
                        let list = if row.does == Does::Read { &mut facts.reads } else { &mut facts.writes };
                        list.push(opened);
                    }
                }
                Does::Bind => bound(row, &value, &place, facts),
                Does::Spawn | Does::Load => {
                    let list = if row.does == Does::Spawn { &mut facts.spawns } else { &mut facts.libraries };
                    if let Kind::Text(Base::Working, name) = &value.kind
                        && !name.contains(HOLE)
                        && !name.is_empty()
                    {
                        list.push(Named { name: name.clone(), variable: value.variable.clone(), place: place.clone() });
                    }
                }
            }
        }
        if row.does == Does::Load {
            facts.loads.get_or_insert(place);
        }
    }
}

/// `Arg::new("port").env("PORT").default_value("8080")`
fn argument_default<'p>(program: &'p Program<'p>, call: &'p Call, scope: &Scope<'p>, facts: &mut ProgramFacts) {
    let (Callee::Method(on, method), Some(value)) = (&call.what, call.arguments.first()) else { return };
    if method != "default_value" {
        return;
    }
    let (mut name, mut variable) = (None, None);
    let mut next = Some(on);
    while let Some(Term::Call(earlier)) = next {
        let first = earlier.arguments.first();
        match (&earlier.what, first) {
            (Callee::Function(path), Some(Term::Text(text, _))) if ends_with(path, "Arg::new") => {
                name = Some(text.as_str());
            }
            (Callee::Method(_, of), Some(Term::Text(text, _))) if of == "env" => variable = Some(text.clone()),
            _ => {}
        }
        next = if let Callee::Method(on, _) = &earlier.what { Some(on) } else { None };
    }
    if name == Some("port") || variable.as_deref() == Some("PORT") {
        let values = Evaluation::new(program).values(value, scope);
        let place = Place { file: scope.unit.source.file.clone(), line: call.line };
        let port = values.iter().find_map(port);
        facts.defaults.extend(port.map(|port| Bound {
            port,
            host: None,
            variable,
            call: "the argument `port`".to_owned(),
            place,
        }));
    }
}

fn opened(row: &Row, value: &Value, place: &Place) -> Option<Opened> {
    let Kind::Text(base, text) = &value.kind else { return None };
    let database = text.starts_with("sqlite:").then(|| database(text));
    let text = match &database {
        Some(path) => path.as_deref()?,
        None => text,
    };
    // A scheme, or a format of some other kind: no path.
    if text.contains(':') {
        return None;
    }
    let plain = normal(text);
    let text = plain.as_str();
    // Of `config/{environment}.toml` and `templates/**/*.html` the folder is known.
    let known = match text.find([HOLE, '*', '?', '{']) {
        Some(end) => text[..end].rfind('/').map_or("", |end| &text[..end]),
        None => text,
    };
    let is_pattern = known.len() < text.len();
    let known = known.trim_end_matches('/');
    (!known.is_empty()).then(|| Opened {
        path: known.to_owned(),
        base: *base,
        is_pattern,
        is_folder: row.folder,
        settings: row.settings,
        variable: value.variable.clone(),
        call: row.call.trim_start_matches('.').to_owned(),
        place: place.clone(),
    })
}

/// Without `.` among its parts.
fn normal(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .enumerate()
        .filter(|(at, part)| *part != "." && (*at == 0 || !part.is_empty()))
        .map(|(_, part)| part)
        .collect();
    parts.join("/")
}

fn bound(row: &Row, value: &Value, place: &Place, facts: &mut ProgramFacts) {
    for (host, port, variable) in addresses(value) {
        if let Some(port) = port {
            facts.binds.push(Bound {
                port,
                host,
                variable,
                call: row.call.trim_start_matches('.').to_owned(),
                place: place.clone(),
            });
        }
    }
}

/// The addresses that a value can be.
fn addresses(value: &Value) -> Vec<(Option<Host>, Option<u16>, Option<String>)> {
    match &value.kind {
        Kind::Text(_, text) => {
            let (host, port) = address(text).unwrap_or_default();
            vec![(host, port, value.variable.clone())]
        }
        Kind::List(pair) => match pair.as_slice() {
            [first, second] => {
                let ports: Vec<(Option<u16>, Option<String>)> =
                    second.iter().map(|value| (port(value), value.variable.clone())).collect();
                let hosts: Vec<(Option<Host>, Option<String>)> = match first.as_slice() {
                    [] => vec![(None, None)],
                    some => some.iter().map(|value| (host(value), value.variable.clone())).collect(),
                };
                let each = |(host, decides): &(Option<Host>, Option<String>)| {
                    let (host, decides) = (*host, decides.clone());
                    ports
                        .iter()
                        .map(move |(port, variable)| (host, *port, decides.clone().or_else(|| variable.clone())))
                        .collect::<Vec<_>>()
                };
                hosts.iter().flat_map(each).collect()
            }
            _ => Vec::new(),
        },
        // A number alone is a port of nothing: other things are bound as well.
        Kind::Number(_) | Kind::Host(_) | Kind::Variable => Vec::new(),
    }
}

fn port(value: &Value) -> Option<u16> {
    match &value.kind {
        Kind::Number(number) => u16::try_from(*number).ok().filter(|port| *port > 0),
        Kind::Text(_, text) => text.parse().ok().filter(|port| *port > 0),
        _ => None,
    }
}

fn host(value: &Value) -> Option<Host> {
    match &value.kind {
        Kind::Host(host) => Some(*host),
        Kind::List(parts) => host_of_list(parts),
        Kind::Text(_, text) => Some(host_named(text)),
        _ => None,
    }
}

fn host_named(text: &str) -> Host {
    match text {
        "0.0.0.0" | "::" | "[::]" | "" | "*" => Host::All,
        "localhost" | "::1" | "[::1]" => Host::Loopback,
        _ if text.starts_with("127.") => Host::Loopback,
        _ => Host::Other,
    }
}

/// `0.0.0.0:3000`, `[::]:80`, `localhost:8080`, `tcp://0.0.0.0:1883`; with a hole for what is not known.
fn address(text: &str) -> Option<(Option<Host>, Option<u16>)> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
    let (host, port) = text.rsplit_once(':')?;
    let host = if host.contains(HOLE) { None } else { Some(host_named(host)) };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    Some((host, Some(port)))
}

/// The file of `sqlite://data/app.db?mode=rwc`.
fn database(text: &str) -> Option<String> {
    let path = text.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("./").unwrap_or(path);
    let plain = !path.is_empty() && !path.contains([HOLE, ':', '{', ' ', '*']);
    plain.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_parses() {
        let table: Table = toml::from_str(include_str!("calls.toml")).unwrap();
        for row in &table.row {
            assert!(row.chain.is_none() || row.call.starts_with('.'), "{}: a chain is a method's", row.call);
        }
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(address("0.0.0.0:80"), Some((Some(Host::All), Some(80))));
        assert_eq!(address("[::]:80"), Some((Some(Host::All), Some(80))));
        assert_eq!(address("localhost:80"), Some((Some(Host::Loopback), Some(80))));
        assert_eq!(address("http://127.0.0.1:80/"), Some((Some(Host::Loopback), Some(80))));
        assert_eq!(address("\u{0}:80"), Some((None, Some(80))));
        assert_eq!(address("db.example.com:5432"), Some((Some(Host::Other), Some(5432))));
        assert_eq!(address("0.0.0.0"), None);
        assert_eq!(address("0.0.0.0:0"), None);
    }

    #[test]
    fn databases_in_files_are_read() {
        assert_eq!(database("sqlite://data/a.db?mode=rwc").as_deref(), Some("data/a.db"));
        assert_eq!(database("sqlite:a.db").as_deref(), Some("a.db"));
        assert_eq!(database("sqlite::memory:"), None);
        assert_eq!(database("postgres://a"), None);
    }
}
