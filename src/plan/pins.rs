//! Images by the digests that `dockerize.lock` has for them.

use super::Plan;
use super::model::{Because, Pinned};
use crate::pins::{FILE, Lock};

/// Gives every image that a file names its digest. It comes last: names of mounts leave digests out, so that whoever edits one in the
/// Dockerfile has edited all of it; what is other in a newer image is compared at each start anyway.
pub(super) fn pin(plan: &mut Plan, lock: Option<&Lock>) {
    let mut pinning = Pinning::new(lock);
    pinning.pin(&mut plan.toolchain.image, "the toolchain");
    for image in &mut plan.images {
        pinning.pin(&mut image.base, &format!("image {}", image.name));
    }
    if let Some(syntax) = &mut plan.syntax {
        pinning.pin(syntax, "the frontend");
    }
    for database in plan.compose.databases.iter_mut().filter(|_| !plan.compose.files.is_empty()) {
        pinning.pin(&mut database.image, &format!("compose: {}", database.name));
    }
    for workflow in plan.ci.iter_mut().flat_map(|ci| &mut ci.workflows) {
        for image in workflow.images.values_mut() {
            pinning.pin(image, &format!("ci: {}", workflow.forge.name()));
        }
    }
    plan.pins = pinning.finish(&mut plan.notes);
}

/// Gives images their digests, and remembers all that were named.
struct Pinning<'a> {
    lock: Option<&'a Lock>,
    named: Vec<Pinned>,
}

impl<'a> Pinning<'a> {
    fn new(lock: Option<&'a Lock>) -> Self {
        Self { lock, named: Vec::new() }
    }

    /// The image with its digest, where it has one; `user` is who needs it.
    fn pin(&mut self, image: &mut String, user: &str) {
        if image == "scratch" {
            return;
        }
        let (name, own) = match image.split_once('@') {
            Some((name, digest)) => (name.to_owned(), Some(digest.to_owned())),
            None => (image.clone(), None),
        };
        let known = self.lock.and_then(|lock| lock.images.get(&name)).filter(|_| own.is_none());
        if let Some(pin) = known {
            *image = format!("{name}@{}", pin.digest);
        }
        if let Some(named) = self.named.iter_mut().find(|named| named.name == name) {
            if !named.users.iter().any(|known| known == user) {
                named.users.push(user.to_owned());
            }
            return;
        }
        self.named.push(Pinned {
            name,
            locked: own.is_none(),
            digest: known.map(|pin| pin.digest.clone()).or(own),
            platforms: known.map(|pin| pin.platforms.clone()).unwrap_or_default(),
            users: vec![user.to_owned()],
        });
    }

    /// All images that were named, sorted. Where some are pinned, those that are not are noted.
    fn finish(mut self, notes: &mut Vec<Because>) -> Vec<Pinned> {
        self.named.sort_by(|a, b| a.name.cmp(&b.name));
        if self.lock.is_some() {
            notes.extend(self.named.iter().filter(|image| image.digest.is_none()).map(|image| {
                let text = format!("{} is not pinned in {FILE}: `cargo dockerize pin` adds it", image.name);
                Because::new("not-pinned", text)
            }));
        }
        self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pins::Pin;

    fn lock(name: &str) -> (Lock, String) {
        let digest = format!("sha256:{}", "a".repeat(64));
        let pin = Pin { digest: digest.clone(), platforms: vec!["linux/amd64".to_owned()], single: false };
        (Lock { images: [(name.to_owned(), pin)].into() }, digest)
    }

    #[test]
    fn what_is_pinned_has_its_digest_and_what_is_not_is_noted() {
        let (lock, digest) = lock("rust:1");
        let mut pinning = Pinning::new(Some(&lock));
        let own = format!("mine:2@{digest}");
        let mut images = ["rust:1", "rust:1", "postgres:17", "scratch", &own].map(str::to_owned);
        for (at, image) in images.iter_mut().enumerate() {
            pinning.pin(image, if at == 1 { "another" } else { "somebody" });
        }
        let pinned = format!("rust:1@{digest}");
        assert_eq!(images, [&*pinned, &*pinned, "postgres:17", "scratch", &own]);
        let mut notes = Vec::new();
        let named = pinning.finish(&mut notes);
        let of = |at: usize| (named[at].name.as_str(), named[at].locked, named[at].digest.is_some());
        assert_eq!(
            [of(0), of(1), of(2)],
            [("mine:2", false, true), ("postgres:17", true, false), ("rust:1", true, true)]
        );
        assert_eq!(named[2].users, ["somebody", "another"]);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].text.starts_with("postgres:17 is not pinned"), "{notes:?}");
    }

    #[test]
    fn where_there_is_no_lock_file_nothing_is_noted() {
        let mut pinning = Pinning::new(None);
        let mut image = "rust:1".to_owned();
        pinning.pin(&mut image, "somebody");
        let mut notes = Vec::new();
        assert_eq!((image.as_str(), pinning.finish(&mut notes).len(), notes.len()), ("rust:1", 1, 0));
    }
}
