//! Places in the images that the plan promises, rendering fills and the image check looks at.

/// The certificate authorities' bundle, where OpenSSL and rustls look for it on Debian.
pub const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The init, where one is asked for.
pub const INIT: &str = "/usr/local/bin/catatonit";

/// The time zones.
pub const ZONEINFO: &str = "/usr/share/zoneinfo";

/// The working folder of every program, and where the context is in the build stages.
pub const WORKDIR: &str = "/app";
