//! What names of images stand for now, by the registries that have them.

use crate::failure::{Failure, Kind, Result};
use crate::registry::{self, Client, Reference};

use super::lock::Pin;

/// Registries that are asked at the same time.
const WORKERS: usize = 4;

/// An image, and the digest that it is asked for by, where it is not the tag's.
pub type Asked = (String, Option<String>);

/// What each of these images is, in their order. Nothing but manifests is read.
///
/// # Errors
/// [`Kind::Engine`]: a registry does not answer, refuses, or does not have one of them; [`Kind::Usage`]: it is no name of an image.
pub fn look(client: &Client, images: &[Asked]) -> Result<Vec<Pin>> {
    registry::each(images, WORKERS, |(name, digest), _| {
        let reference: Reference = name.parse()?;
        let reference = digest.as_ref().map_or_else(|| reference.clone(), |digest| reference.at(digest));
        client.look(&reference).map_err(|failure| whose(failure, name))
    })
}

/// The digests of what these names stand for now. Registries that count pulls do not count this.
///
/// # Errors
/// As [`look`].
pub fn now(client: &Client, images: &[String]) -> Result<Vec<String>> {
    registry::each(images, WORKERS, |name, _| {
        let reference: Reference = name.parse()?;
        match client.names(&reference).map_err(|failure| whose(failure, name))? {
            Some(digest) => Ok(digest),
            // It refuses, which is told in its words, or it does not say.
            None => Ok(client.look(&reference).map_err(|failure| whose(failure, name))?.digest),
        }
    })
}

fn whose(failure: Failure, name: &str) -> Failure {
    if failure.kind() != Kind::Engine {
        return failure;
    }
    failure.help(format!(
        "an image that only an engine's store has cannot be pinned, since no other machine would find it: push {name} to a registry, and name it so in the metadata (`images`)"
    ))
}
