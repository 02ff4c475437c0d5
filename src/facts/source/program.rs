//! The sources of one program together: what a name means in it, and which functions it reaches.

use std::collections::{BTreeMap, BTreeSet};

use super::syntax::{Call, Callee, Function, Rule, Source, Term};

/// A source, and whether it is the binary's own: all of that is compiled for it. Of a library only what is named is reached.
#[derive(Debug)]
pub(super) struct Unit<'p> {
    pub source: &'p Source,
    pub own: bool,
}

/// A default of a field, with the variable that replaces it.
pub(super) struct Default<'p> {
    pub value: &'p Term,
    pub variable: Option<&'p str>,
}

type Place<'p> = (&'p Unit<'p>, Option<&'p Function>);

/// A call, and the function that it stands in.
pub(super) type Site<'p> = (&'p Unit<'p>, &'p Function, &'p Call);

/// A program, by names.
pub(super) struct Program<'p> {
    units: &'p [Unit<'p>],
    functions: BTreeMap<&'p str, Vec<(&'p Unit<'p>, &'p Function)>>,
    /// Fields that a structure is written out with, by the names of both.
    records: BTreeMap<(&'p str, &'p str), Vec<(Place<'p>, &'p Term)>>,
    /// Calls, by the name of what is called.
    sites: BTreeMap<&'p str, Vec<Site<'p>>>,
    mentions: BTreeSet<&'p str>,
}

impl<'p> Program<'p> {
    pub fn new(units: &'p [Unit<'p>]) -> Self {
        let mut program = Self {
            units,
            functions: BTreeMap::new(),
            records: BTreeMap::new(),
            sites: BTreeMap::new(),
            mentions: BTreeSet::new(),
        };
        program.reach();
        for &(unit, function) in program.functions.values().flatten() {
            function.body.walk(&mut |term| {
                if let Term::Call(call) = term {
                    let name = match &call.what {
                        Callee::Function(path) => path.last().map(String::as_str),
                        Callee::Method(_, name) => Some(name.as_str()),
                        Callee::Macro(_) => None,
                    };
                    if let Some(name) = name {
                        program.sites.entry(name).or_default().push((unit, function, call));
                    }
                }
                let Term::Record { name, fields } = term else { return };
                let owner = if name == "Self" { function.owner.as_deref().unwrap_or_default() } else { name.as_str() };
                for (field, value) in fields {
                    let place = ((unit, Some(function)), value);
                    program.records.entry((owner, field.as_str())).or_default().push(place);
                }
            });
        }
        program
    }

    /// From what the binary's own sources name to what those functions name, and so on: by names, so rather too much than too little.
    fn reach(&mut self) {
        let mut waiting: Vec<(&'p Unit<'p>, &'p Function)> = Vec::new();
        for unit in self.units {
            if unit.own {
                self.mentions.extend(unit.source.mentions.iter().map(String::as_str));
            }
            waiting.extend(unit.source.functions.iter().map(|function| (unit, function)));
        }
        loop {
            let (reached, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(unit, function)| self.is_reached(unit, function));
            waiting = rest;
            if reached.is_empty() {
                return;
            }
            for (unit, function) in reached {
                self.mentions.extend(function.mentions.iter().map(String::as_str));
                self.mentions.extend(unit.source.mentions.iter().map(String::as_str));
                self.functions.entry(&function.name).or_default().push((unit, function));
            }
        }
    }

    fn is_reached(&self, unit: &Unit<'_>, function: &Function) -> bool {
        let named = function.of_trait || self.mentions.contains(function.name.as_str());
        let owned = function.owner.as_deref().is_none_or(|owner| self.mentions.contains(owner));
        unit.own || (named && owned && !(function.of_trait && function.owner.is_none()))
    }

    /// Whether something that is reached has this name in it.
    pub fn mentions(&self, name: &str) -> bool {
        self.mentions.contains(name)
    }

    /// The functions that are reached.
    pub fn reached(&self) -> impl Iterator<Item = (&'p Unit<'p>, &'p Function)> {
        self.functions.values().flatten().copied()
    }

    /// The function of this name, and of this type; none where several could be meant.
    pub fn function(&self, owner: Option<&str>, name: &str) -> Option<(&'p Unit<'p>, &'p Function)> {
        let named = self.functions.get(name)?;
        let mut fits = named.iter().filter(|(_, function)| function.owner.as_deref() == owner);
        let first = fits.next()?;
        fits.next().is_none().then_some(*first)
    }

    /// The calls of a function, as far as names tell them from those of others: where several are called so, those of its own file.
    pub fn sites(&self, function: &Function) -> impl Iterator<Item = &Site<'p>> {
        let owner = function.owner.as_deref();
        let named = self.functions.get(function.name.as_str()).into_iter().flatten();
        let named: Vec<_> = named.filter(|(_, other)| other.owner.as_deref() == owner).collect();
        let own =
            named.iter().find(|(_, other)| std::ptr::eq(*other, function)).map(|(unit, _)| unit.source.file.as_path());
        let only = self.functions.get(function.name.as_str()).is_some_and(|all| all.len() == 1);
        let is_unique = named.len() == 1;
        let sites = self.sites.get(function.name.as_str()).into_iter().flatten();
        sites.filter(move |(unit, of, call)| match &call.what {
            Callee::Function(path) => {
                let before = path.len().checked_sub(2).map(|at| path[at].as_str());
                let before = if before == Some("Self") { of.owner.as_deref() } else { before };
                let named = before.filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()));
                named == owner && (is_unique || own == Some(unit.source.file.as_path()))
            }
            Callee::Method(..) => owner.is_some() && only,
            Callee::Macro(_) => false,
        })
    }

    /// The constants of this name: those of the same file, else those of others.
    pub fn constants(&self, name: &str, near: &'p Unit<'p>) -> Vec<(&'p Unit<'p>, &'p Term)> {
        let of = |unit: &'p Unit<'p>| {
            unit.source
                .constants
                .iter()
                .filter(|constant| constant.name == name)
                .map(move |constant| (unit, &constant.value))
                .collect::<Vec<_>>()
        };
        let own = of(near);
        if own.is_empty() { self.units.iter().flat_map(of).collect() } else { own }
    }

    /// What a field of a type has: by its attributes, and by the places that make one.
    pub fn fields(&self, owner: &str, field: &str) -> Vec<(&'p Unit<'p>, Option<&'p Function>, Default<'p>)> {
        let mut found = Vec::new();
        for unit in self.units {
            for default in unit.source.fields.iter().filter(|default| default.owner == owner && default.field == field)
            {
                let variable = default.variable.as_deref();
                found.push((unit, None, Default { value: &default.value, variable }));
            }
        }
        let made = self.records.iter().filter(|((of, name), _)| *of == owner && *name == field);
        for &((unit, function), value) in made.flat_map(|(_, places)| places) {
            found.push((unit, function, Default { value, variable: None }));
        }
        found
    }

    pub fn type_of_constant(&self, name: &str, near: &Unit<'_>) -> Option<String> {
        let of = |unit: &Unit<'_>| unit.source.constants.iter().find(|constant| constant.name == name)?.of.clone();
        of(near).or_else(|| self.units.iter().find_map(of))
    }

    pub fn type_of_field(&self, owner: &str, field: &str) -> Option<String> {
        let key = (owner.to_owned(), field.to_owned());
        self.units.iter().find_map(|unit| unit.source.types.get(&key).cloned())
    }

    pub fn has_macro(&self, name: &str) -> bool {
        self.rule(name).is_some()
    }

    pub fn rule(&self, name: &str) -> Option<(&'p Unit<'p>, &'p Rule)> {
        self.units.iter().find_map(|unit| unit.source.macros.get(name).map(|rule| (unit, rule)))
    }

    /// Defaults of fields of types that are named, with their units.
    pub fn defaults(&self) -> impl Iterator<Item = (&'p Unit<'p>, &'p super::syntax::FieldDefault)> {
        let fields = self.units.iter().flat_map(|unit| unit.source.fields.iter().map(move |default| (unit, default)));
        fields.filter(|(unit, default)| unit.own || self.mentions.contains(default.owner.as_str()))
    }
}
