use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;

use super::*;
use crate::oci::testing::{Scratch, scratch, tree};

const GZIP: Compression = Compression::Gzip;

fn entries(store: &Store, layer: &Layer) -> Vec<(String, Vec<u8>, Header)> {
    let file = fs_err::File::open(store.blob(layer.descriptor.digest().as_ref()).unwrap()).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        (path, link.unwrap_or(contents), entry.header().clone())
    });
    entries.collect()
}

/// A file that was written long ago, as most are.
fn old(folder: &Scratch, name: &str, text: &str) -> Utf8PathBuf {
    let path = folder.path().join(name);
    fs_err::write(&path, text).unwrap();
    // The time of the inode cannot be set: it passes.
    std::thread::sleep(Duration::from_millis(150));
    path
}

fn of_file(path: &Utf8Path) -> Tree {
    let mut tree = Tree::new();
    tree.insert("bin/program", Entry::new(0o755, Content::File(path.to_owned()))).unwrap();
    tree
}

#[test]
fn headers_say_what_the_tree_says_and_nothing_else() {
    let folder = scratch();
    let store = Store::open(folder.path()).unwrap();
    let long = format!("{}/ä{}", "folder-".repeat(20), "n".repeat(120));
    let mut tree = tree(&[("etc/passwd", "root"), (&long, "deep"), ("ünï/\u{7}bell", "")]);
    tree.insert("tmp", Entry::new(0o1777, Content::Folder).owned_by(0, 7)).unwrap();
    tree.insert("link", Entry::new(0o777, Content::Link("/usr//bin/../x".into()))).unwrap();
    tree.insert("long-link", Entry::new(0o777, Content::Link("../".repeat(60)))).unwrap();
    tree.insert("run", Entry::new(0o4755, Content::Bytes("x".into())).owned_by(65532, u32::MAX)).unwrap();
    let layer = layer(&store, &tree, &Options::new(1_700_000_000, GZIP)).unwrap();
    assert_eq!(layer.unpacked, 9);
    let entries = entries(&store, &layer);
    let find = |path: &str| &entries.iter().find(|(at, ..)| at == path).unwrap_or_else(|| panic!("{path}")).2;
    assert_eq!(entries.len(), 10);
    for (path, _, header) in &entries {
        assert_eq!(header.mtime().unwrap(), 1_700_000_000, "{path}");
        assert_eq!((header.username_bytes(), header.groupname_bytes()), (Some(&[][..]), Some(&[][..])), "{path}");
    }
    let owner = |header: &Header| (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
    assert_eq!(owner(find("tmp/")), (0o1777, 0, 7));
    assert_eq!(owner(find("run")), (0o4755, 65532, u64::from(u32::MAX)));
    assert_eq!(owner(find("etc/")), (0o755, 0, 0));
    let contents = |path: &str| &entries.iter().find(|(at, ..)| at == path).unwrap().1;
    assert_eq!(contents(&long), b"deep");
    assert_eq!(contents("long-link"), "../".repeat(60).as_bytes());
    assert_eq!(contents("link"), b"/usr/bin/../x");
    assert!(contents("ünï/\u{7}bell").is_empty());
}

#[test]
fn an_empty_tree_is_a_layer() {
    let folder = scratch();
    let store = Store::open(folder.path()).unwrap();
    for compression in [GZIP, Compression::Zstd] {
        let layer = layer(&store, &Tree::new(), &Options::new(0, compression)).unwrap();
        // Two empty blocks.
        assert_eq!(layer.diff_id, "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
    }
}

#[test]
fn the_same_is_found_again_and_anything_else_is_not() {
    let folder = scratch();
    let store = Store::open(folder.path().join("store")).unwrap();
    let path = old(&folder, "program", "one");
    let options = Options::new(5, GZIP);
    let first = layer(&store, &of_file(&path), &options).unwrap();
    assert!(!first.reused);
    let again = layer(&store, &of_file(&path), &Options { threads: NonZeroUsize::MIN, ..options }).unwrap();
    assert_eq!(again, Layer { reused: true, ..first.clone() });
    let other = |tree: &Tree, options: &Options| assert!(!layer(&store, tree, options).unwrap().reused);
    other(&of_file(&path), &Options::new(6, GZIP));
    other(&of_file(&path), &Options::new(5, Compression::Zstd));
    let mut mode = Tree::new();
    mode.insert("bin/program", Entry::new(0o700, Content::File(path.clone()))).unwrap();
    other(&mode, &options);
    // As long as it was, and its time set back: the inode's cannot be.
    let modified = fs_err::metadata(&path).unwrap().modified().unwrap();
    fs_err::write(&path, "two").unwrap();
    fs_err::File::open(&path).unwrap().into_file().set_modified(modified).unwrap();
    let changed = layer(&store, &of_file(&path), &options).unwrap();
    assert_ne!(changed.diff_id, first.diff_id);
    // The first one is still there, under its own key.
    fs_err::write(&path, "one").unwrap();
    assert_eq!(layer(&store, &of_file(&path), &options).unwrap(), again);
}

#[test]
fn a_known_file_is_not_read_and_a_fresh_one_is_read_again() {
    let folder = scratch();
    let store = Store::open(folder.path().join("store")).unwrap();
    let known = |path: &Utf8Path| {
        let mut memo = Memo::read(&store);
        memo.digest(path).unwrap();
        memo.write(&store).unwrap();
        fs_err::read_to_string(store.folder().join("memo.json")).is_ok_and(|text| text.contains(path.as_str()))
    };
    // In the future stands for just now, without a race with the clock.
    let fresh = old(&folder, "fresh", "x");
    let soon = SystemTime::now() + Duration::from_hours(1);
    fs_err::File::options().write(true).open(&fresh).unwrap().into_file().set_modified(soon).unwrap();
    assert!(!known(&fresh));
    let path = old(&folder, "old", "x");
    assert!(known(&path));
    // What is remembered is what counts: with another digest there, that one is given.
    let memo = store.folder().join("memo.json");
    let text = fs_err::read_to_string(&memo).unwrap();
    fs_err::write(&memo, text.replace(&hex(&Sha256::digest("x")), "remembered")).unwrap();
    assert_eq!(Memo::read(&store).digest(&path).unwrap(), ("remembered".to_owned(), 1));
}

#[test]
fn a_blob_that_was_damaged_is_made_anew() {
    let folder = scratch();
    let store = Store::open(folder.path()).unwrap();
    let (tree, options) = (tree(&[("a", "some text")]), Options::new(0, GZIP));
    let first = layer(&store, &tree, &options).unwrap();
    let blob = store.blob(first.descriptor.digest().as_ref()).unwrap();
    let whole = fs_err::read(&blob).unwrap();
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    for broken in [Some(&whole[..whole.len() / 2]), Some(&flipped), Some(&[][..]), None] {
        fs_err::remove_file(&blob).unwrap();
        if let Some(broken) = broken {
            fs_err::write(&blob, broken).unwrap();
        }
        assert!(!layer(&store, &tree, &options).unwrap().reused);
        assert_eq!(fs_err::read(&blob).unwrap(), whole);
    }
    // Copied, as a cache in CI does it: looked at once, and right.
    fs_err::remove_file(&blob).unwrap();
    fs_err::write(&blob, &whole).unwrap();
    assert!(layer(&store, &tree, &options).unwrap().reused);
}

#[test]
fn a_memo_that_cannot_be_read_is_as_good_as_none() {
    let folder = scratch();
    let store = Store::open(folder.path()).unwrap();
    let tree = tree(&[("a", "x")]);
    for text in ["", "{", "[]", "{\"version\":99,\"files\":{},\"layers\":{}}"] {
        fs_err::write(folder.path().join("memo.json"), text).unwrap();
        assert!(!layer(&store, &tree, &Options::new(0, GZIP)).unwrap().reused, "{text}");
        assert!(layer(&store, &tree, &Options::new(0, GZIP)).unwrap().reused, "{text}");
    }
}

#[test]
fn a_file_that_changes_meanwhile_is_said() {
    let folder = scratch();
    let store = Store::open(folder.path().join("store")).unwrap();
    let path = old(&folder, "log", "ten bytes!");
    let options = Options::new(0, GZIP);
    let (_, digests) = key(&mut Memo::default(), &of_file(&path), &options).unwrap();
    for text in ["ten bytes?", "fewer", "more than ten bytes", ""] {
        fs_err::write(&path, text).unwrap();
        let failure = write(&store, &of_file(&path), &digests, &options).unwrap_err();
        assert_eq!(failure.kind(), Kind::Workspace, "{text}");
        assert!(failure.to_string().contains("changed while"), "{failure}");
    }
    fs_err::remove_file(&path).unwrap();
    let failure = layer(&store, &of_file(&path), &options).unwrap_err();
    assert_eq!(failure.kind(), Kind::Emit);
    assert!(failure.to_string().contains("log could not be read"), "{failure}");
}
