//! Caches on other machines: which one holds for this build, and what stands in it already.

use std::collections::BTreeMap;

use camino::Utf8Path;
use cargo_dockerize::cache::{self, Cache, Dependencies, Inputs, Kept};
use cargo_dockerize::engine::record::BuildRecord;
use cargo_dockerize::engine::{self, Engine, Reporter, Request, Target};
use cargo_dockerize::failure::{Kind, Result};
use cargo_dockerize::workspace;

use super::Subject;
use crate::cli::Caching as Arguments;
use crate::ui::Shell;

/// BuildKit's build argument that sets cache mounts apart.
pub const NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// The cache of one build.
pub struct Caching {
    pub cache: Cache,
    /// Whether the build writes to it; it always reads.
    pub write: bool,
}

impl Caching {
    /// The command line's, else the profile's; none elsewhere.
    pub fn decide(subject: &Subject<'_>, arguments: &Arguments) -> Result<Self> {
        let root = &subject.session.workspace.root;
        let cache = named(subject, arguments.cache.as_ref())?;
        let write = arguments.cache_write || {
            let branches = &subject.plan.cache_write;
            !branches.is_empty() && workspace::branch(root)?.is_some_and(|branch| branches.contains(&branch))
        };
        Ok(Self { cache, write })
    }

    /// Tells each target of the request.
    pub fn apply(&self, request: &mut Request, (subject, shell): (&Subject<'_>, Shell)) {
        self.admit(request, (subject, shell));
        for (name, target) in &mut request.targets {
            target.cache_from = self.from(name, &target.tags);
            target.cache_to = self.cache.to(name).filter(|_| self.write).into_iter().collect();
        }
    }

    /// Where the layers of one image are read from.
    pub fn from(&self, image: &str, tags: &[String]) -> Vec<String> {
        // What is not there yet cannot be read, and a folder that is missing is an error to buildx.
        let absent = |folder: &Utf8Path| !folder.join(image).join("index.json").exists();
        if self.cache.folder().is_some_and(absent) { Vec::new() } else { self.cache.from(image, tags) }
    }

    /// Lets buildx read and write a folder outside of the workspace.
    pub fn admit(&self, request: &mut Request, (subject, shell): (&Subject<'_>, Shell)) {
        let Some(folder) = self.cache.folder() else { return };
        if !folder.starts_with(&request.root) {
            request.reads.push(folder.to_owned());
            request.writes.push(folder.to_owned());
        }
        if let Some(inside) = sent(subject, folder) {
            shell.warn(format!(
                "the cache `{inside}` is sent to the engine with the sources, and changes them with each build: put it under \
                 `target`, or a line `/{inside}` into `{}`",
                subject.plan.files.dockerignore
            ));
        }
    }

    /// Where dependencies stand compiled in the registry, builds on them. What is missing there is made and kept first, where
    /// this build writes; the record of that is returned.
    pub fn dependencies(
        &self,
        (engine, subject): (&Engine, &Subject<'_>),
        request: &mut Request,
        reporter: &mut Reporter,
        shell: Shell,
    ) -> Result<BuildRecord> {
        let mut record = BuildRecord::default();
        let Some(repository) = self.cache.repository().filter(|_| !subject.profile.runs_tests) else {
            return Ok(record);
        };
        let mut groups = look_up((engine, subject), repository, &Kin::of(request))?;
        let missing: Vec<&Dependencies> = groups.iter().filter(|one| !matches!(one.kept, Kept::These(_))).collect();
        if self.write && !missing.is_empty() {
            match engine::build(engine, &keeping(request, &missing), reporter) {
                Ok(made) => record = made,
                // The registry's refusal is no reason not to build.
                Err(failure) if failure.kind() == Kind::Engine => {
                    shell.warn(format!("{repository} does not take compiled dependencies: {failure}"));
                }
                Err(failure) => return Err(failure),
            }
        }
        for one in &mut groups {
            let made = record.targets.get(&image_target(one)).and_then(|result| result.digest.clone());
            let (verb, what) = match (&one.kept, &made) {
                (Kept::These(_), _) => ("Found", format!("compiled dependencies: {}", one.reference)),
                (_, Some(_)) => ("Kept", format!("compiled dependencies: {}", one.reference)),
                (Kept::Earlier(_), None) => ("Found", format!("an earlier build's dependencies: {}", one.latest)),
                (Kept::Nothing, None) => ("Missing", format!("compiled dependencies: {}", one.reference)),
            };
            shell.status(verb, what);
            one.kept = made.map_or_else(|| one.kept.clone(), Kept::These);
        }
        let contexts: BTreeMap<String, String> = groups.iter().flat_map(Dependencies::contexts).collect();
        for target in request.targets.values_mut() {
            target.contexts.extend(contexts.clone());
        }
        Ok(record)
    }
}

/// The cache that the command line names, else the profile's.
pub fn named(subject: &Subject<'_>, said: Option<&String>) -> Result<Cache> {
    let said = said.or(subject.profile.cache.as_ref());
    said.map_or(Ok(Cache::None), |text| text.parse::<Cache>())?.resolved(&subject.session.workspace.root)
}

/// The folder as the context names it, where no line of the ignore file leaves it out.
fn sent<'a>(subject: &Subject<'_>, folder: &'a Utf8Path) -> Option<&'a Utf8Path> {
    let root = &subject.session.workspace.root;
    let inside = folder.strip_prefix(root).ok()?;
    let kept = fs_err::read_to_string(root.join(&subject.plan.files.dockerignore)).unwrap_or_default();
    let planned = subject.plan.ignore.iter().map(|rule| rule.pattern.as_str());
    let left_out: Vec<&str> = planned.chain(kept.lines()).map(|line| line.trim().trim_matches('/')).collect();
    let covered = |path: &Utf8Path| {
        left_out.iter().any(|line| match line.strip_prefix("**/") {
            Some(name) => path.file_name() == Some(name),
            None => path == Utf8Path::new(line),
        })
    };
    (!inside.ancestors().filter(|path| !path.as_str().is_empty()).any(covered)).then_some(inside)
}

/// What makes dependencies others than the same ones of another build.
pub struct Kin<'a> {
    pub builder: Option<&'a str>,
    /// None: the builder's own.
    pub platforms: &'a [String],
    /// Who has other mounts has other dependencies as well.
    pub namespace: Option<&'a str>,
}

impl<'a> Kin<'a> {
    pub fn of(request: &'a Request) -> Self {
        let like = request.targets.values().next();
        Self {
            builder: request.builder.as_deref(),
            platforms: like.map(|like| like.platforms.as_slice()).unwrap_or_default(),
            namespace: like.and_then(|like| like.args.get(NAMESPACE)).map(String::as_str),
        }
    }
}

/// What a repository has for each build group of these images.
pub fn look_up(
    (engine, subject): (&Engine, &Subject<'_>),
    repository: &str,
    kin: &Kin<'_>,
) -> Result<Vec<Dependencies>> {
    let own = engine::platform(engine, kin.builder);
    let builder = own.as_deref().unwrap_or_default().to_owned();
    let platforms = match kin.platforms {
        [] => vec![own?],
        platforms => platforms.to_vec(),
    };
    let features = subject.session.flags.features(&subject.session.settings);
    let look_up = |group| {
        let inputs = Inputs {
            workspace: &subject.session.workspace,
            plan: subject.plan,
            features: &features,
            group,
            profile: subject.profile,
            platforms: &platforms,
            builder: &builder,
            namespace: kin.namespace,
            base: None,
        };
        cache::look_up(engine, kin.builder, repository, &inputs)
    };
    subject.groups().into_iter().map(look_up).collect()
}

/// The target, and the stage, of an image that has dependencies and nothing else.
pub fn image_target(one: &Dependencies) -> String {
    format!("deps-image{}", one.suffix)
}

/// The request for the images of dependencies alone.
pub fn keeping(request: &Request, missing: &[&Dependencies]) -> Request {
    let like = request.targets.values().next().cloned().unwrap_or_default();
    let target = |one: &&Dependencies| {
        let target = Target {
            inherits: vec!["_workspace".to_owned()],
            target: Some(image_target(one)),
            tags: vec![one.reference.clone(), one.latest.clone()],
            output: vec!["type=image,push=true,store=false,oci-mediatypes=true,compression=zstd".to_owned()],
            labels: BTreeMap::new(),
            cache_to: Vec::new(),
            contexts: one.contexts().into_iter().chain(like.contexts.clone()).collect(),
            ..like.clone()
        };
        (image_target(one), target)
    };
    Request { targets: missing.iter().map(target).collect(), ..request.clone() }
}
