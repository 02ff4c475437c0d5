//! Ports that a server listens on, by the addresses and the defaults that its sources name.

use super::services;
use crate::failure::Result;
use crate::plan::model::Because;
use crate::workspace::{Member, Workspace};

/// A port, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortFinding {
    /// The port.
    pub port: u16,
    /// Whether only the machine itself reaches it, which in a container is nobody.
    pub loopback: bool,
    /// Which crate serves, which line names the port.
    pub because: Because,
}

/// The ports of a member that serves, or the one that its server takes by default.
pub(super) fn find(workspace: &Workspace, member: &Member, server: (Option<u16>, Because)) -> Result<Vec<PortFinding>> {
    let (default, server) = server;
    let mut found: Vec<PortFinding> = Vec::new();
    for (fact, file) in &member.sources.ports {
        if (fact.loopback && services::listens(fact.port)?) || found.iter().any(|other| other.port == fact.port) {
            continue;
        }
        let file = workspace.place(file, fact.line);
        let because = Because {
            text: format!("{}, and {} names the port ({file})", server.text, member.name),
            rule: "port-literal".to_owned(),
            file: Some(file),
            ..server.clone()
        };
        found.push(PortFinding { port: fact.port, loopback: fact.loopback, because });
    }
    if let (true, Some(port)) = (found.is_empty(), default) {
        let because = Because { text: format!("{} on its own port", server.text), ..server };
        found.push(PortFinding { port, loopback: false, because });
    }
    Ok(found)
}
