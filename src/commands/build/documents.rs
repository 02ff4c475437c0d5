//! The list of what is in an image, for images that buildx made. BuildKit's own list comes from a scanner that looks for what it
//! knows in the finished image, and of a stripped program it knows nothing; ours comes from the graph.

use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::oci::{self, Store, times};
use cargo_dockerize::plan::model;
use cargo_dockerize::registry::{Client, Options};
use cargo_dockerize::workspace::{self, Commit};
use cargo_dockerize::{attest, image};
use jiff::Timestamp;

use super::Subject;
use super::lists::ByPlatform;
use crate::cli::Build;
use crate::ui::Shell;

/// What lists are made with.
pub struct Documents<'a> {
    subject: &'a Subject<'a>,
    formats: &'static [attest::Format],
    commit: Option<Commit>,
    created: Option<Timestamp>,
    registry: Option<Registry>,
}

/// Where lists go that are pushed.
struct Registry {
    client: Client,
    store: Store,
    /// The store's, gone at the end.
    _folder: tempfile::TempDir,
}

impl Registry {
    fn open() -> Result<Self> {
        let folder = tempfile::tempdir()
            .map_err(|error| Failure::new(Kind::Emit, "there is no place for a temporary folder").caused_by(error))?;
        let store = Store::open(folder.path().to_string_lossy().into_owned())?;
        Ok(Self { client: Client::new(Options::default())?, store, _folder: folder })
    }
}

impl<'a> Documents<'a> {
    /// None where no list is wanted.
    pub fn open(subject: &'a Subject<'a>, args: &Build) -> Result<Option<Self>> {
        let formats = args.documents.formats();
        if formats.is_empty() {
            return Ok(None);
        }
        let commit = workspace::commit(&subject.session.workspace.root)?;
        let seconds = times::given()?.or(commit.as_ref().map(|commit| commit.time));
        let created = seconds.and_then(times::timestamp);
        let registry = args.destination.push.then(Registry::open).transpose()?;
        Ok(Some(Self { subject, formats, commit, created, registry }))
    }

    /// The lists of one image, by platform, pushed where the image was. A Dockerfile that has been edited may make something that is
    /// not in the plan, and of that there is no list.
    pub fn of(
        &self,
        planned: &model::Image,
        built: &[image::Image],
        tags: &[String],
        shell: Shell,
    ) -> Result<ByPlatform> {
        let mut lists = Vec::new();
        for one in built {
            let Some(documents) = self.lists(planned, one, tags)? else {
                let (name, platform) = (&planned.name, one.platform());
                shell.warn(format!("there is no list of what is in {name} for {platform}: it is not what was planned"));
                continue;
            };
            if let Some(registry) = &self.registry {
                self.push(registry, (planned, one, tags), &documents, shell)?;
            }
            lists.push((one.platform(), documents));
        }
        Ok(lists)
    }

    /// Pushes the list of one image for one platform. The image is there already: that a registry takes no such thing is no reason
    /// to fail, and is said.
    fn push(
        &self,
        registry: &Registry,
        (planned, built, tags): (&model::Image, &image::Image, &[String]),
        documents: &[attest::Document],
        shell: Shell,
    ) -> Result<()> {
        let attached = oci::attach(&registry.store, &built.manifest()?, documents, self.created)?;
        match oci::publish_attached(&registry.client, &registry.store, &attached, tags) {
            Ok(()) => {
                let platform = built.platform();
                shell.status("Attached", format!("the list of what is in {} for {platform}", planned.name));
                Ok(())
            }
            Err(failure) if failure.kind() == Kind::Engine => {
                shell.warn(format!("the list of what is in {} could not be pushed: {failure}", planned.name));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// None where the image is for a platform that is not in the plan, or has no program where the plan puts it.
    fn lists(
        &self,
        planned: &model::Image,
        built: &image::Image,
        tags: &[String],
    ) -> Result<Option<Vec<attest::Document>>> {
        let session = self.subject.session;
        let missing = || Failure::new(Kind::Internal, format!("the workspace has no package `{}`", planned.package));
        let member = session.workspace.member(&planned.package).ok_or_else(missing)?;
        let group = &self.subject.plan.groups[planned.group];
        let target = group.targets.iter().find(|target| target.arch == built.config.architecture);
        let features = session.flags.features(&session.settings);
        let (Some(target), Some(program)) = (target, built.read(&planned.binary)?) else { return Ok(None) };
        let bill = session.workspace.bill(member, &features, &target.triple)?;
        let bill = attest::auditable::bill(&program, &bill)?.unwrap_or(bill).linked();
        let (name, tag) = super::oci::named(tags.first().map_or(planned.name.as_str(), String::as_str));
        let source = self.commit.as_ref().map(|commit| attest::Source::of(commit, member));
        let input = attest::SbomInput {
            image: &attest::Image { name, tag, digest: built.digest.clone(), platform: built.platform() },
            bill: &bill,
            program: &attest::Program::of(&planned.binary, &program),
            extras: &[],
            distribution: None,
            source: source.as_ref(),
            created: self.created,
        };
        self.formats.iter().map(|format| attest::sbom(&input, *format)).collect::<Result<_>>().map(Some)
    }
}
