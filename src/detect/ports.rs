//! Ports that a program listens on: those of the calls that bind an address, of addresses on every interface, and of the default of
//! the variable `PORT`.

use std::collections::BTreeSet;

use super::services;
use crate::facts::source::{Bound, Host, ProgramFacts};
use crate::failure::Result;
use crate::plan::model::{Answer, Because, Question};
use crate::workspace::{Member, Workspace};

/// A port, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFinding {
    /// The port.
    pub port: u16,
    /// Why nothing outside of the container reaches it, as a clause: `on an address of the container alone`.
    pub unreachable: Option<String>,
    /// Which crate serves, which line names the port.
    pub because: Because,
}

/// So many ports can be those of one call: with TLS and without. Where there are more, each is for another network or mode.
const MOST: usize = 2;

/// How many ports the call of a fact can have.
fn alternatives(facts: &ProgramFacts, fact: &Bound) -> usize {
    let same = facts.binds.iter().filter(|other| other.place == fact.place && other.call == fact.call);
    same.map(|other| other.port).collect::<BTreeSet<u16>>().len()
}

/// The ports of a program, or the one that its server takes by default. Besides those the ports that it may listen on.
pub(super) fn find(
    workspace: &Workspace,
    member: &Member,
    facts: &ProgramFacts,
    server: Option<&(Option<u16>, Because)>,
) -> Result<(Vec<PortFinding>, Vec<Question>)> {
    let mut found: Vec<PortFinding> = Vec::new();
    let finding = |fact: &Bound| {
        let file = workspace.place(&fact.place.file, fact.place.line);
        let because = match server {
            Some((_, server)) => Because {
                text: format!("{}, and {} names the port ({file})", server.text, member.name),
                rule: "port-call".to_owned(),
                file: Some(file),
                ..server.clone()
            },
            None => Because {
                text: format!("{} listens on it ({file})", member.name),
                krate: Some(format!("{} {}", member.name, member.version)),
                rule: "port-call".to_owned(),
                file: Some(file),
            },
        };
        PortFinding { port: fact.port, unreachable: None, because }
    };
    let (binds, one_of_many): (Vec<&Bound>, Vec<&Bound>) =
        facts.binds.iter().partition(|fact| alternatives(facts, fact) <= MOST);
    let mut ports: Vec<u16> = binds.iter().map(|fact| fact.port).collect();
    ports.sort_unstable();
    ports.dedup();
    for port in ports {
        let of_port: Vec<&Bound> = binds.iter().copied().filter(|fact| fact.port == port).collect();
        let Some(first) = of_port.first() else { continue };
        let loopback = of_port.iter().find(|fact| fact.host == Some(Host::Loopback));
        let others = of_port.iter().any(|fact| fact.host != Some(Host::Loopback));
        let unreachable = loopback.and_then(|fact| match (&fact.variable, others) {
            (Some(variable), true) => {
                Some(format!("unless `{variable}` says so on an address that only the container itself reaches"))
            }
            (Some(variable), false) => Some(format!(
                "on an address that only the container itself reaches, unless `{variable}` says otherwise"
            )),
            (None, false) => Some("on an address that only the container itself reaches".to_owned()),
            (None, true) => None,
        });
        found.push(PortFinding { unreachable, ..finding(loopback.unwrap_or(first)) });
    }
    if server.is_some() {
        for fact in &facts.addresses {
            if !found.iter().any(|other| other.port == fact.port) {
                found.push(finding(fact));
            }
        }
    }
    // The variable of platforms that say where to listen.
    let (said, other): (Vec<&Bound>, Vec<&Bound>) =
        facts.defaults.iter().partition(|fact| fact.variable.as_deref() == Some("PORT"));
    if let (true, true, Some(fact)) = (found.is_empty(), server.is_some(), said.first()) {
        found.push(finding(fact));
    }
    // Where it is known to listen elsewhere, it is not on its own port.
    if let (true, Some((Some(port), server))) = (found.is_empty() && one_of_many.is_empty(), server) {
        let because = Because { text: format!("{} on its own port", server.text), ..server.clone() };
        found.push(PortFinding { port: *port, unreachable: None, because });
    }
    let ask = |fact: &Bound, text: String, said: String, rule: &str| {
        let because = Because { text: said, rule: rule.to_owned(), ..finding(fact).because };
        Question { text, package: member.name.clone(), answer: Answer::Expose(fact.port), because }
    };
    let mut questions = Vec::new();
    for fact in one_of_many {
        let file = workspace.place(&fact.place.file, fact.place.line);
        let text = format!("Does {} listen on port {} in the image ({file})?", member.name, fact.port);
        let said = format!("{} is one of {} ports that {file} can be given", fact.port, alternatives(facts, fact));
        questions.push(ask(fact, text, said, "port-alternative"));
    }
    if found.is_empty() && server.is_some() {
        for fact in other {
            if services::listens(fact.port)? {
                continue;
            }
            let file = workspace.place(&fact.place.file, fact.place.line);
            let text = format!("Does {} listen on port {} ({file})?", member.name, fact.port);
            let said =
                format!("{} has {} for a port ({file}), and nothing shows that it listens there", fact.call, fact.port);
            questions.push(ask(fact, text, said, "port-default"));
        }
    }
    Ok((found, questions))
}
