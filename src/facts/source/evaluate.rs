//! What an expression has for a value, as far as it can be told without running the program. A variable is followed to its
//! definition, a field to its default, a call of the workspace's own function to what that returns.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::program::{Program, Unit};
use super::syntax::{Call, Callee, Function, Term};

/// Deeper calls are not followed.
const DEEPEST: usize = 24;

/// More values than this say nothing.
const MOST: usize = 12;

/// Work for one expression; a program can be written so that it never ends.
const STEPS: usize = 5_000;

/// A part of a text that is known at run time only.
pub(super) const HOLE: char = '\u{0}';

/// One of the values that an expression can have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value {
    pub kind: Kind,
    /// The environment variable that replaces it.
    pub variable: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A text or a path; what is not known in it is a [`HOLE`].
    Text(Base, String),
    Number(u64),
    Host(Host),
    /// The values of each element.
    List(Vec<Vec<Value>>),
    /// What an environment variable has.
    Variable,
}

/// What a path is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// The folder that the program runs in.
    Working,
    /// The folder of its package: `CARGO_MANIFEST_DIR`.
    Manifest,
    /// The folder of the program's own file.
    Executable,
}

/// Where somebody listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// On every address.
    All,
    /// On addresses that only the machine itself reaches.
    Loopback,
    /// On one that is given.
    Other,
}

/// Functions and methods whose value is that of their argument, or of what they are called on.
#[rustfmt::skip]
const TRANSPARENT: &[&str] = &[
    "as_bytes", "as_deref", "as_os_str", "as_path", "as_ref", "as_str", "boxed", "borrow", "canonicalize", "chars", "clone", "cloned",
    "collect", "context", "copied", "deref", "display", "enumerate", "err_into", "expect", "into", "into_boxed_path", "into_inner",
    "into_iter", "into_os_string", "into_string", "iter", "leak", "lines", "map_err", "ok", "ok_or", "ok_or_else", "parse", "rev", "stripped", "to_owned",
    "to_path_buf", "to_socket_addrs", "to_str", "to_string", "to_string_lossy", "trim", "trim_end", "trim_start", "try_into", "unwrap",
    "unwrap_or_default", "unwrap_unchecked", "with_context",
];

/// Functions that call their argument, now or later.
const CALLERS: &[&str] = &["Lazy::new", "LazyCell::new", "LazyLock::new"];

/// Functions that make a value from their first argument.
#[rustfmt::skip]
const MAKERS: &[&str] = &[
    "Arc::new", "Box::new", "Cow::Borrowed", "Cow::from", "IpAddr::V4", "IpAddr::V6", "IpAddr::from", "Ipv4Addr::from", "Ipv6Addr::from", "Ok",
    "OsStr::new", "OsString::from", "Path::new", "PathBuf::from", "Rc::new", "SocketAddr::V4", "SocketAddr::V6", "SocketAddr::from", "SocketAddr::from_str",
    "SocketAddrV4::from", "Some", "String::from", "Uri::from_str", "Utf8Path::new", "Utf8PathBuf::from", "borrow", "canonicalize", "absolute",
];

/// A place in the program, with the values of the parameters.
#[derive(Clone)]
pub(super) struct Scope<'p> {
    pub unit: &'p Unit<'p>,
    pub function: Option<&'p Function>,
    bound: BTreeMap<&'p str, Vec<Value>>,
    /// In the definition of a name, which definition of it that is: the name stands for those before it there.
    defining: Option<(&'p str, usize)>,
    depth: usize,
}

impl<'p> Scope<'p> {
    pub fn of(unit: &'p Unit<'p>, function: Option<&'p Function>) -> Self {
        Self { unit, function, bound: BTreeMap::new(), defining: None, depth: 0 }
    }

    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }

    /// The definitions of a local name that can be meant here, the last one first, each with the scope that it is read in.
    fn definitions(&self, name: &str) -> Vec<(&'p Term, Self)> {
        let locals = self.function.into_iter().flat_map(|function| &function.locals);
        let all: Vec<_> = locals.filter(|(own, _)| own == name).enumerate().collect();
        let before = self.defining.filter(|(own, _)| *own == name).map_or(usize::MAX, |(_, at)| at);
        let mut meant = Vec::new();
        for (at, (own, value)) in all.into_iter().rev().filter(|(at, _)| *at < before) {
            meant.push((value, Self { defining: Some((own.as_str(), at)), ..self.deeper() }));
            // One that is made of those before it stands in their place.
            let mut takes_up = false;
            value.walk(&mut |term| takes_up |= matches!(term, Term::Name(path) if *path == [own.as_str()]));
            if takes_up {
                break;
            }
        }
        meant
    }
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self { kind: Kind::Text(Base::Working, text.into()), variable: None }
    }

    fn of(kind: Kind) -> Self {
        Self { kind, variable: None }
    }
}

/// Evaluates; the budget is for one expression.
pub(super) struct Evaluation<'p> {
    pub program: &'p Program<'p>,
    steps: Cell<usize>,
}

impl<'p> Evaluation<'p> {
    pub fn new(program: &'p Program<'p>) -> Self {
        Self { program, steps: Cell::new(0) }
    }

    fn may_go_on(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        self.steps.get() <= STEPS
    }

    /// The values of a term; none: nothing is known.
    pub fn values(&mut self, term: &'p Term, scope: &Scope<'p>) -> Vec<Value> {
        if scope.depth > DEEPEST || !self.may_go_on() {
            return Vec::new();
        }
        let mut values = self.any(term, scope);
        values.sort();
        values.dedup();
        if values.len() > MOST {
            values.clear();
        }
        values
    }

    fn any(&mut self, term: &'p Term, scope: &Scope<'p>) -> Vec<Value> {
        match term {
            Term::Unknown | Term::Closure(..) | Term::Record { .. } => Vec::new(),
            Term::Text(text, _) => vec![Value::text(text.clone())],
            Term::Number(number) => vec![Value::of(Kind::Number(*number))],
            Term::Name(path) => self.name(path, scope),
            Term::Field(of, name) => self.field(of, name, scope),
            Term::List(parts) => {
                let parts = parts.iter().map(|part| self.values(part, &scope.deeper())).collect();
                vec![Value::of(Kind::List(parts))]
            }
            Term::Element(of, at) => self.elements(of, scope, |list| list.get(*at).cloned().unwrap_or_default()),
            Term::Any(of) => self.elements(of, scope, <[Vec<Value>]>::concat),
            Term::Choice(arms, variable) => {
                let mut found: Vec<Value> = arms.iter().flat_map(|arm| self.values(arm, &scope.deeper())).collect();
                for value in &mut found {
                    if value.variable.is_none() {
                        value.variable.clone_from(variable);
                    }
                }
                found
            }
            Term::Block(_, value) => self.values(value, &scope.deeper()),
            Term::Call(call) => match &call.what {
                Callee::Function(path) => self.function(path, call, scope),
                Callee::Method(on, name) => self.method(on, name, call, scope),
                Callee::Macro(name) => self.macro_call(name, call, scope),
            },
        }
    }

    fn elements(&mut self, of: &'p Term, scope: &Scope<'p>, take: impl Fn(&[Vec<Value>]) -> Vec<Value>) -> Vec<Value> {
        let lists = self.values(of, &scope.deeper());
        lists
            .iter()
            .flat_map(|value| if let Kind::List(list) = &value.kind { take(list) } else { Vec::new() })
            .collect()
    }

    fn name(&mut self, path: &'p [String], scope: &Scope<'p>) -> Vec<Value> {
        let Some((last, before)) = path.split_last() else { return Vec::new() };
        match last.as_str() {
            "LOCALHOST" => return vec![Value::of(Kind::Host(Host::Loopback))],
            "UNSPECIFIED" => return vec![Value::of(Kind::Host(Host::All))],
            _ => {}
        }
        if before.is_empty() {
            if let Some(values) = scope.bound.get(last.as_str()) {
                return values.clone();
            }
            if let Some(function) = scope.function {
                let mut found = Vec::new();
                let parameter = function.parameters.iter().position(|parameter| parameter.name == *last);
                let mut is_local = parameter.is_some();
                if let Some(at) = parameter {
                    found.extend(self.given(function, at, scope.depth));
                }
                for (value, inner) in scope.definitions(last) {
                    is_local = true;
                    found.extend(self.values(value, &inner));
                }
                if is_local {
                    return found;
                }
            }
        }
        let constants = self.program.constants(last, scope.unit);
        constants
            .into_iter()
            .flat_map(|(unit, constant)| {
                self.values(&constant.value, &Scope { depth: scope.depth + 1, ..Scope::of(unit, None) })
            })
            .collect()
    }

    /// What the calls of a function give for one of its parameters.
    fn given(&mut self, function: &'p Function, at: usize, depth: usize) -> Vec<Value> {
        let has_self = function.parameters.first().is_some_and(|first| first.name == "self");
        let mut found = Vec::new();
        let sites: Vec<_> = self.program.sites(function).copied().take(MOST).collect();
        for (unit, of, call) in sites {
            let scope = Scope { depth: depth + 1, ..Scope::of(unit, Some(of)) };
            let argument = match (&call.what, has_self) {
                (Callee::Method(on, _), true) if at == 0 => Some(on),
                (Callee::Method(..), true) => call.arguments.get(at - 1),
                _ => call.arguments.get(at),
            };
            if let Some(argument) = argument {
                found.extend(self.values(argument, &scope));
            }
        }
        found
    }

    /// What a field has: by the defaults of its type, and by the places that make one.
    fn field(&mut self, of: &'p Term, name: &'p str, scope: &Scope<'p>) -> Vec<Value> {
        let Some(owner) = self.type_of(of, scope, 0) else { return Vec::new() };
        let mut found = Vec::new();
        for (unit, function, default) in self.program.fields(&owner, name) {
            let inner = Scope { depth: scope.depth + 1, ..Scope::of(unit, function) };
            let values = self.values(default.value, &inner);
            if values.is_empty() && default.variable.is_some() {
                found.push(Value { kind: Kind::Variable, variable: default.variable.map(str::to_owned) });
            }
            found.extend(values.into_iter().map(|value| Value {
                variable: value.variable.clone().or_else(|| default.variable.map(str::to_owned)),
                ..value
            }));
        }
        found
    }

    /// The type of an expression, by the names that stand there.
    pub fn type_of(&self, term: &'p Term, scope: &Scope<'p>, depth: usize) -> Option<String> {
        if depth > DEEPEST || !self.may_go_on() {
            return None;
        }
        let capital = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
        match term {
            Term::Record { name, .. } if name == "Self" => scope.function.and_then(|function| function.owner.clone()),
            Term::Record { name, .. } => Some(name.clone()),
            Term::Block(_, value) => self.type_of(value, scope, depth + 1),
            Term::Choice(arms, _) => arms.iter().find_map(|arm| self.type_of(arm, scope, depth + 1)),
            Term::Field(of, name) => self.program.type_of_field(&self.type_of(of, scope, depth + 1)?, name),
            Term::Name(path) => {
                let [.., last] = path.as_slice() else { return None };
                if let (1, Some(function)) = (path.len(), scope.function) {
                    let parameter = function.parameters.iter().find(|parameter| parameter.name == *last);
                    if let Some(of) = parameter.and_then(|parameter| parameter.of.clone()) {
                        return Some(if of == "Self" { function.owner.clone()? } else { of });
                    }
                    let definitions = scope.definitions(last);
                    if !definitions.is_empty() {
                        let mut definitions = definitions.iter();
                        return definitions.find_map(|(value, inner)| self.type_of(value, inner, depth + 1));
                    }
                }
                self.program.type_of_constant(last, scope.unit)
            }
            Term::Call(call) => match &call.what {
                Callee::Function(path) => match path.as_slice() {
                    [.., of, _] if of == "Self" => scope.function.and_then(|function| function.owner.clone()),
                    [.., of, _] if capital(of) => Some(of.clone()),
                    [.., name] => {
                        let (unit, function) = self.program.function(None, name)?;
                        self.type_of(&function.body, &Scope::of(unit, Some(function)), depth + 1)
                    }
                    [] => None,
                },
                Callee::Method(on, _) => self.type_of(on, scope, depth + 1),
                Callee::Macro(_) => None,
            },
            _ => None,
        }
    }

    fn first(&mut self, call: &'p Call, scope: &Scope<'p>) -> Vec<Value> {
        call.arguments.first().map(|argument| self.values(argument, &scope.deeper())).unwrap_or_default()
    }

    fn function(&mut self, path: &'p [String], call: &'p Call, scope: &Scope<'p>) -> Vec<Value> {
        let last = path.last().map_or("", String::as_str);
        let of = path.len().checked_sub(2).map_or("", |at| path[at].as_str());
        let base = |base| vec![Value::of(Kind::Text(base, String::new()))];
        match (of, last) {
            ("env", "var" | "var_os") | (_, "env_var") => {
                let names = self.first(call, scope);
                return names
                    .into_iter()
                    .filter_map(|name| match name.kind {
                        Kind::Text(_, name) => Some(Value { kind: Kind::Variable, variable: Some(name) }),
                        _ => None,
                    })
                    .collect();
            }
            ("env", "current_dir") => return base(Base::Working),
            // The file itself, whose folder `parent` is.
            ("env", "current_exe") => return vec![Value::of(Kind::Text(Base::Executable, "program".to_owned()))],
            ("Ipv4Addr", "new") => {
                let parts: Vec<Vec<Value>> =
                    call.arguments.iter().map(|part| self.values(part, &scope.deeper())).collect();
                return host_of_list(&parts).map(|host| Value::of(Kind::Host(host))).into_iter().collect();
            }
            ("SocketAddr" | "SocketAddrV4" | "SocketAddrV6", "new") => {
                let parts = call.arguments.iter().take(2).map(|part| self.values(part, &scope.deeper())).collect();
                return vec![Value::of(Kind::List(parts))];
            }
            _ => {}
        }
        let full = if of.is_empty() { last.to_owned() } else { format!("{of}::{last}") };
        if MAKERS.contains(&full.as_str()) || MAKERS.contains(&last) {
            return self.first(call, scope);
        }
        if let (true, Some(argument)) = (CALLERS.contains(&full.as_str()), call.arguments.first()) {
            return self.closure(argument, &[], scope);
        }
        let owner =
            if of == "Self" { scope.function.and_then(|function| function.owner.clone()) } else { Some(of.to_owned()) };
        let owner = owner.filter(|of| of.starts_with(|c: char| c.is_ascii_uppercase()));
        match self.program.function(owner.as_deref(), last) {
            Some((unit, function)) => self.returned(unit, function, None, call, scope),
            None => Vec::new(),
        }
    }

    /// What a function of the program's own returns.
    fn returned(
        &mut self,
        unit: &'p Unit<'p>,
        function: &'p Function,
        receiver: Option<Vec<Value>>,
        call: &'p Call,
        scope: &Scope<'p>,
    ) -> Vec<Value> {
        let arguments = call.arguments.iter().map(|argument| self.values(argument, &scope.deeper()));
        let given: Vec<Vec<Value>> = receiver.into_iter().chain(arguments).collect();
        let named = function.parameters.iter().map(|parameter| parameter.name.as_str());
        let bound = named.zip(given).filter(|(name, values)| !name.is_empty() && !values.is_empty()).collect();
        let inner = Scope { bound, depth: scope.depth + 1, ..Scope::of(unit, Some(function)) };
        self.values(&function.body, &inner)
    }

    fn method(&mut self, on: &'p Term, name: &'p str, call: &'p Call, scope: &Scope<'p>) -> Vec<Value> {
        // A method of the program's own can have any name.
        if let Some((unit, function)) =
            self.type_of(on, scope, 0).and_then(|owner| self.program.function(Some(&owner), name))
        {
            let receiver = self.values(on, &scope.deeper());
            return self.returned(unit, function, Some(receiver), call, scope);
        }
        if TRANSPARENT.contains(&name) {
            return self.values(on, &scope.deeper());
        }
        match name {
            "unwrap_or" | "or" | "map_or" => {
                let given = self.values(on, &scope.deeper());
                let other = self.first(call, scope);
                otherwise(given, other)
            }
            "unwrap_or_else" | "or_else" | "map_or_else" | "get_or_insert_with" => {
                let given = self.values(on, &scope.deeper());
                let other =
                    call.arguments.first().map(|argument| self.closure(argument, &[], scope)).unwrap_or_default();
                otherwise(given, other)
            }
            "map" | "and_then" | "inspect" | "then" => {
                let given = self.values(on, &scope.deeper());
                let Some(argument) = call.arguments.first() else { return given };
                match argument {
                    Term::Closure(..) => {
                        let made = self.closure(argument, &given, scope);
                        // A value that is made in a way that is not understood keeps the variable that it came from.
                        if made.is_empty() {
                            given.into_iter().filter(|value| value.kind == Kind::Variable).collect()
                        } else {
                            made
                        }
                    }
                    _ => given,
                }
            }
            "join" | "child" => {
                let folders = self.values(on, &scope.deeper());
                let names = self.first(call, scope);
                join(&folders, &names)
            }
            "parent" | "parent_path" => self.values(on, &scope.deeper()).into_iter().filter_map(parent).collect(),
            "with_file_name" => {
                let folders: Vec<Value> = self.values(on, &scope.deeper()).into_iter().filter_map(parent).collect();
                let names = self.first(call, scope);
                join(&folders, &names)
            }
            "chain" | "concat" => {
                let mut found = self.values(on, &scope.deeper());
                found.extend(self.first(call, scope));
                found
            }
            _ => Vec::new(),
        }
    }

    fn closure(&mut self, term: &'p Term, given: &[Value], scope: &Scope<'p>) -> Vec<Value> {
        match term {
            Term::Closure(names, body) => {
                let mut inner = scope.deeper();
                for (i, name) in names.iter().enumerate() {
                    let values = if i == 0 { given.to_vec() } else { Vec::new() };
                    inner.bound.insert(name, values);
                }
                self.values(body, &inner)
            }
            // A function's name: `unwrap_or_else(default_port)`.
            Term::Name(path) => {
                let [.., last] = path.as_slice() else { return Vec::new() };
                let owner = path.len().checked_sub(2).map(|at| path[at].as_str());
                let owner = match owner {
                    Some("Self") => scope.function.and_then(|function| function.owner.clone()),
                    other => other.filter(|of| of.starts_with(|c: char| c.is_ascii_uppercase())).map(str::to_owned),
                };
                match self.program.function(owner.as_deref(), last) {
                    Some((unit, function)) => {
                        let inner = Scope { depth: scope.depth + 1, ..Scope::of(unit, Some(function)) };
                        self.values(&function.body, &inner)
                    }
                    None => Vec::new(),
                }
            }
            other => self.values(other, &scope.deeper()),
        }
    }

    fn macro_call(&mut self, name: &str, call: &'p Call, scope: &Scope<'p>) -> Vec<Value> {
        match name {
            "env" => match call.arguments.first() {
                Some(Term::Text(name, _)) if name == "CARGO_MANIFEST_DIR" => {
                    vec![Value::of(Kind::Text(Base::Manifest, String::new()))]
                }
                _ => Vec::new(),
            },
            "relative" if !self.program.has_macro(name) => {
                let folder = vec![Value::of(Kind::Text(Base::Manifest, String::new()))];
                let names = self.first(call, scope);
                join(&folder, &names)
            }
            "concat" => {
                let mut parts = vec![Value::text("")];
                for argument in &call.arguments {
                    let more = self.values(argument, &scope.deeper());
                    parts = append(&parts, &more);
                }
                parts
            }
            "format" | "format_args" => self.format(call, scope),
            _ => match self.program.rule(name) {
                Some((unit, rule)) => {
                    let given = call
                        .arguments
                        .iter()
                        .map(|argument| self.values(argument, &scope.deeper()))
                        .collect::<Vec<_>>();
                    let bound = rule.parameters.iter().map(String::as_str).zip(given).collect();
                    self.values(&rule.body, &Scope { bound, depth: scope.depth + 1, ..Scope::of(unit, None) })
                }
                None => Vec::new(),
            },
        }
    }

    /// `format!("{host}:{}", port)`
    fn format(&mut self, call: &'p Call, scope: &Scope<'p>) -> Vec<Value> {
        let Some(Term::Text(pattern, _)) = call.arguments.first() else { return Vec::new() };
        let mut parts = vec![Value::text("")];
        let mut next = 1;
        let mut rest = pattern.as_str();
        while let Some(start) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(start);
            parts = append(&parts, &[Value::text(before)]);
            let doubled = after.starts_with("{{") || after.starts_with("}}");
            if doubled || after.starts_with('}') {
                parts = append(&parts, &[Value::text(&after[..1])]);
                rest = &after[if doubled { 2 } else { 1 }..];
                continue;
            }
            let Some(end) = after.find('}') else { return Vec::new() };
            let inner = &after[1..end];
            rest = &after[end + 1..];
            let name = inner.split(':').next().unwrap_or_default().trim();
            let values = if name.is_empty() {
                next += 1;
                call.arguments.get(next - 1).map(|argument| self.values(argument, &scope.deeper()))
            } else if let Ok(number) = name.parse::<usize>() {
                call.arguments.get(number + 1).map(|argument| self.values(argument, &scope.deeper()))
            } else {
                Some(self.captured(name, scope))
            };
            parts = append(&parts, &values.unwrap_or_default());
        }
        append(&parts, &[Value::text(rest)])
    }

    /// A name in a format's text.
    fn captured(&mut self, name: &str, scope: &Scope<'p>) -> Vec<Value> {
        if let Some(values) = scope.bound.get(name) {
            return values.clone();
        }
        let mut found = Vec::new();
        for (value, inner) in scope.definitions(name) {
            found.extend(self.values(value, &inner));
        }
        if found.is_empty() {
            for (unit, constant) in self.program.constants(name, scope.unit) {
                found.extend(self.values(&constant.value, &Scope { depth: scope.depth + 1, ..Scope::of(unit, None) }));
            }
        }
        found
    }
}

/// A value, or another one where it is not given. The variable that gives the one replaces the other.
fn otherwise(given: Vec<Value>, other: Vec<Value>) -> Vec<Value> {
    let variable = given.iter().find_map(|value| value.variable.clone());
    let mut found: Vec<Value> = given.into_iter().filter(|value| value.kind != Kind::Variable).collect();
    found.extend(
        other.into_iter().map(|value| Value { variable: value.variable.or_else(|| variable.clone()), ..value }),
    );
    if found.is_empty() && variable.is_some() {
        found.push(Value { kind: Kind::Variable, variable });
    }
    found
}

/// The text of a value, as `format!` writes it.
fn written(value: &Value) -> (Base, String) {
    match &value.kind {
        Kind::Text(base, text) => (*base, text.clone()),
        Kind::Number(number) => (Base::Working, number.to_string()),
        Kind::Host(Host::All) => (Base::Working, "0.0.0.0".to_owned()),
        Kind::Host(Host::Loopback) => (Base::Working, "127.0.0.1".to_owned()),
        _ => (Base::Working, HOLE.to_string()),
    }
}

/// The parts of a longer text. One that a variable replaces can be another one as well, and one that is not known is a hole.
fn parts(values: &[Value]) -> Vec<Value> {
    let mut parts = values.to_vec();
    // One that is empty stands for nothing: another place sets it.
    let is_empty = |part: &Value| part.kind == Kind::Text(Base::Working, String::new());
    if parts.iter().any(|part| !is_empty(part)) {
        parts.retain(|part| !is_empty(part));
    }
    if parts.is_empty() || parts.iter().any(|part| part.variable.is_some()) {
        let variable = parts.iter().find_map(|part| part.variable.clone());
        parts.push(Value { kind: Kind::Text(Base::Working, HOLE.to_string()), variable });
    }
    parts
}

/// Each of the one followed by each of the other.
fn append(before: &[Value], more: &[Value]) -> Vec<Value> {
    let more = parts(more);
    let mut found = Vec::new();
    for part in before.iter().take(MOST) {
        for next in more.iter().take(MOST) {
            let ((base, mut text), (own, added)) = (written(part), written(next));
            let base = if text.is_empty() && base == Base::Working { own } else { base };
            text += &added;
            let variable = part.variable.clone().or_else(|| next.variable.clone());
            found.push(Value { kind: Kind::Text(base, text), variable });
        }
    }
    found
}

/// `folder.join(name)`; of a folder that is not known nothing is.
fn join(folders: &[Value], names: &[Value]) -> Vec<Value> {
    let names = parts(names);
    let mut found = Vec::new();
    for folder in folders {
        let Kind::Text(base, before) = &folder.kind else { continue };
        for name in &names {
            let (own, name_text) = written(name);
            let variable = folder.variable.clone().or_else(|| name.variable.clone());
            let kind = if name_text.starts_with('/') || own != Base::Working {
                Kind::Text(own, name_text)
            } else if before.is_empty() {
                Kind::Text(*base, name_text)
            } else {
                Kind::Text(*base, format!("{}/{name_text}", before.trim_end_matches('/')))
            };
            found.push(Value { kind, variable });
        }
    }
    found
}

fn parent(value: Value) -> Option<Value> {
    let Kind::Text(base, text) = &value.kind else { return None };
    let kind = match text.trim_end_matches('/').rsplit_once('/') {
        Some((before, _)) => Kind::Text(*base, before.to_owned()),
        None if text.is_empty() => Kind::Text(*base, "..".to_owned()),
        None => Kind::Text(*base, String::new()),
    };
    Some(Value { kind, ..value })
}

/// `[0, 0, 0, 0]`
pub(super) fn host_of_list(parts: &[Vec<Value>]) -> Option<Host> {
    let numbers: Option<Vec<u64>> = parts
        .iter()
        .map(|values| match values.as_slice() {
            [Value { kind: Kind::Number(number), .. }] => Some(*number),
            _ => None,
        })
        .collect();
    match numbers?.as_slice() {
        [0, 0, 0, 0] | [0, 0, 0, 0, 0, 0, 0, 0] => Some(Host::All),
        [127, _, _, _] | [0, 0, 0, 0, 0, 0, 0, 1] => Some(Host::Loopback),
        [_, _, _, _] => Some(Host::Other),
        _ => None,
    }
}
