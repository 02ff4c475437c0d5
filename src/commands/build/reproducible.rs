//! Builds that give the same bytes again: what they need, and what the engine is asked for.

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::engine::{self, Engine, Request};
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::oci::times;
use cargo_dockerize::workspace;

use super::Subject;
use crate::cli::Reproducible;
use crate::ui::Shell;

/// Kinds of outputs that hold an image, whose files have times.
const IMAGES: [&str; 4] = ["type=image", "type=registry", "type=oci", "type=docker"];

/// The build argument that gives assets their time and their permissions.
pub const ASSETS: &str = "ASSETS_EPOCH";

/// Refuses what cannot be the same tomorrow, and says what may not be.
///
/// # Errors
/// [`Kind::Workspace`]: an image that is built on is not pinned.
pub fn demand(subject: &Subject<'_>, args: &Reproducible, on_engine: bool, shell: Shell) -> Result<()> {
    if !args.reproducible {
        return Ok(());
    }
    let plan = subject.plan;
    let bases = subject.images.iter().map(|image| image.base.as_str()).filter(|base| *base != "scratch");
    // Where this machine compiles, it brings its own toolchain.
    let compiles = std::iter::once(plan.toolchain.image.as_str()).chain(plan.syntax.as_deref()).filter(|_| on_engine);
    let mut floating: Vec<&str> = compiles.chain(bases).filter(|image| !image.contains('@')).collect();
    floating.sort_unstable();
    floating.dedup();
    if !floating.is_empty() && !args.allow_unpinned {
        return Err(Failure::new(Kind::Workspace, format!("not pinned, so another image tomorrow: {}", floating.join(", ")))
            .help("run `cargo dockerize pin`, and commit dockerize.lock")
            .help("or pass `--allow-unpinned`, for images that only this engine has: the result is the same for as long as they are"));
    }
    let packages = packages(subject);
    if on_engine && !packages.is_empty() {
        shell.warn(format!(
            "packages come from the distribution as it is on the day of the build: {}",
            packages.join(", ")
        ));
    }
    if workspace::commit(&subject.session.workspace.root)?.is_some_and(|commit| commit.modified) {
        shell.warn("the sources are not what is committed: nobody else can build this again");
    }
    Ok(())
}

/// What is installed into the stages that these images come from.
fn packages<'a>(subject: &'a Subject<'_>) -> Vec<&'a str> {
    let groups = subject.groups().into_iter().flat_map(|group| &subject.plan.groups[group].packages);
    let roots = subject.images.iter().flat_map(|image| image.installs());
    let mut names: Vec<&str> = groups.map(|package| package.name.as_str()).chain(roots).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The time that such a build has: the user's, else the commit's, else the epoch's start.
///
/// # Errors
/// [`Kind::Usage`]: the user's is none.
pub fn epoch(root: &Utf8Path) -> Result<u64> {
    if let Some(given) = times::given()? {
        return Ok(given);
    }
    Ok(workspace::commit(root)?.map_or(0, |commit| commit.time))
}

/// When a commit last changed one of the images' assets: servers tell browsers so. One time for all images, since one step
/// makes the files of all of them. None: there are no assets.
///
/// # Errors
/// The user interrupted.
pub fn assets(subject: &Subject<'_>, epoch: u64) -> Result<Option<u64>> {
    let root = &subject.session.workspace.root;
    let assets = subject.plan.images.iter().flat_map(|image| &image.assets);
    let mut paths: Vec<String> = assets.map(|asset| asset.from.clone()).collect();
    paths.sort_unstable();
    paths.dedup();
    if paths.is_empty() {
        return Ok(None);
    }
    if times::given()?.is_some() {
        return Ok(Some(epoch));
    }
    let changed = workspace::last_change(&root.join(&subject.plan.context.path), &paths)?;
    Ok(Some(changed.unwrap_or(epoch)))
}

/// The outputs of an image, so that they are the same each time. The exporters alone are told of the time: an argument of that name
/// would change the first step of every stage, and with it all steps after each commit.
pub fn outputs(outputs: Vec<String>, epoch: u64, archive: &Utf8Path) -> Vec<String> {
    let settled = |output: String| {
        let says = |what: &str| output.split(',').any(|part| part == what);
        let image = IMAGES.iter().any(|kind| says(kind)) && !output.contains("rewrite-timestamp=");
        if !image {
            return output;
        }
        // What an engine unpacks at once it does not rewrite (seen on Docker 28.5), so it comes as an archive and is loaded.
        let dest =
            if says("type=docker") && !output.contains("dest=") { format!(",dest={archive}") } else { String::new() };
        format!("{output}{dest},rewrite-timestamp=true,source-date-epoch={epoch}")
    };
    outputs.into_iter().map(settled).collect()
}

/// The archive that is loaded after the build.
pub fn archive(scratch: &Utf8Path, stage: &str) -> Utf8PathBuf {
    Request::layout(scratch, stage).with_extension("load.tar")
}

/// Gives the engine's store what it could not make there.
///
/// # Errors
/// [`Kind::Engine`]: it does not take it.
pub fn load(engine: &Engine, request: &Request, shell: Shell) -> Result<()> {
    for (archive, names) in archives(request) {
        engine::load(engine, &archive)?;
        shell.status("Loaded", names.join(", "));
    }
    Ok(())
}

/// The archives that are loaded after a build, and what is in them.
pub fn archives(request: &Request) -> impl Iterator<Item = (Utf8PathBuf, &[String])> {
    request.targets.iter().filter_map(|(stage, target)| {
        let archive = archive(&request.scratch, stage);
        let named = format!("dest={archive},");
        target.output.iter().any(|output| output.contains(&named)).then_some((archive, target.tags.as_slice()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_an_image_gets_the_time() {
        let settled = |output: &str| outputs(vec![output.to_owned()], 7, "/s/images/api.load.tar".into()).remove(0);
        let times = "rewrite-timestamp=true,source-date-epoch=7";
        assert_eq!(settled("type=image,push=true"), format!("type=image,push=true,{times}"));
        assert_eq!(settled("type=oci,tar=false,dest=a"), format!("type=oci,tar=false,dest=a,{times}"));
        assert_eq!(settled("type=docker"), format!("type=docker,dest=/s/images/api.load.tar,{times}"));
        assert_eq!(settled("type=docker,dest=b.tar"), format!("type=docker,dest=b.tar,{times}"));
        for other in ["type=cacheonly", "type=local,dest=type", "type=oci,dest=a,rewrite-timestamp=false"] {
            assert_eq!(settled(other), other);
        }
    }
}
