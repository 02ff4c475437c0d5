//! The sources of one program together: what a name means in it, and which functions it reaches.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::syntax::{Call, Callee, Constant, FieldDefault, Function, Rule, Source, Term};

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
    records: HashMap<(&'p str, &'p str), Vec<(Place<'p>, &'p Term)>>,
    /// Defaults of fields, in the same way.
    defaults: HashMap<(&'p str, &'p str), Vec<(&'p Unit<'p>, &'p FieldDefault)>>,
    /// The types of fields, in the same way.
    types: HashMap<(&'p str, &'p str), &'p str>,
    constants: HashMap<&'p str, Vec<(&'p Unit<'p>, &'p Constant)>>,
    macros: HashMap<&'p str, (&'p Unit<'p>, &'p Rule)>,
    /// Calls, by the name of what is called.
    sites: HashMap<&'p str, Vec<Site<'p>>>,
    mentions: HashSet<&'p str>,
}

impl<'p> Program<'p> {
    pub fn new(units: &'p [Unit<'p>]) -> Self {
        let mut program = Self {
            units,
            functions: BTreeMap::new(),
            records: HashMap::new(),
            defaults: HashMap::new(),
            types: HashMap::new(),
            constants: HashMap::new(),
            macros: HashMap::new(),
            sites: HashMap::new(),
            mentions: HashSet::new(),
        };
        for unit in units {
            program.index(unit);
        }
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

    /// What stands outside of functions. Of two macros or types of one name the first counts.
    fn index(&mut self, unit: &'p Unit<'p>) {
        for constant in &unit.source.constants {
            self.constants.entry(&constant.name).or_default().push((unit, constant));
        }
        for default in &unit.source.fields {
            self.defaults.entry((&default.owner, &default.field)).or_default().push((unit, default));
        }
        for ((owner, field), of) in &unit.source.types {
            self.types.entry((owner, field)).or_insert(of);
        }
        for (name, rule) in &unit.source.macros {
            self.macros.entry(name).or_insert((unit, rule));
        }
    }

    /// From what the binary's own sources name to what those functions name, and so on: by names, so rather too much than too little.
    fn reach(&mut self) {
        let mut waiting: Vec<(usize, &'p Unit<'p>, &'p Function)> = Vec::new();
        let mut named: Vec<bool> = vec![false; self.units.len()];
        for (at, unit) in self.units.iter().enumerate() {
            if unit.own {
                self.mention(unit, &mut named[at]);
            }
            waiting.extend(unit.source.functions.iter().map(|function| (at, unit, function)));
        }
        loop {
            let (reached, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, unit, function)| self.is_reached(unit, function));
            waiting = rest;
            if reached.is_empty() {
                return;
            }
            for (at, unit, function) in reached {
                self.mentions.extend(function.mentions.iter().map(String::as_str));
                self.mention(unit, &mut named[at]);
                self.functions.entry(&function.name).or_default().push((unit, function));
            }
        }
    }

    /// Takes the names that a file mentions outside of functions, once.
    fn mention(&mut self, unit: &'p Unit<'p>, done: &mut bool) {
        if !std::mem::replace(done, true) {
            self.mentions.extend(unit.source.mentions.iter().map(String::as_str));
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
    pub fn constants(&self, name: &str, near: &Unit<'_>) -> Vec<(&'p Unit<'p>, &'p Constant)> {
        let all = self.constants.get(name).map_or(&[][..], Vec::as_slice);
        let own: Vec<_> = all.iter().filter(|(unit, _)| std::ptr::eq(unit.source, near.source)).copied().collect();
        if own.is_empty() { all.to_vec() } else { own }
    }

    /// What a field of a type has: by its attributes, and by the places that make one.
    pub fn fields(&self, owner: &str, field: &str) -> Vec<(&'p Unit<'p>, Option<&'p Function>, Default<'p>)> {
        let defaults = self.defaults.get(&(owner, field)).into_iter().flatten().map(|&(unit, default)| {
            (unit, None, Default { value: &default.value, variable: default.variable.as_deref() })
        });
        let made = self.records.get(&(owner, field)).into_iter().flatten();
        let made = made.map(|&((unit, function), value)| (unit, function, Default { value, variable: None }));
        defaults.chain(made).collect()
    }

    pub fn type_of_constant(&self, name: &str, near: &Unit<'_>) -> Option<String> {
        self.constants(name, near).iter().find_map(|(_, constant)| constant.of.clone())
    }

    pub fn type_of_field(&self, owner: &str, field: &str) -> Option<String> {
        self.types.get(&(owner, field)).map(|of| (*of).to_owned())
    }

    pub fn has_macro(&self, name: &str) -> bool {
        self.macros.contains_key(name)
    }

    pub fn rule(&self, name: &str) -> Option<(&'p Unit<'p>, &'p Rule)> {
        self.macros.get(name).copied()
    }

    /// Defaults of fields of types that are named, with their units.
    pub fn defaults(&self) -> impl Iterator<Item = (&'p Unit<'p>, &'p FieldDefault)> {
        let fields = self.units.iter().flat_map(|unit| unit.source.fields.iter().map(move |default| (unit, default)));
        fields.filter(|(unit, default)| unit.own || self.mentions.contains(default.owner.as_str()))
    }
}
