//! Services of compose files that are built from a Dockerfile.

use camino::Utf8Path;

use super::model::{Said, Service};
use super::others::place;
use crate::lint::tree::{self, Node};
use crate::workspace::{folder_of, normal, relative};

/// The services of a file that build something; `root` is the workspace's.
pub(super) fn services(root: &Utf8Path, path: &Utf8Path, file: &str, text: &str) -> Vec<Said<Service>> {
    let Some(tree) = tree::yaml(text) else { return Vec::new() };
    let entries = tree.get("services").map_or(&[][..], Node::entries);
    let read = |entry: &tree::Entry| {
        let service = service(root, folder_of(path), &entry.key, &entry.value)?;
        Some(Said { value: service, place: place(file, text, entry.span.start) })
    };
    entries.iter().filter_map(read).collect()
}

fn service(root: &Utf8Path, folder: &Utf8Path, name: &str, node: &Node) -> Option<Service> {
    let build = node.get("build")?;
    let plain =
        |node: &Node| node.text().filter(|text| !text.contains(['$', '{']) && !text.contains("://")).map(str::to_owned);
    let context = match build.text() {
        Some(_) => plain(build)?,
        None => build.get("context").map_or_else(|| Some(".".to_owned()), plain)?,
    };
    let file = build.get("dockerfile").map_or_else(|| Some("Dockerfile".to_owned()), plain)?;
    let dockerfile = normal(&folder.join(context).join(file));
    let texts = |key: &str| node.get(key).map_or(&[][..], Node::items).iter();
    Some(Service {
        name: name.to_owned(),
        dockerfile: relative(root, &dockerfile).into_string(),
        stage: build.get("target").and_then(plain),
        ports: texts("ports")
            .filter_map(|node| port(node))
            .chain(texts("expose").filter_map(|node| plain(node)))
            .collect(),
        volumes: texts("volumes").filter_map(|node| volume(folder, node)).collect(),
        stop_signal: node.get("stop_signal").and_then(plain),
    })
}

/// The container's side of a published port: `127.0.0.1:80:8080/tcp`, `{ target: 8080 }`.
fn port(node: &Node) -> Option<String> {
    let text = match node.get("target") {
        Some(target) => target.text()?,
        None => node.text()?,
    };
    let inner = text.rsplit(':').next()?;
    inner.split('/').next()?.bytes().all(|c| c.is_ascii_digit()).then(|| inner.to_owned())
}

/// Where a volume is mounted that the program writes into: a named one, or a folder beside the compose file that the repository does not
/// have. A folder or a file that it has is for work on the program, or is its configuration.
fn volume(folder: &Utf8Path, node: &Node) -> Option<String> {
    let (target, fits) = if let Some(target) = node.get("target") {
        let text = |key: &str| node.get(key).and_then(Node::text);
        let bound = || text("read_only") != Some("true") && text("source").is_some_and(|from| is_data(folder, from));
        let fits = match text("type") {
            None | Some("volume") => true,
            Some("bind") => bound(),
            Some(_) => false,
        };
        (target.text()?, fits)
    } else {
        let mut parts = node.text()?.split(':');
        let (source, target) = (parts.next()?, parts.next()?);
        let read_only = parts.next().is_some_and(|options| options.split(',').any(|option| option == "ro"));
        let named = !source.starts_with(['.', '/', '~', '$']);
        (target, target.starts_with('/') && (named || (!read_only && is_data(folder, source))))
    };
    fits.then(|| target.trim_end_matches('/').to_owned()).filter(|path| !path.is_empty())
}

/// Whether a path is a folder that Docker makes when the service starts. A name with an extension is a file that the user makes first.
fn is_data(folder: &Utf8Path, source: &str) -> bool {
    let path = Utf8Path::new(source);
    let is_folder = source.ends_with('/') || path.extension().is_none();
    source.starts_with("./")
        && is_folder
        && !source.contains('$')
        && fs_err::symlink_metadata(folder.join(path)).is_err()
}
