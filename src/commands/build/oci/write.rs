//! Writes the images of one build: layers, configuration, documents.

use std::collections::BTreeMap;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_dockerize::attest::{self, Document};
use cargo_dockerize::engine::record::Step;
use cargo_dockerize::failure::{Failure, Kind, Result};
use cargo_dockerize::host::Rustc;
use cargo_dockerize::ignore::Matcher;
use cargo_dockerize::image::{self, Layout, verify};
use cargo_dockerize::image_paths::INIT;
use cargo_dockerize::measure::{ImageReport, Last, Looked, Size};
use cargo_dockerize::oci::layer::Options;
use cargo_dockerize::oci::libraries::{self, Library};
use cargo_dockerize::oci::times::{self, Times};
use cargo_dockerize::oci::{self, Base, Bundle, Compression, Image, RunConfig, Store, rootfs};
use cargo_dockerize::plan::model::{self, Compile, Linkage};
use cargo_dockerize::registry::Client;
use cargo_dockerize::workspace::Commit;
use jiff::Timestamp;

use super::super::lists::ByPlatform;
use super::super::{Subject, release_labels};
use super::progress::Bytes;
use crate::cli::{Build, CompressionArg, ProvenanceArg};
use crate::ui::Shell;

/// Bases by the plan's name of them and by platform.
pub type Bases = BTreeMap<(String, String), UnderIt>;

/// An image that others stand on, and what is in it.
pub struct UnderIt {
    base: Base,
    seen: image::Image,
}

/// An image that was written, and what that took.
pub struct Written {
    pub image: Image,
    pub times: Times,
    pub steps: Vec<Step>,
}

/// What all images of a build are written with.
pub struct Writer<'a> {
    subject: &'a Subject<'a>,
    store: &'a Store,
    context: Utf8PathBuf,
    left_out: Matcher,
    commit: Option<Commit>,
    epoch: Option<u64>,
    compression: Compression,
    sboms: &'static [attest::Format],
    provenance: bool,
    toolchain: attest::Toolchain,
}

impl<'a> Writer<'a> {
    pub fn new(
        (subject, store): (&'a Subject<'a>, &'a Store),
        args: &Build,
        (toolchain, commit, epoch): (Rustc, Option<Commit>, Option<u64>),
    ) -> Result<Self> {
        let (root, plan) = (&subject.session.workspace.root, subject.plan);
        let context = root.join(&plan.context.path);
        let context = context
            .canonicalize_utf8()
            .map_err(|error| Failure::new(Kind::Workspace, format!("{context} cannot be found")).caused_by(error))?;
        // The user's own lines in it count.
        let left_out = match fs_err::read_to_string(root.join(&plan.files.dockerignore)) {
            Ok(text) => Matcher::read(&text)?,
            Err(_) => Matcher::new(plan.ignore.iter().map(|rule| rule.pattern.as_str()))?,
        };
        Ok(Self {
            subject,
            store,
            left_out,
            commit,
            context,
            epoch,
            compression: match args.embedded.compression {
                Some(CompressionArg::Zstd) => Compression::Zstd,
                Some(CompressionArg::Gzip) | None => Compression::Gzip,
            },
            sboms: args.documents.formats(),
            provenance: args.documents.told() != ProvenanceArg::None,
            toolchain: attest::Toolchain { version: toolchain.version, commit: toolchain.commit },
        })
    }

    /// Pulls what the images stand on, where that is not in the store yet.
    pub fn bases(&self, offline: bool, shell: Shell) -> Result<Bases> {
        let mut bases = Bases::new();
        let mut client = None;
        for image in self.subject.images.iter().filter(|image| image.base != "scratch") {
            for compile in &self.subject.plan.groups[image.group].compile {
                let key = (image.base.clone(), compile.platform.clone());
                if bases.contains_key(&key) {
                    continue;
                }
                let base = if offline {
                    oci::base::pulled(self.store, &image.base, &compile.platform)?
                } else {
                    let client = match &client {
                        Some(client) => client,
                        None => client.insert(Client::new(cargo_dockerize::registry::Options::default())?),
                    };
                    shell.status("Base", format!("{} for {}", image.base, compile.platform));
                    let bytes = Bytes::new("Pulling", shell);
                    oci::base::pull(client, self.store, &image.base, &compile.platform, &|at| bytes.on(at))?
                };
                let seen = Layout::new(self.store.folder()).image_of(&base.digest)?;
                bases.insert(key, UnderIt { base, seen });
            }
        }
        Ok(bases)
    }

    /// Writes an image for one platform.
    pub fn image(
        &self,
        image: &model::Image,
        compile: &Compile,
        program: &Utf8Path,
        under: Option<&UnderIt>,
    ) -> Result<Written> {
        let times = Times::decide(self.epoch, image, (&self.context, self.commit.as_ref()))?;
        let libraries = self.libraries(image, compile, program)?;
        let source = rootfs::Source {
            image,
            context: &self.context,
            left_out: &self.left_out,
            program,
            libraries: &libraries,
            base: under.map(|under| &under.seen),
        };
        let (mut layers, mut steps) = (Vec::new(), Vec::new());
        let trees = rootfs::layers(&source)?;
        for (name, tree) in &trees {
            let began = Instant::now();
            let layer = oci::layer(self.store, tree, &Options::new(times.of(name), self.compression))?;
            steps.push(Step {
                digest: format!("{} {} {name}", image.stage, compile.platform),
                name: format!("layer {name}"),
                stage: Some(image.stage.clone()),
                seconds: began.elapsed().as_secs_f64(),
                cached: layer.reused,
                ..Step::default()
            });
            layers.push((name.as_str(), layer));
        }
        let run = self.run(image);
        let base = under.map(|under| &under.base);
        let image = oci::image::image(self.store, base, &layers, &run, &compile.platform, times.created)?;
        Ok(Written { image, times, steps })
    }

    fn libraries(&self, image: &model::Image, compile: &Compile, program: &Utf8Path) -> Result<Vec<Library>> {
        match self.subject.plan.groups[image.group].linkage {
            Linkage::StaticMusl | Linkage::StaticGnu => Ok(Vec::new()),
            Linkage::DynamicGnu => {
                let all = libraries::closure(program, &image.rootfs.packages, &compile.opened)?;
                Ok(libraries::beside(image.brings.as_ref(), all))
            }
        }
    }

    fn run(&self, image: &model::Image) -> RunConfig {
        let mut labels = image.labels.clone();
        labels.extend(release_labels(image, self.commit.as_ref()));
        let init: &[&str] = if image.rootfs.init.is_some() { &[INIT, "--"] } else { &[] };
        RunConfig {
            user: format!("{0}:{0}", image.user),
            env: image.env.clone(),
            entrypoint: init.iter().copied().chain([image.binary.as_str()]).map(str::to_owned).collect(),
            arguments: image.arguments.clone(),
            workdir: image.workdir.clone(),
            expose: image.expose.clone(),
            labels,
            healthcheck: image.healthcheck.clone(),
            stop_signal: image.stop_signal.clone(),
        }
    }

    /// Holds an image that was written against the plan, and measures it. One of the same digest and the same plan has been seen.
    pub fn look(
        &self,
        image: &model::Image,
        written: &Image,
        tags: &[String],
        (last, looked): (&Last, &mut Looked),
    ) -> Result<ImageReport> {
        let profile = &self.subject.profile.name;
        let linkage = self.subject.plan.groups[image.group].linkage;
        let digest = written.manifest.digest().to_string();
        let (size, checks) = looked.at(&digest, (image, linkage), || {
            let found = Layout::new(self.store.folder()).image_of(&digest)?;
            let checks = verify::verify(&found, image, linkage, &written.platform.architecture().to_string())?;
            Ok((Size::of(&found, image), checks))
        })?;
        let platform = written.platform_name();
        Ok(ImageReport {
            name: image.name.clone(),
            tags: tags.to_vec(),
            before: last.size(profile, &image.name, &platform),
            platform,
            digest,
            size,
            checks,
        })
    }

    /// The documents about an image, by platform. How it was made is told where that can go with it; what is in it always.
    pub fn documents(
        &self,
        image: &model::Image,
        written: &[(Image, Made<'_>)],
        tags: &[String],
        ships: bool,
    ) -> Result<ByPlatform> {
        let wanted = attest::Wanted { sboms: self.sboms, provenance: self.provenance && ships };
        let of = |(one, made): &(Image, Made<'_>)| {
            Ok((made.compile.platform.clone(), self.documents_of(image, one, made, (tags, wanted))?))
        };
        written.iter().map(of).collect()
    }

    /// The images of all platforms as one, with the documents about them where those are shipped.
    pub fn bundle(&self, written: Vec<(Image, Made<'_>)>, documents: &ByPlatform, ships: bool) -> Result<Bundle> {
        let mut attached = Vec::new();
        for ((one, made), (_, documents)) in written.iter().zip(documents).filter(|_| ships) {
            attached.extend(oci::attach(self.store, &one.manifest, documents, made.created())?);
        }
        let images = written.into_iter().map(|(image, _)| image).collect();
        Ok(Bundle { attached, ..oci::bundle(self.store, images)? })
    }

    fn documents_of(
        &self,
        image: &model::Image,
        written: &Image,
        made: &Made<'_>,
        (tags, wanted): (&[String], attest::Wanted<'_>),
    ) -> Result<Vec<Document>> {
        let Subject { session, profile, .. } = self.subject;
        let features = session.flags.features(&session.settings);
        let (name, tag) = named(tags.first().map_or(image.name.as_str(), String::as_str));
        let platform = written.platform_name();
        let about = attest::Image { name, tag, digest: written.manifest.digest().to_string(), platform };
        let base = written.base.as_ref().map(oci::Base::told).transpose()?;
        let source = self.source(image);
        let program_sha256 = oci::file_sha256(self.store, made.program)?;
        let facts = attest::Facts {
            workspace: &session.workspace,
            planned: image,
            image: &about,
            program: made.program,
            program_sha256: &program_sha256,
            features: &features,
            triple: &made.compile.triple,
            profile: &profile.cargo,
            command: made.command,
            toolchain: &self.toolchain,
            source: source.as_ref(),
            base: base.as_ref(),
            extras: &[],
            distribution: None,
            builder: None,
            created: made.created(),
        };
        attest::documents(&facts, wanted)
    }

    /// The state of the sources, as the documents tell it.
    fn source(&self, image: &model::Image) -> Option<attest::Source> {
        let member = self.subject.session.workspace.member(&image.package)?;
        Some(attest::Source::of(self.commit.as_ref()?, member))
    }
}

/// A program, and how it was made.
pub struct Made<'a> {
    pub program: &'a Utf8Path,
    pub compile: &'a Compile,
    /// Cargo's command line.
    pub command: &'a [String],
    pub times: Times,
}

impl Made<'_> {
    /// When the image was made, as its documents say it.
    fn created(&self) -> Option<Timestamp> {
        times::timestamp(self.times.created)
    }
}

/// `shop/api`, `1.2` of `shop/api:1.2`.
pub fn named(name: &str) -> (String, Option<String>) {
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name.to_owned(), Some(tag.to_owned())),
        _ => (name.to_owned(), None),
    }
}
