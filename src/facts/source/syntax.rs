//! What is kept of a source: functions with what they call, constants, and the defaults of fields. Spans and types are gone, so that
//! it can go from one thread to another and be looked up by name.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

/// One source file, or rather what of it is compiled.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    pub file: Utf8PathBuf,
    pub functions: Vec<Function>,
    pub constants: Vec<Constant>,
    pub fields: Vec<FieldDefault>,
    /// The types of fields, by the name of the structure and of the field.
    pub types: BTreeMap<(String, String), String>,
    /// Macros by example that have one rule.
    pub macros: BTreeMap<String, Rule>,
    /// Every name that stands outside of functions: in signatures, attributes, constants.
    pub mentions: BTreeSet<String>,
}

/// A constant, or a static.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    pub name: String,
    pub value: Term,
    /// The last part of its type's path, without what wraps it.
    pub of: Option<String>,
}

/// A function, a method, or a closure at the top.
#[derive(Debug, Clone, Default)]
pub(super) struct Function {
    pub name: String,
    /// The type whose method it is.
    pub owner: Option<String>,
    /// Whether a trait calls it: its name need not be mentioned.
    pub of_trait: bool,
    pub parameters: Vec<Parameter>,
    /// What names are bound to, in their order.
    pub locals: Vec<(String, Term)>,
    pub body: Term,
    /// Every name in it.
    pub mentions: BTreeSet<String>,
}

/// A parameter with a plain name.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameter {
    pub name: String,
    /// The last part of its type's path.
    pub of: Option<String>,
}

/// What a field has where nobody says otherwise.
#[derive(Debug, Clone)]
pub(super) struct FieldDefault {
    pub owner: String,
    pub field: String,
    pub value: Term,
    /// The environment variable that says otherwise.
    pub variable: Option<String>,
    pub line: usize,
}

/// A macro by example with a single rule: the names of its parameters, and what it becomes.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub parameters: Vec<String>,
    pub body: Term,
}

/// An expression, as far as a value can be told from it.
#[derive(Debug, Clone, Default)]
pub(super) enum Term {
    /// Nothing is known.
    #[default]
    Unknown,
    /// A literal, and its line.
    Text(String, usize),
    Number(u64),
    /// A path of names: `Ipv4Addr::LOCALHOST`, `port`.
    Name(Vec<String>),
    Field(Box<Term>, String),
    Call(Box<Call>),
    List(Vec<Term>),
    /// One element of a tuple or an array.
    Element(Box<Term>, usize),
    /// Any element of a list.
    Any(Box<Term>),
    Record {
        name: String,
        fields: Vec<(String, Term)>,
    },
    /// One of several, with the environment variable that decides, if one does.
    Choice(Vec<Term>, Option<String>),
    Closure(Vec<String>, Box<Term>),
    /// Statements, and then a value.
    Block(Vec<Term>, Box<Term>),
}

/// A call, of a function, a method or a macro.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub what: Callee,
    pub arguments: Vec<Term>,
    /// From 1.
    pub line: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Callee {
    /// Its path, what `use` shortens written out.
    Function(Vec<String>),
    Method(Term, String),
    Macro(String),
}

impl Term {
    /// Calls `look` for it and for each term in it.
    pub fn walk<'t>(&'t self, look: &mut impl FnMut(&'t Self)) {
        look(self);
        match self {
            Self::Unknown | Self::Text(..) | Self::Number(_) | Self::Name(_) => {}
            Self::Field(of, _) | Self::Element(of, _) | Self::Any(of) | Self::Closure(_, of) => of.walk(look),
            Self::List(parts) | Self::Choice(parts, _) => parts.iter().for_each(|part| part.walk(look)),
            Self::Record { fields, .. } => fields.iter().for_each(|(_, value)| value.walk(look)),
            Self::Block(statements, value) => {
                for statement in statements {
                    statement.walk(look);
                }
                value.walk(look);
            }
            Self::Call(call) => {
                if let Callee::Method(on, _) = &call.what {
                    on.walk(look);
                }
                call.arguments.iter().for_each(|argument| argument.walk(look));
            }
        }
    }
}
