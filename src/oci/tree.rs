//! The files of one layer, before they are a layer.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use super::fault::fault;
use crate::exec;
use crate::failure::{Failure, Kind, Result, printable};

/// What takes a path of the layers below away starts with this; a file of such a name cannot be in a layer.
const WHITEOUT: &str = ".wh.";

/// An entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Permissions, with setuid, setgid and the sticky bit.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// What it is.
    pub content: Content,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A folder.
    Folder,
    /// A symbolic link, and where to: any text, as it is followed inside of the image only.
    Link(String),
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A file with the contents of this one on the host, which is read when the layer is written.
    File(Utf8PathBuf),
}

impl Entry {
    /// An entry of root's.
    pub fn new(mode: u32, content: Content) -> Self {
        Self { mode, uid: 0, gid: 0, content }
    }

    /// The same of somebody else.
    #[must_use]
    pub fn owned_by(self, uid: u32, gid: u32) -> Self {
        Self { uid, gid, ..self }
    }
}

/// The entries of one layer, by path from the image's root. Folders stand before what is in them, and every parent is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<Utf8PathBuf, Entry>);

impl Tree {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its entries in the order of the archive.
    pub fn entries(&self) -> impl Iterator<Item = (&Utf8Path, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_path(), entry))
    }

    /// Whether something is at this path.
    pub fn contains(&self, at: impl AsRef<Utf8Path>) -> bool {
        relative(at.as_ref()).is_ok_and(|path| self.0.contains_key(&path))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts an entry at a path of the image, `/` before it or not; folders above that are missing are root's and 0755. What is
    /// there already is replaced, as `COPY` does it.
    ///
    /// # Errors
    /// [`Kind::Workspace`]: the path leads out of the image, cannot be in a layer, or lies under something that is no folder.
    pub fn insert(&mut self, at: impl AsRef<Utf8Path>, entry: Entry) -> Result<()> {
        let path = relative(at.as_ref())?;
        let above: Vec<&Utf8Path> = path.ancestors().skip(1).take_while(|folder| !folder.as_str().is_empty()).collect();
        for folder in above.into_iter().rev() {
            let there = self.0.entry(folder.to_owned()).or_insert_with(|| Entry::new(0o755, Content::Folder));
            if there.content != Content::Folder {
                return Err(unfit(&path, &format!("/{folder} is no folder")));
            }
        }
        let hides = entry.content != Content::Folder
            && self.0.get(&path).is_some_and(|old| old.content == Content::Folder)
            && self.0.range(path.clone()..).nth(1).is_some_and(|(next, _)| next.starts_with(&path));
        if hides {
            return Err(unfit(&path, "there is a folder of that name, with files in it"));
        }
        self.0.insert(path, Entry { mode: entry.mode & 0o7777, ..entry });
        Ok(())
    }

    /// Puts what lies in a folder of the host at a path of the image, as `COPY` does it: permissions stay, everything is
    /// root's, links are not followed. `keep` is asked with the path from that folder, and whether it is a folder; one that
    /// it does not want is not looked into.
    ///
    /// # Errors
    /// [`Kind::Workspace`]: something in it is neither a file, a folder nor a link, has a name that is not UTF-8 or that no
    /// layer can have; [`Kind::Emit`]: it cannot be read.
    pub fn add_folder(&mut self, host: &Utf8Path, at: &Utf8Path, keep: impl Fn(&Utf8Path, bool) -> bool) -> Result<()> {
        let inside = |path: &Utf8Path| path.strip_prefix(host).unwrap_or(path).to_owned();
        let walk = WalkDir::new(host).min_depth(1).into_iter().filter_entry(|entry| {
            // What is not UTF-8 is refused below, with its name.
            Utf8Path::from_path(entry.path()).is_none_or(|path| keep(&inside(path), entry.file_type().is_dir()))
        });
        for found in walk {
            exec::go_on()?;
            let found = found.map_err(|error| fault("read", host, error.into()))?;
            let Some(path) = Utf8Path::from_path(found.path()) else {
                return Err(unfit(Utf8Path::new(&found.path().to_string_lossy()), "its name is not UTF-8"));
            };
            let kind = found.file_type();
            let (mode, content) = if kind.is_symlink() {
                let to = fs_err::read_link(path).map_err(|error| fault("read", path, error))?;
                let to = to.into_os_string().into_string();
                (0o777, Content::Link(to.map_err(|_| unfit(path, "what it points at is not UTF-8"))?))
            } else {
                let metadata = found.metadata().map_err(|error| fault("read", path, error.into()))?;
                let content = if kind.is_dir() {
                    Content::Folder
                } else if kind.is_file() {
                    Content::File(path.to_owned())
                } else {
                    return Err(special(path));
                };
                (mode(&metadata), content)
            };
            self.insert(at.join(inside(path)), Entry::new(mode, content))?;
        }
        Ok(())
    }
}

/// Permissions as `COPY` keeps them; where files have none everything may be executed, as Docker does it there.
#[cfg(unix)]
pub(super) fn mode(metadata: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
pub(super) fn mode(_: &std::fs::Metadata) -> u32 {
    0o755
}

fn relative(at: &Utf8Path) -> Result<Utf8PathBuf> {
    let mut path = Utf8PathBuf::new();
    for component in at.components() {
        match component {
            Utf8Component::RootDir | Utf8Component::CurDir => {}
            Utf8Component::Normal(name) if name.contains('\0') => return Err(unfit(at, "there is a NUL in its name")),
            Utf8Component::Normal(name) if name.starts_with(WHITEOUT) => {
                return Err(unfit(at, "a name that starts with `.wh.` removes a file from an image"));
            }
            Utf8Component::Normal(name) => path.push(name),
            Utf8Component::ParentDir | Utf8Component::Prefix(_) => return Err(unfit(at, "it leads out of the image")),
        }
    }
    if path.as_str().is_empty() { Err(unfit(at, "it names no file")) } else { Ok(path) }
}

/// A pipe, a socket, a device: whoever reads one may wait for ever.
pub(super) fn special(path: &Utf8Path) -> Failure {
    unfit(path, "it is neither a file, a folder nor a link")
        .help("remove it, or leave it out with a line in the ignore file")
}

fn unfit(path: &Utf8Path, why: &str) -> Failure {
    Failure::new(Kind::Workspace, format!("`{}` cannot be put into an image: {why}", printable(path.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::scratch;

    fn file(text: &str) -> Entry {
        Entry::new(0o644, Content::Bytes(text.into()))
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.entries().map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn parents_are_there_and_stand_first() {
        let mut tree = Tree::new();
        tree.insert("/usr/local/bin/a", file("")).unwrap();
        tree.insert("usr/local-not", file("")).unwrap();
        tree.insert("/tmp", Entry::new(0o1777, Content::Folder).owned_by(1, 2)).unwrap();
        tree.insert("/tmp/x", file("")).unwrap();
        assert_eq!(
            paths(&tree),
            ["tmp", "tmp/x", "usr", "usr/local", "usr/local/bin", "usr/local/bin/a", "usr/local-not"]
        );
        let entry = |tree: &Tree, at: &str| tree.entries().find(|(path, _)| *path == at).unwrap().1.clone();
        let tmp = entry(&tree, "tmp");
        assert_eq!((tmp.mode, tmp.uid, tmp.gid), (0o1777, 1, 2));
        let usr = entry(&tree, "usr");
        assert_eq!((usr.mode, usr.uid, usr.gid), (0o755, 0, 0));
        // Said later than what is in it.
        tree.insert("/usr", Entry::new(0o700, Content::Folder).owned_by(7, 8)).unwrap();
        assert_eq!(entry(&tree, "usr"), Entry::new(0o700, Content::Folder).owned_by(7, 8));
        assert_eq!(entry(&tree, "usr/local/bin/a"), file(""));
    }

    #[test]
    fn the_later_one_wins_where_it_can() {
        let mut tree = Tree::new();
        tree.insert("a", file("old")).unwrap();
        tree.insert("a", file("new")).unwrap();
        assert_eq!(tree.entries().next().unwrap().1.content, Content::Bytes("new".into()));
        tree.insert("f", Entry::new(0o755, Content::Folder)).unwrap();
        tree.insert("f", Entry::new(0o700, Content::Folder)).unwrap();
        tree.insert("f", file("")).unwrap();
        tree.insert("l", Entry::new(0o777, Content::Link("a".into()))).unwrap();
        tree.insert("g/h", file("")).unwrap();
        assert_eq!(tree.insert("l/x", file("")).unwrap_err().kind(), Kind::Workspace);
        assert_eq!(tree.insert("a/x", file("")).unwrap_err().kind(), Kind::Workspace);
        assert_eq!(tree.insert("g", file("")).unwrap_err().kind(), Kind::Workspace);
        assert_eq!(paths(&tree), ["a", "f", "g", "g/h", "l"], "what was refused left nothing");
    }

    #[test]
    fn paths_that_no_layer_may_have_are_refused() {
        let mut tree = Tree::new();
        let refused = [
            "",
            "/",
            "..",
            "../escape",
            "a/../b",
            "a/../../b",
            "/../etc/passwd",
            "a\0b",
            "srv/.wh.bin",
            ".wh..wh..opq",
        ];
        for path in refused {
            assert_eq!(tree.insert(path, file("")).unwrap_err().kind(), Kind::Workspace, "{path:?}");
        }
        assert!(tree.is_empty(), "what was refused left nothing");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_taken_as_copy_takes_it() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let host = scratch();
        let root = host.path();
        fs_err::create_dir_all(root.join("inner/deep")).unwrap();
        fs_err::create_dir_all(root.join("target")).unwrap();
        fs_err::write(root.join("inner/line\nbreak"), "x").unwrap();
        fs_err::write(root.join("target/big"), "x").unwrap();
        fs_err::write(root.join("run"), "x").unwrap();
        std::fs::set_permissions(root.join("run"), PermissionsExt::from_mode(0o6750)).unwrap();
        fs_err::write(root.join("inner/deep/täglich.css"), "a{}").unwrap();
        std::fs::set_permissions(root.join("inner/deep/täglich.css"), PermissionsExt::from_mode(0o640)).unwrap();
        symlink("../../etc/passwd", root.join("out")).unwrap();
        symlink("nowhere", root.join("inner/broken")).unwrap();
        let mut tree = Tree::new();
        tree.add_folder(root, Utf8Path::new("/srv"), |path, _| path != "target").unwrap();
        assert_eq!(
            paths(&tree),
            [
                "srv",
                "srv/inner",
                "srv/inner/broken",
                "srv/inner/deep",
                "srv/inner/deep/täglich.css",
                "srv/inner/line\nbreak",
                "srv/out",
                "srv/run"
            ]
        );
        let entry = |at: &str| tree.entries().find(|(path, _)| *path == at).unwrap().1.clone();
        assert_eq!(entry("srv/run"), Entry::new(0o6750, Content::File(root.join("run"))));
        let css = entry("srv/inner/deep/täglich.css");
        assert_eq!((css.mode, css.uid, css.gid), (0o640, 0, 0));
        assert_eq!(entry("srv/out").content, Content::Link("../../etc/passwd".into()));

        let socket = root.join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let refused = Tree::new().add_folder(root, Utf8Path::new("/srv"), |_, _| true).unwrap_err();
        assert!(refused.to_string().contains("socket"), "{refused}");
        assert!(refused.to_string().contains("neither a file, a folder nor a link"), "{refused}");
    }
}
