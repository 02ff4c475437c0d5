//! Services of compose files that run what the Dockerfile builds.

use super::bake::within;
use super::secrets::{is_secret_name, is_secret_value};
use crate::lint::companions::{Build, Kind, builds};
use crate::lint::tree::Node;
use crate::lint::{Context, Found, Where};

fn services<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Build> {
    builds(context.input).filter(|build| build.kind == Kind::Service)
}

fn is_true(node: &Node) -> bool {
    node.text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// `privileged: true`.
pub(super) fn privileged(context: &Context<'_>, found: &mut Vec<Found>) {
    for service in services(context) {
        if let Some(node) = service.get("privileged").filter(|node| is_true(node)) {
            let one =
                within(service, node, format!("the service `{}` can do to the machine what it likes", service.name));
            found.push(one.help("name what it needs: `cap_add: [NET_ADMIN]`, `devices:`"));
        }
    }
}

/// `user: root`.
pub(super) fn root(context: &Context<'_>, found: &mut Vec<Found>) {
    for service in services(context) {
        let Some(node) = service.get("user") else { continue };
        let user = node.text().unwrap_or_default().split(':').next().unwrap_or_default();
        if user == "root" || user == "0" {
            let one =
                within(service, node, format!("the service `{}` runs as root, whatever its image says", service.name));
            found.push(one.help("leave `user` out, and let the image name one by number"));
        }
    }
}

/// The engine's own socket.
pub(super) fn socket(context: &Context<'_>, found: &mut Vec<Found>) {
    for service in services(context) {
        for node in service.get("volumes").map_or(&[][..], Node::items) {
            let source = node.text().and_then(|text| text.split(':').next()).or_else(|| node.get("source")?.text());
            if source.is_some_and(|source| source.ends_with("/docker.sock") || source.ends_with("/podman.sock")) {
                let one = within(service, node, format!("the service `{}` commands the engine", service.name))
                    .label("root on the machine, by one call");
                found.push(one.help("give it a proxy that lets through what it needs, or a rootless engine's socket"));
            }
        }
    }
}

/// A secret in `environment`.
pub(super) fn secrets(context: &Context<'_>, found: &mut Vec<Found>) {
    for service in services(context) {
        let Some(environment) = service.get("environment") else { continue };
        let file = Where::Companion(service.file);
        let text = &context.input.source(file).text;
        // In a list the name stands before the value.
        let pairs = environment.items().iter().filter_map(|item| {
            let (name, value) = item.text()?.split_once('=')?;
            let at = text.get(item.span.clone()).and_then(|text| text.find('=')).map_or(0, |at| at + 1);
            Some((name, value, &item.span, item.span.start + at))
        });
        let entries = environment.entries().iter();
        let entries = entries
            .filter_map(|one| Some((one.key.as_str(), one.value.text()?, &one.value.span, one.value.span.start)));
        for (name, value, span, start) in pairs.chain(entries) {
            // A variable of compose's is asked for, and one in its place is known to nobody.
            if !is_secret_name(name) || !is_secret_value(value) || value.contains("${") || value.starts_with('$') {
                continue;
            }
            let message = format!("the value of `{name}` stands in the file");
            let one = Found::at(span.clone(), message).within(file).hide(start..span.end);
            found.push(one.help(format!("ask for it: `{name}: ${{{name}:?}}`, or take it from a file: `secrets:`")));
        }
    }
}

/// A root that can be written to, and all capabilities.
pub(super) fn unhardened(context: &Context<'_>, found: &mut Vec<Found>) {
    for service in services(context) {
        // Where sources are mounted, somebody works in it.
        let mounted = service.get("volumes").map_or(&[][..], Node::items).iter().any(|node| {
            node.text().is_some_and(|text| text.starts_with('.'))
                || node.get("type").and_then(Node::text) == Some("bind")
        });
        let works = mounted || service.get("develop").is_some() || service.get("profiles").is_some();
        if works || service.get("extends").is_some() || service.get("privileged").is_some_and(is_true) {
            continue;
        }
        let mut lacks = Vec::new();
        if !service.get("read_only").is_some_and(is_true) {
            lacks.push("`read_only: true`");
        }
        if service.get("cap_drop").is_none() {
            lacks.push("`cap_drop: [ALL]`");
        }
        if !lacks.is_empty() {
            let message = format!("the service `{}` has more rights than most programs need", service.name);
            let one = Found::at(service.span.clone(), message).within(Where::Companion(service.file));
            found.push(one.help(format!("try it with {}", lacks.join(" and "))));
        }
    }
}
