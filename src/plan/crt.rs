//! The flag that links glibc statically, and where cargo is told of it.

use std::collections::BTreeMap;

use crate::workspace::Workspace;

/// What rustc is told.
pub(super) const FLAGS: [&str; 2] = ["-C", "target-feature=+crt-static"];

/// Between the flags of cargo's encoded variable.
const ENCODED: &str = "\u{1f}";

/// The variable of a target's environment; `env` is what the build has already.
///
/// cargo takes flags from one source alone, and would drop the user's for ours. So ours go to the source that it takes
/// anyway, where cargo itself joins them to what its files say.
pub(super) fn variable(workspace: &Workspace, triple: &str, env: &BTreeMap<String, String>) -> (String, String) {
    let of_target = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
    let mut links = workspace.cargo_config.link.iter();
    let in_files = links.any(|link| link.target.is_some() && !link.rustflags.is_empty() && link.applies(triple));
    let sources = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", &of_target];
    let variable = match sources.into_iter().find(|name| env.contains_key(*name)) {
        Some(name) => name,
        None if in_files => &of_target,
        None => "CARGO_BUILD_RUSTFLAGS",
    };
    let between = if variable == sources[0] { ENCODED } else { " " };
    let ours = FLAGS.join(between);
    let flags = match env.get(variable).filter(|said| !said.is_empty()) {
        Some(said) => format!("{said}{between}{ours}"),
        None => ours,
    };
    (variable.to_owned(), flags)
}
