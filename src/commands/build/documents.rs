//! The list of what is in an image, for images that buildx pushed. BuildKit's own list comes from a scanner that looks for what it
//! knows in the finished image, and of a stripped program it knows nothing; ours comes from the graph.

use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::oci::{self, Store};
use cargo_dockerize::plan::model;
use cargo_dockerize::registry::{Client, Options};
use cargo_dockerize::workspace::{self, Commit};
use cargo_dockerize::{attest, image};
use jiff::Timestamp;

use super::Subject;
use crate::cli::Build;
use crate::ui::Shell;

/// What lists are made with.
pub struct Documents<'a> {
    subject: &'a Subject<'a>,
    formats: &'static [attest::Format],
    commit: Option<Commit>,
    created: Option<Timestamp>,
    client: Client,
    store: Store,
    /// The store's, gone at the end.
    _folder: tempfile::TempDir,
}

impl<'a> Documents<'a> {
    /// None where nothing is pushed, or no list is wanted.
    pub fn open(subject: &'a Subject<'a>, args: &Build) -> Result<Option<Self>> {
        let formats = args.documents.formats();
        if formats.is_empty() || !args.destination.push {
            return Ok(None);
        }
        let commit = workspace::commit(&subject.session.workspace.root)?;
        let epoch = oci::times::given(std::env::var(oci::times::VARIABLE).ok().as_deref())?;
        let seconds = epoch.or(commit.as_ref().map(|commit| commit.time));
        let created = seconds.and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
        let folder = tempfile::tempdir()
            .map_err(|error| Failure::new(Kind::Emit, "there is no place for a temporary folder").caused_by(error))?;
        let store = Store::open(folder.path().to_string_lossy().into_owned())?;
        let client = Client::new(Options::default())?;
        Ok(Some(Self { subject, formats, commit, created, client, store, _folder: folder }))
    }

    /// Pushes the list of one image for one platform. The image is there already: that a registry takes no such thing is no reason
    /// to fail, and is said.
    pub fn push(&self, planned: &model::Image, built: &image::Image, tags: &[String], shell: Shell) -> Result<()> {
        let documents = self.lists(planned, built, tags)?;
        let attached = oci::attach(&self.store, &built.manifest()?, &documents, self.created)?;
        match oci::publish_attached(&self.client, &self.store, &attached, tags) {
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

    fn lists(&self, planned: &model::Image, built: &image::Image, tags: &[String]) -> Result<Vec<attest::Document>> {
        let missing = |what: &str| Failure::new(Kind::Internal, format!("{}: {what}", planned.name));
        let session = self.subject.session;
        let member = session.workspace.member(&planned.package).ok_or_else(|| missing("there is no such package"))?;
        let group = &self.subject.plan.groups[planned.group];
        let target = group.targets.iter().find(|target| target.arch == built.config.architecture);
        let target = target.ok_or_else(|| missing("it is for a platform that is not in the plan"))?;
        let features = session.flags.features(&session.settings);
        let bill = session.workspace.bill(member, &features, &target.triple)?;
        let program = built.read(&planned.binary)?.ok_or_else(|| missing("its program is not in it"))?;
        let bill = attest::auditable::bill(&program, &bill)?.unwrap_or(bill).linked();
        let (name, tag) = super::oci::named(tags.first().map_or(planned.name.as_str(), String::as_str));
        let source = self.commit.as_ref().map(|commit| attest::Source {
            repository: member.repository.clone(),
            commit: commit.id.clone(),
            modified: commit.modified,
        });
        let input = attest::SbomInput {
            image: &attest::Image { name, tag, digest: built.digest.clone(), platform: built.platform() },
            bill: &bill,
            program: &attest::Program::of(&planned.binary, &program),
            extras: &[],
            distribution: None,
            source: source.as_ref(),
            created: self.created,
        };
        self.formats.iter().map(|format| attest::sbom(&input, *format)).collect()
    }
}
