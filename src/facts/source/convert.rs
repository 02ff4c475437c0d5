//! From syntax trees to what is kept of them.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Pat, Stmt, Token};

use super::conditions::Conditions;
use super::syntax::{Call, Callee, Constant, FieldDefault, Function, Parameter, Rule, Source, Term};

/// Attributes that give a field a default, or name the variable that it comes from.
const DEFAULTS: &[&str] =
    &["arg", "argh", "clap", "command", "default", "env", "envconfig", "from", "serde", "structopt"];

/// Reads the items of a file or of a module in it; modules in files of their own are `modules`'.
pub(super) struct Items<'a> {
    pub source: &'a mut Source,
    pub conditions: &'a Conditions,
    /// What `use` shortens: the name, and the whole path.
    pub uses: BTreeMap<String, Vec<String>>,
}

impl Items<'_> {
    pub fn read(&mut self, items: &[syn::Item]) {
        for item in items {
            if let syn::Item::Use(item) = item {
                self.imports(&item.tree, &mut Vec::new());
            }
        }
        for item in items {
            if self.conditions.hold(attributes(item)) {
                self.item(item);
            }
        }
    }

    fn item(&mut self, item: &syn::Item) {
        match item {
            syn::Item::Const(item) => self.constant(&item.ident, &item.ty, &item.expr),
            syn::Item::Static(item) => self.constant(&item.ident, &item.ty, &item.expr),
            syn::Item::Fn(item) => self.function(&item.attrs, &item.sig, &item.block, None, false),
            syn::Item::Impl(item) => self.implementation(item),
            syn::Item::Trait(item) => {
                let owner = item.ident.to_string();
                for inner in &item.items {
                    if let syn::TraitItem::Fn(inner) = inner
                        && let Some(block) = &inner.default
                    {
                        self.function(&inner.attrs, &inner.sig, block, Some(&owner), true);
                    }
                }
            }
            syn::Item::Struct(item) => self.structure(&item.ident.to_string(), &item.attrs, &item.fields),
            syn::Item::Enum(item) => {
                for variant in &item.variants {
                    self.structure(&item.ident.to_string(), &variant.attrs, &variant.fields);
                }
            }
            syn::Item::Macro(item) => self.item_macro(item),
            _ => {}
        }
    }

    fn constant(&mut self, name: &syn::Ident, of: &syn::Type, value: &Expr) {
        let mut body = Body::new(&self.uses, self.conditions);
        let value = body.term(value);
        let Body { locals, mentions, .. } = body;
        self.source.mentions.extend(mentions.iter().cloned());
        let of = type_name(of);
        self.source.mentions.extend(of.clone());
        self.source.constants.push(Constant { name: name.to_string(), value: value.clone(), of });
        // `LazyLock::new(|| …)` does what it does where the constant is named.
        self.source.functions.push(Function {
            name: name.to_string(),
            locals,
            body: value,
            mentions,
            ..Function::default()
        });
    }

    fn implementation(&mut self, item: &syn::ItemImpl) {
        let owner = type_name(&item.self_ty);
        for inner in &item.items {
            match inner {
                syn::ImplItem::Fn(inner) if self.conditions.hold(&inner.attrs) => {
                    self.function(&inner.attrs, &inner.sig, &inner.block, owner.as_deref(), item.trait_.is_some());
                }
                syn::ImplItem::Const(inner) if self.conditions.hold(&inner.attrs) => {
                    self.constant(&inner.ident, &inner.ty, &inner.expr);
                }
                _ => {}
            }
        }
    }

    fn function(
        &mut self,
        attributes: &[syn::Attribute],
        signature: &syn::Signature,
        block: &syn::Block,
        owner: Option<&str>,
        of_trait: bool,
    ) {
        // Attributes can hold paths and addresses: `#[tokio::main]`, `#[get("/")]`.
        let is_test = attributes
            .iter()
            .any(|attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "test"));
        if is_test {
            return;
        }
        let mut body = Body::new(&self.uses, self.conditions);
        let parameters = signature
            .inputs
            .iter()
            .map(|input| match input {
                syn::FnArg::Receiver(_) => Parameter { name: "self".to_owned(), of: owner.map(str::to_owned) },
                syn::FnArg::Typed(typed) => {
                    let of = type_name(&typed.ty);
                    body.mentions.extend(of.clone());
                    Parameter { name: pattern_name(&typed.pat).unwrap_or_default(), of }
                }
            })
            .collect();
        if let syn::ReturnType::Type(_, of) = &signature.output {
            body.mentions.extend(type_name(of));
        }
        let term = body.block(block);
        let Body { locals, mentions, .. } = body;
        self.source.functions.push(Function {
            name: signature.ident.to_string(),
            owner: owner.map(str::to_owned),
            of_trait,
            parameters,
            locals,
            body: term,
            mentions,
        });
    }

    fn structure(&mut self, owner: &str, attributes: &[syn::Attribute], fields: &syn::Fields) {
        for attribute in attributes {
            mention(attribute_tokens(attribute), &mut self.source.mentions);
        }
        for field in fields {
            let Some(name) = &field.ident else { continue };
            let name = name.to_string();
            if let Some(of) = type_name(&field.ty) {
                self.source.mentions.insert(of.clone());
                self.source.types.insert((owner.to_owned(), name.clone()), of);
            }
            self.defaults(owner, &name, &field.attrs);
        }
    }

    /// `#[arg(env = "PORT", default_value_t = 8080)]`, `#[serde(default = "port")]`.
    fn defaults(&mut self, owner: &str, field: &str, attributes: &[syn::Attribute]) {
        let mut value = None;
        let mut variable = None;
        let mut line = 0;
        for attribute in attributes {
            let word = attribute.path().segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            if !DEFAULTS.contains(&word.as_str()) {
                continue;
            }
            let tokens = attribute_tokens(attribute);
            mention(tokens.clone(), &mut self.source.mentions);
            let parts = Punctuated::<Part, Token![,]>::parse_terminated.parse2(tokens).unwrap_or_default();
            for Part(key, given) in parts {
                let at = attribute.span().start().line;
                match (key.as_str(), given) {
                    ("env", None) => variable = Some(field.to_uppercase()),
                    ("env" | "from", Some(Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }))) => {
                        variable = Some(name.value());
                    }
                    ("default_value" | "default_value_t" | "default", Some(given)) => {
                        let mut body = Body::new(&self.uses, self.conditions);
                        let mut term = body.term(&given);
                        // serde names the function that makes it; others write the value as a text.
                        if let (true, Term::Text(path, _)) = (word == "serde", &term) {
                            let path = path.split("::").map(|part| part.trim().to_owned()).collect();
                            let line = at;
                            term = Term::Call(Box::new(Call {
                                what: Callee::Function(path),
                                arguments: Vec::new(),
                                line,
                            }));
                        }
                        self.source.mentions.extend(body.mentions);
                        (value, line) = (Some(term), at);
                    }
                    _ => {}
                }
            }
        }
        if value.is_some() || variable.is_some() {
            let (owner, field) = (owner.to_owned(), field.to_owned());
            self.source.fields.push(FieldDefault { owner, field, value: value.unwrap_or_default(), variable, line });
        }
    }

    fn item_macro(&mut self, item: &syn::ItemMacro) {
        let tokens = &item.mac.tokens;
        if let (true, Some(name)) = (item.mac.path.is_ident("macro_rules"), &item.ident) {
            if let Some(rule) = rule(tokens.clone(), &self.uses, self.conditions) {
                self.source.macros.insert(name.to_string(), rule);
            }
            return;
        }
        if let Ok(Statics(statics)) = syn::parse2(tokens.clone()) {
            for (name, of, value) in &statics {
                self.constant(name, of, value);
            }
            return;
        }
        // A macro that takes items: what calls it has is looked at as if it ran at the start.
        let mut body = Body::new(&self.uses, self.conditions);
        let term = body.macro_call(&item.mac);
        let Body { locals, mentions, .. } = body;
        self.source.functions.push(Function { of_trait: true, locals, body: term, mentions, ..Function::default() });
    }

    fn imports(&mut self, tree: &syn::UseTree, before: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.imports(&path.tree, before);
                before.pop();
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.uses.insert(last.clone(), before.clone());
                }
            }
            syn::UseTree::Name(name) => {
                let whole = before.iter().cloned().chain([name.ident.to_string()]).collect();
                self.uses.insert(name.ident.to_string(), whole);
            }
            syn::UseTree::Rename(name) => {
                let own = (name.ident != "self").then(|| name.ident.to_string());
                let whole = before.iter().cloned().chain(own).collect();
                self.uses.insert(name.rename.to_string(), whole);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.imports(tree, before)),
            syn::UseTree::Glob(_) => {}
        }
    }
}

/// `static ref NAME: Type = value;`, as `lazy_static!` and `thread_local!` take them.
struct Statics(Vec<(syn::Ident, syn::Type, Expr)>);

impl syn::parse::Parse for Statics {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        let mut found = Vec::new();
        while !input.is_empty() {
            syn::Attribute::parse_outer(input)?;
            input.parse::<syn::Visibility>()?;
            input.parse::<Token![static]>()?;
            input.parse::<Option<Token![ref]>>()?;
            let name = input.parse()?;
            input.parse::<Token![:]>()?;
            let of = input.parse()?;
            input.parse::<Token![=]>()?;
            found.push((name, of, input.parse()?));
            input.parse::<Option<Token![;]>>()?;
        }
        Ok(Self(found))
    }
}

/// `name`, `name = value`, `name(…)`: a part of an attribute.
struct Part(String, Option<Expr>);

impl syn::parse::Parse for Part {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        use syn::ext::IdentExt;
        if input.peek(syn::Lit) {
            input.parse::<syn::Lit>()?;
            return Ok(Self(String::new(), None));
        }
        let name = syn::Ident::parse_any(input)?.to_string();
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            // What is in brackets, or stands after the name, says nothing of defaults.
            while !input.is_empty() && !input.peek(Token![,]) {
                input.parse::<TokenTree>()?;
            }
            None
        };
        Ok(Self(name, value))
    }
}

/// The body of a function on its way.
struct Body<'a> {
    uses: &'a BTreeMap<String, Vec<String>>,
    conditions: &'a Conditions,
    locals: Vec<(String, Term)>,
    mentions: BTreeSet<String>,
}

impl<'a> Body<'a> {
    fn new(uses: &'a BTreeMap<String, Vec<String>>, conditions: &'a Conditions) -> Self {
        Self { uses, conditions, locals: Vec::new(), mentions: BTreeSet::new() }
    }

    fn block(&mut self, block: &syn::Block) -> Term {
        let mut statements = Vec::new();
        let mut value = Term::Unknown;
        for statement in &block.stmts {
            // What stood last so far was no value.
            let before = std::mem::take(&mut value);
            if !matches!(before, Term::Unknown) {
                statements.push(before);
            }
            match statement {
                Stmt::Local(local) if self.conditions.hold(&local.attrs) => {
                    let Some(init) = &local.init else { continue };
                    let term = self.term(&init.expr);
                    self.bind(&local.pat, &term);
                    statements.push(term);
                    if let Some((_, other)) = &init.diverge {
                        let other = self.term(other);
                        statements.push(other);
                    }
                }
                Stmt::Item(syn::Item::Fn(item)) if self.conditions.hold(&item.attrs) => {
                    let inner = self.block(&item.block);
                    statements.push(inner);
                }
                Stmt::Item(syn::Item::Const(item)) => {
                    let term = self.term(&item.expr);
                    self.locals.push((item.ident.to_string(), term));
                }
                Stmt::Item(syn::Item::Static(item)) => {
                    let term = self.term(&item.expr);
                    self.locals.push((item.ident.to_string(), term.clone()));
                    statements.push(term);
                }
                Stmt::Local(_) | Stmt::Item(_) => {}
                Stmt::Expr(expr, None) => value = self.term(expr),
                Stmt::Expr(expr, Some(_)) => {
                    let term = self.term(expr);
                    statements.push(term);
                }
                Stmt::Macro(statement) => {
                    let term = self.macro_call(&statement.mac);
                    if statement.semi_token.is_some() { statements.push(term) } else { value = term }
                }
            }
        }
        if statements.is_empty() { value } else { Term::Block(statements, Box::new(value)) }
    }

    /// The names of a pattern, each with its part of a value.
    fn bind(&mut self, pattern: &Pat, value: &Term) {
        match pattern {
            Pat::Ident(name) => self.locals.push((name.ident.to_string(), value.clone())),
            Pat::Type(typed) => {
                self.mentions.extend(type_name(&typed.ty));
                self.bind(&typed.pat, value);
            }
            Pat::Reference(inner) => self.bind(&inner.pat, value),
            Pat::Paren(inner) => self.bind(&inner.pat, value),
            Pat::Tuple(tuple) => {
                for (i, part) in tuple.elems.iter().enumerate() {
                    self.bind(part, &Term::Element(Box::new(value.clone()), i));
                }
            }
            // `Some(path)`, `Ok(path)`: the value with nothing around it.
            Pat::TupleStruct(inner) if inner.elems.len() == 1 => self.bind(&inner.elems[0], value),
            Pat::Struct(of) => {
                for field in &of.fields {
                    if let syn::Member::Named(name) = &field.member {
                        let value = Term::Field(Box::new(value.clone()), name.to_string());
                        self.bind(&field.pat, &value);
                    }
                }
            }
            _ => {}
        }
    }

    fn terms<'e>(&mut self, list: impl IntoIterator<Item = &'e Expr>) -> Vec<Term> {
        list.into_iter().map(|expr| self.term(expr)).collect()
    }

    fn term(&mut self, expr: &Expr) -> Term {
        match expr {
            Expr::Lit(literal) => match &literal.lit {
                syn::Lit::Str(text) => Term::Text(text.value(), text.span().start().line),
                syn::Lit::Int(number) => number.base10_parse().map_or(Term::Unknown, Term::Number),
                syn::Lit::CStr(text) => {
                    Term::Text(text.value().to_string_lossy().into_owned(), text.span().start().line)
                }
                _ => Term::Unknown,
            },
            Expr::Path(path) => Term::Name(self.path(&path.path)),
            Expr::Field(field) => {
                let of = Box::new(self.term(&field.base));
                match &field.member {
                    syn::Member::Named(name) => Term::Field(of, name.to_string()),
                    syn::Member::Unnamed(index) => Term::Element(of, index.index as usize),
                }
            }
            Expr::Call(call) => {
                let what = match &*call.func {
                    Expr::Path(path) => Callee::Function(self.path(&path.path)),
                    other => Callee::Method(self.term(other), String::new()),
                };
                self.call(what, call.args.iter(), call.paren_token.span.open().start().line)
            }
            Expr::MethodCall(call) => {
                let on = self.term(&call.receiver);
                self.mentions.insert(call.method.to_string());
                // A closure's parameter is what the method is called on: `.map(|port| …)`.
                for argument in &call.args {
                    if let Expr::Closure(closure) = argument
                        && let Some(first) = closure.inputs.first()
                    {
                        self.bind(first, &on);
                    }
                }
                let what = Callee::Method(on, call.method.to_string());
                self.call(what, call.args.iter(), call.method.span().start().line)
            }
            Expr::Macro(call) => self.macro_call(&call.mac),
            Expr::Array(list) => Term::List(self.terms(&list.elems)),
            Expr::Tuple(list) => Term::List(self.terms(&list.elems)),
            Expr::Struct(of) => {
                let name = self.path(&of.path).pop().unwrap_or_default();
                let mut fields: Vec<(String, Term)> = Vec::new();
                for field in &of.fields {
                    if let syn::Member::Named(name) = &field.member {
                        fields.push((name.to_string(), self.term(&field.expr)));
                    }
                }
                if let Some(rest) = &of.rest {
                    fields.push((String::new(), self.term(rest)));
                }
                Term::Record { name, fields }
            }
            Expr::Block(block) => self.block(&block.block),
            Expr::Unsafe(block) => self.block(&block.block),
            Expr::Async(block) => self.block(&block.block),
            Expr::Const(block) => self.block(&block.block),
            Expr::TryBlock(block) => self.block(&block.block),
            Expr::Loop(each) => self.block(&each.body),
            Expr::Await(inner) => self.term(&inner.base),
            Expr::Try(inner) => self.term(&inner.expr),
            Expr::Paren(inner) => self.term(&inner.expr),
            Expr::Group(inner) => self.term(&inner.expr),
            Expr::Reference(inner) => self.term(&inner.expr),
            Expr::Cast(inner) => self.term(&inner.expr),
            Expr::Unary(inner) => self.term(&inner.expr),
            Expr::Repeat(repeat) => {
                let (of, len) = (self.term(&repeat.expr), self.term(&repeat.len));
                match len {
                    Term::Number(len @ 1..=16) => Term::List((0..len).map(|_| of.clone()).collect()),
                    _ => Term::List(vec![of]),
                }
            }
            Expr::Range(range) => {
                let ends = self.terms(range.start.iter().chain(&range.end).map(|end| &**end));
                Term::Block(ends, Box::default())
            }
            // What is returned early is one of the values.
            Expr::Return(inner) => inner.expr.as_ref().map(|inner| self.term(inner)).unwrap_or_default(),
            Expr::Break(inner) => inner.expr.as_ref().map(|inner| self.term(inner)).unwrap_or_default(),
            Expr::Yield(inner) => inner.expr.as_ref().map(|inner| self.term(inner)).unwrap_or_default(),
            other => self.compound(other),
        }
    }

    /// Expressions with others in them that bind names, or of which one is the value.
    fn compound(&mut self, expr: &Expr) -> Term {
        match expr {
            Expr::If(branch) => {
                let condition = self.term(&branch.cond);
                let variable = variable_in(&condition);
                let mut arms = vec![self.block(&branch.then_branch)];
                arms.extend(branch.else_branch.iter().map(|(_, other)| self.term(other)));
                Term::Block(vec![condition], Box::new(Term::Choice(arms, variable)))
            }
            Expr::Match(branch) => {
                let on = self.term(&branch.expr);
                let variable = variable_in(&on);
                let mut arms = Vec::new();
                for arm in branch.arms.iter().filter(|arm| self.conditions.hold(&arm.attrs)) {
                    self.bind(&arm.pat, &on);
                    if let Some((_, guard)) = &arm.guard {
                        let guard = self.term(guard);
                        arms.push(Term::Block(vec![guard], Box::default()));
                    }
                    arms.push(self.term(&arm.body));
                }
                Term::Block(vec![on], Box::new(Term::Choice(arms, variable)))
            }
            Expr::Let(condition) => {
                let value = self.term(&condition.expr);
                self.bind(&condition.pat, &value);
                value
            }
            Expr::Closure(closure) => {
                let names = closure.inputs.iter().map(|input| pattern_name(input).unwrap_or_default()).collect();
                Term::Closure(names, Box::new(self.term(&closure.body)))
            }
            Expr::ForLoop(each) => {
                let list = self.term(&each.expr);
                self.bind(&each.pat, &Term::Any(Box::new(list.clone())));
                let body = self.block(&each.body);
                Term::Block(vec![list, body], Box::default())
            }
            Expr::While(each) => {
                let condition = self.term(&each.cond);
                let body = self.block(&each.body);
                Term::Block(vec![condition, body], Box::default())
            }
            Expr::Assign(assign) => {
                let value = self.term(&assign.right);
                if let Expr::Path(path) = &*assign.left
                    && let Some(name) = path.path.get_ident()
                {
                    self.locals.push((name.to_string(), value.clone()));
                }
                let left = self.term(&assign.left);
                Term::Block(vec![left, value], Box::default())
            }
            Expr::Binary(binary) => {
                let (left, right) = (self.term(&binary.left), self.term(&binary.right));
                if matches!(binary.op, syn::BinOp::Add(_)) {
                    let what = Callee::Macro("concat".to_owned());
                    let line = binary.span().start().line;
                    return Term::Call(Box::new(Call { what, arguments: vec![left, right], line }));
                }
                Term::Block(vec![left, right], Box::default())
            }
            Expr::Index(index) => {
                let of = self.term(&index.expr);
                let at = self.term(&index.index);
                Term::Block(vec![at], Box::new(Term::Any(Box::new(of))))
            }
            _ => Term::Unknown,
        }
    }

    fn call<'e>(&mut self, what: Callee, arguments: impl Iterator<Item = &'e Expr>, line: usize) -> Term {
        let arguments = self.terms(arguments);
        Term::Call(Box::new(Call { what, arguments, line }))
    }

    /// A path, with what `use` shortens written out.
    fn path(&mut self, path: &syn::Path) -> Vec<String> {
        let own: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.mentions.extend(own.iter().cloned());
        match own.split_first() {
            Some((first, rest)) => match self.uses.get(first) {
                Some(whole) => {
                    self.mentions.extend(whole.iter().cloned());
                    whole.iter().chain(rest).cloned().collect()
                }
                None => own,
            },
            None => own,
        }
    }

    /// The arguments of a macro, where they are expressions; of others the expressions that can be found in them.
    fn macro_call(&mut self, call: &syn::Macro) -> Term {
        let name = call.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        self.mentions.insert(name.clone());
        mention(call.tokens.clone(), &mut self.mentions);
        let line = call.path.span().start().line;
        let arguments = match Punctuated::<Argument, Token![,]>::parse_terminated.parse2(call.tokens.clone()) {
            Ok(list) => list.iter().map(|Argument(expr)| self.term(expr)).collect(),
            Err(_) => match syn::Block::parse_within.parse2(call.tokens.clone()) {
                Ok(stmts) => vec![self.block(&syn::Block { brace_token: syn::token::Brace::default(), stmts })],
                Err(_) => self.groups(call.tokens.clone()),
            },
        };
        Term::Call(Box::new(Call { what: Callee::Macro(name), arguments, line }))
    }

    /// Of a macro with a language of its own (`tokio::select!`, `lazy_static!`): what is in brackets or behind `=`.
    fn groups(&mut self, tokens: TokenStream) -> Vec<Term> {
        let mut found = Vec::new();
        let mut behind: Option<TokenStream> = None;
        for tree in
            tokens.into_iter().chain([TokenTree::Punct(proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone))])
        {
            match &tree {
                TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => {
                    if let Some(Ok(expr)) = behind.take().map(syn::parse2::<Expr>) {
                        found.push(self.term(&expr));
                    }
                    continue;
                }
                TokenTree::Punct(punct) if matches!(punct.as_char(), '=' | '>') => {
                    behind = Some(TokenStream::new());
                    continue;
                }
                TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => {
                    if let Ok(stmts) = syn::Block::parse_within.parse2(group.stream()) {
                        found.push(self.block(&syn::Block { brace_token: syn::token::Brace::default(), stmts }));
                    }
                }
                _ => {}
            }
            if let Some(behind) = &mut behind {
                behind.extend([tree]);
            }
        }
        found
    }
}

/// An argument of a macro: an expression, or a name with one (`path = "…"`).
struct Argument(Expr);

impl syn::parse::Parse for Argument {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        input.parse().map(Self)
    }
}

/// The environment variable that an expression asks for.
fn variable_in(term: &Term) -> Option<String> {
    let mut found = None;
    term.walk(&mut |term| {
        if let Term::Call(call) = term
            && let (Callee::Function(path), Some(Term::Text(name, _))) = (&call.what, call.arguments.first())
            && let [.., of, last] = path.as_slice()
            && of == "env"
            && matches!(last.as_str(), "var" | "var_os")
        {
            found.get_or_insert_with(|| name.clone());
        }
    });
    found
}

/// `macro_rules!` with one rule, whose parameters are names in its expression.
fn rule(tokens: TokenStream, uses: &BTreeMap<String, Vec<String>>, conditions: &Conditions) -> Option<Rule> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let [TokenTree::Group(pattern), TokenTree::Punct(_), TokenTree::Punct(_), TokenTree::Group(body), rest @ ..] =
        trees.as_slice()
    else {
        return None;
    };
    if !rest.iter().all(|tree| matches!(tree, TokenTree::Punct(_))) {
        return None;
    }
    let mut parameters = Vec::new();
    let mut names = pattern.stream().into_iter();
    while let Some(tree) = names.next() {
        if let (TokenTree::Punct(_), Some(TokenTree::Ident(name))) = (tree, names.next()) {
            parameters.push(name.to_string());
            // `: expr ,`
            names.nth(1);
            names.next();
        }
    }
    let expr: Expr = syn::parse2(without_dollars(body.stream())).ok()?;
    let body = Body::new(uses, conditions).term(&expr);
    Some(Rule { parameters, body })
}

fn without_dollars(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .filter_map(|tree| match tree {
            TokenTree::Punct(punct) if punct.as_char() == '$' => None,
            TokenTree::Group(group) => {
                let inner = proc_macro2::Group::new(group.delimiter(), without_dollars(group.stream()));
                Some(TokenTree::Group(inner))
            }
            other => Some(other),
        })
        .collect()
}

/// Every name in these tokens.
fn mention(tokens: TokenStream, names: &mut BTreeSet<String>) {
    let mut pending = vec![tokens];
    while let Some(tokens) = pending.pop() {
        for tree in tokens {
            match tree {
                TokenTree::Ident(name) => {
                    names.insert(name.to_string());
                }
                TokenTree::Group(group) => pending.push(group.stream()),
                // serde names functions in texts.
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    let words = text.trim_matches('"').split("::");
                    let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                    names.extend(words.filter(is_name).map(str::to_owned));
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
}

fn attribute_tokens(attribute: &syn::Attribute) -> TokenStream {
    match &attribute.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    }
}

fn pattern_name(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(name) => Some(name.ident.to_string()),
        Pat::Type(typed) => pattern_name(&typed.pat),
        Pat::Reference(inner) => pattern_name(&inner.pat),
        // `State(settings): State<Settings>`
        Pat::TupleStruct(inner) if inner.elems.len() == 1 => pattern_name(&inner.elems[0]),
        _ => None,
    }
}

/// The last name of a type, with what wraps it taken off: `Arc<Settings>` is `Settings`.
fn type_name(of: &syn::Type) -> Option<String> {
    match of {
        syn::Type::Reference(inner) => type_name(&inner.elem),
        syn::Type::Paren(inner) => type_name(&inner.elem),
        syn::Type::Group(inner) => type_name(&inner.elem),
        syn::Type::Path(path) => {
            let last = path.path.segments.last()?;
            if let syn::PathArguments::AngleBracketed(arguments) = &last.arguments
                && let Some(syn::GenericArgument::Type(inner)) = arguments.args.first()
                && let Some(name) = type_name(inner)
            {
                return Some(name);
            }
            Some(last.ident.to_string())
        }
        _ => None,
    }
}

/// The attributes of an item.
pub(super) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
