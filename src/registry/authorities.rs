//! Whose certificates are believed: the machine's, and those that a registry's folder or the user adds.

use std::io;
use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::tls::Certificate;

use crate::failure::{Failure, Kind, Result};

/// Where Docker looks for a registry's own authorities, besides the user's configuration.
const SYSTEM: &str = "/etc/docker";

type Certificates = Arc<Vec<Certificate<'static>>>;

/// Authorities, read when the first host is spoken to.
#[derive(Debug)]
pub(super) struct Authorities {
    named: Vec<Utf8PathBuf>,
    folders: Vec<Utf8PathBuf>,
    common: OnceLock<Certificates>,
}

impl Authorities {
    /// Files that the user names for all hosts, and Docker's configuration folder; nothing is read yet.
    pub fn new(named: Vec<Utf8PathBuf>, docker: &Utf8Path) -> Self {
        Self { named, folders: vec![SYSTEM.into(), docker.to_owned()], common: OnceLock::new() }
    }

    /// All that are believed for this host. `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the machine's, as with OpenSSL.
    ///
    /// # Errors
    /// [`Kind::Engine`]: a file that was named cannot be read, or holds no certificate.
    pub fn of(&self, host: &str) -> Result<Certificates> {
        let common = if let Some(common) = self.common.get() {
            common.clone()
        } else {
            let read = Arc::new(self.read()?);
            self.common.get_or_init(|| read).clone()
        };
        let mut own = Vec::new();
        for folder in &self.folders {
            let folder = folder.join("certs.d").join(host);
            let Ok(entries) = folder.read_dir_utf8() else { continue };
            let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path().to_owned()).collect();
            paths.retain(|path| path.extension() == Some("crt"));
            paths.sort();
            for path in paths {
                own.extend(authorities(&path)?);
            }
        }
        if own.is_empty() {
            return Ok(common);
        }
        own.extend(common.iter().cloned());
        Ok(Arc::new(own))
    }

    fn read(&self) -> Result<Vec<Certificate<'static>>> {
        let machine = rustls_native_certs::load_native_certs();
        if machine.certs.is_empty() && std::env::var_os("SSL_CERT_FILE").is_some() {
            let mut failure = Failure::new(Kind::Engine, "SSL_CERT_FILE names a file that gives no authority")
                .help("name a file of PEM certificates, or unset it to use the machine's");
            for error in machine.errors {
                failure = failure.detail(error.to_string());
            }
            return Err(failure);
        }
        let mut all: Vec<_> =
            machine.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        for path in &self.named {
            all.extend(authorities(path)?);
        }
        Ok(all)
    }
}

/// The certificates of a PEM file that somebody put there for us: one that cannot be used is told, not passed over.
fn authorities(path: &Utf8Path) -> Result<Vec<Certificate<'static>>> {
    let bad = |error: Box<dyn std::error::Error + Send + Sync>| {
        Failure::new(Kind::Engine, format!("`{path}` is not a file of authorities"))
            .caused_by(error)
            .help("it must hold PEM certificates, each between `-----BEGIN CERTIFICATE-----` and its end")
    };
    let text = fs_err::read(path).map_err(|error| bad(error.into()))?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| bad(error.to_string().into()))?;
        RootCertStore::empty().add(certificate.clone()).map_err(|error| bad(error.into()))?;
        found.push(Certificate::from_der(&certificate).to_owned());
    }
    if found.is_empty() {
        return Err(bad(io::Error::new(io::ErrorKind::InvalidData, "there is no certificate in it").into()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_registrys_own_folder_counts_for_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let docker = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir_all(docker.join("certs.d/a.example:5000")).unwrap();
        fs_err::write(docker.join("certs.d/a.example:5000/ca.crt"), authority()).unwrap();
        // Client's certificates lie there too, under another ending.
        fs_err::write(docker.join("certs.d/a.example:5000/client.cert"), "no certificate").unwrap();
        let authorities = Authorities::new(Vec::new(), docker);
        let common = authorities.of("b.example").unwrap().len();
        assert_eq!(authorities.of("a.example:5000").unwrap().len(), common + 1);
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let docker = Utf8Path::from_path(folder.path()).unwrap();
        let path = docker.join("ca.pem");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "nothing", broken] {
            fs_err::write(&path, text).unwrap();
            let failure = Authorities::new(vec![path.clone()], docker).of("a.example").unwrap_err();
            assert!(failure.to_string().contains("ca.pem"), "{failure}");
        }
        fs_err::write(&path, authority() + &authority()).unwrap();
        let two = Authorities::new(vec![path], docker).of("a.example").unwrap().len();
        let none = Authorities::new(Vec::new(), docker).of("a.example").unwrap().len();
        assert_eq!(two, none + 2);
    }
}
