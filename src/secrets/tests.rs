use super::*;

/// Letters and digits as tokens have them. Whole tokens in our sources would be found by others who look for them.
fn noise(alphabet: &str, count: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    (0..count).map(|at| letters[(at * 7 + at * at * 3 + 5) % letters.len()]).collect()
}

const MIXED: &str = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0a1b2c3d4e5f6789";

/// In place of a file's path: a text of the configuration.
const TEXT: &str = "";

fn found(path: &str, text: &str) -> Vec<(String, String)> {
    let rules = Rules::read().unwrap();
    let mut stream = Stream::new(&rules, path);
    stream.feed(text.as_bytes());
    let hits = if path == TEXT { rules.text(text) } else { stream.end() };
    hits.into_iter().map(|hit| (hit.rule, String::from_utf8(hit.value).unwrap())).collect()
}

/// A text with a secret of each rule, the path of its file, and the secret.
fn one_of_each() -> Vec<(&'static str, &'static str, String, String)> {
    let mixed = |count| noise(MIXED, count);
    let key = format!("{}\n{}", mixed(64), mixed(64));
    let login = STANDARD.encode(format!("somebody:{}", mixed(12)));
    let whole = |rule: &'static str, secret: String| (rule, "/a", format!("token: {secret}\n"), secret);
    let held = |rule: &'static str, path: &'static str, before: &str, secret: String, after: &str| {
        (rule, path, format!("{before}{secret}{after}"), secret)
    };
    vec![
        whole("aws-access-key", format!("AKIA{}", noise(UPPER, 16))),
        held("aws-secret-key", "/root/.aws/credentials", "aws_secret_access_key = ", mixed(40), "\n"),
        whole("github-token", format!("ghp_{}", mixed(36))),
        whole("github-fine-grained-token", format!("github_pat_{}_{}", mixed(22), mixed(59))),
        whole("gitlab-token", format!("glpat-{}", mixed(20))),
        whole("slack-token", format!("xoxb-{}-{}-{}", 123_456_789_012_u64, 210_987_654_321_u64, mixed(24))),
        held(
            "slack-webhook",
            "/a",
            "https://hooks.slack.com/services/",
            format!("T{}/B{}/{}", noise(UPPER, 8), noise(UPPER, 8), mixed(24)),
            "\n",
        ),
        whole("npm-token", format!("npm_{}", mixed(36))),
        held("npmrc", "/root/.npmrc", "//registry.example/:_authToken=", mixed(36), "\n"),
        whole("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", mixed(100))),
        held("pypirc", "/root/.pypirc", "[pypi]\nusername = a\npassword = ", mixed(20), "\n"),
        whole("crates-io-token", format!("cio{}", mixed(32))),
        held("cargo-credentials", "/root/.cargo/credentials.toml", "[registry]\ntoken = \"", mixed(20), "\"\n"),
        held("docker-login", "/root/.docker/config.json", "{\"auths\": {\"a.example\": {\"auth\": \"", login, "\"}}}"),
        whole("docker-hub-token", format!("dckr_pat_{}", mixed(27))),
        whole("stripe-key", format!("sk_live_{}", mixed(24))),
        held("google-api-key", TEXT, "MAPS=", format!("{}{}", "AIza", mixed(35)), "\n"),
        whole("sendgrid-key", format!("SG.{}.{}", mixed(22), mixed(43))),
        whole("hugging-face-token", format!("hf_{}", mixed(34))),
        whole("vault-token", format!("hvs.{}", mixed(24))),
        held("private-key", "/a", "-----BEGIN RSA PRIVATE KEY-----\n", key, "\n-----END RSA PRIVATE KEY-----\n"),
        held("netrc", "/root/.netrc", "machine a.example\n  login b\n  password ", mixed(9), "\n"),
        held("url-password", "/a", "DATABASE = postgres://shop:", mixed(12), "@db.internal:5432/shop\n"),
        held("variable", "/app/.env", "DEBUG=1\nSHOP_API_KEY=", mixed(16), "\n"),
    ]
}

#[test]
fn each_rule_finds_its_secret() {
    let all = one_of_each();
    for (rule, path, text, secret) in &all {
        let found = found(path, text);
        let secret = secret.trim();
        let right = |(name, value): &(String, String)| name == rule && value.trim().ends_with(secret);
        assert!(found.iter().any(right), "{rule} in {text:?}: {found:?}");
    }
    let rules = Rules::read().unwrap();
    for rule in &rules.table {
        assert!(all.iter().any(|(name, ..)| *name == rule.row.name), "{} has no example", rule.row.name);
    }
}

#[test]
fn nothing_that_is_shown_has_the_secret() {
    let rules = Rules::read().unwrap();
    for (rule, path, text, secret) in one_of_each() {
        let mut stream = Stream::new(&rules, path);
        stream.feed(text.as_bytes());
        for hit in stream.end() {
            assert!(!hit.shown.contains(secret.lines().next().unwrap()), "{rule}: {}", hit.shown);
        }
    }
}

#[test]
fn a_secret_is_found_wherever_a_file_is_cut() {
    let rules = Rules::read().unwrap();
    let secret = format!("ghp_{}", noise(MIXED, 36));
    // Longer than what is held, so that what was looked at is let go of.
    let text = format!("{}\n{secret}\n{}", "x".repeat(3 * AHEAD), "y ".repeat(3 * AHEAD));
    for size in [1, 7, 100, AHEAD - 1, AHEAD, AHEAD + 1, 3 * AHEAD + 3, 3 * AHEAD + 20, text.len()] {
        let mut stream = Stream::new(&rules, "/a");
        for piece in text.as_bytes().chunks(size) {
            stream.feed(piece);
            assert!(stream.held.len() <= AHEAD + size + 1, "{} are held", stream.held.len());
        }
        let hits = stream.end();
        assert_eq!(hits.len(), 1, "in pieces of {size}");
        assert_eq!(hits[0].value, secret.as_bytes());
    }
}

#[test]
fn what_only_looks_like_a_secret_is_none() {
    let cases = [
        ("/a", format!("A{}", format_args!("AKIA{}", noise(UPPER, 16)))),
        ("/a", format!("AKIA{}", "X".repeat(16))),
        ("/a", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("/a", format!("ghp_{}", noise(MIXED, 12))),
        ("/a", "glpat-your-token-goes-right-here".to_owned()),
        ("/a", "xoxb-not-a-real-token-at-all".to_owned()),
        ("/a", "cioppinocioppinocioppinocioppinocio".to_owned()),
        ("/a", "postgres://user:password@db.internal/shop".to_owned()),
        ("/a", "postgres://user:${PASSWORD}@db.internal/shop".to_owned()),
        ("/a", "http://[::1]:8080/a@b https://a.example:443/c@d mail@a.example".to_owned()),
        ("/a", "-----BEGIN PRIVATE KEY-----".to_owned()),
        ("/a", format!("-----BEGIN CERTIFICATE-----\n{}\n", noise(MIXED, 64))),
        ("/a", "password correcthorsebattery".to_owned()),
        ("/a", r#"{"auth": "c29tZXRoaW5nIGVsc2U="}"#.to_owned()),
        ("/root/.netrc", "password password".to_owned()),
        (
            "/app/.env",
            "TOKEN=\nAPI_TOKEN=$OTHER\nDB_PASSWORD=/run/secrets/db\nNEXT_TOKEN=12345\nA_SECRET=changeme\nPWD=/a/b/c"
                .to_owned(),
        ),
        ("/app/settings", "API_TOKEN=abcdefgh".to_owned()),
    ];
    for (path, text) in cases {
        assert_eq!(found(path, &text), [], "{path}: {text}");
    }
}

#[test]
fn the_configuration_has_variables() {
    let rules = Rules::read().unwrap();
    let hits =
        rules.text("|1 NPM_TOKEN=s3cr3t-and-short VERSION=1.2 /bin/sh -c npm ci && export DB_PASSWORD=\"two words\"");
    let found: Vec<_> = hits.iter().map(|hit| (hit.shown.as_str(), hit.value.as_slice())).collect();
    assert_eq!(found, [("NPM_TOKEN=…", b"s3cr3t-and-short".as_slice()), ("DB_PASSWORD=…", b"two words".as_slice()),]);
    assert_eq!(rules.text("PATH=/usr/bin GPG_KEY=0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D MODE=release"), []);
}

#[test]
fn hashes_and_names_are_no_tokens() {
    let text = format!("sha256:{0} {0} crates/{0}/src npm_config_cache=/tmp ghs_alpha", noise(HEX, 64));
    assert_eq!(found("/a", &text), []);
}

#[test]
fn what_is_public_in_files_is_a_secret_in_texts() {
    let key = format!("key: {}{}", "AIza", noise(MIXED, 35));
    assert!(found("/srv/app.js", &key).is_empty());
    assert_eq!(found(TEXT, &key).len(), 1);
}

#[test]
fn what_is_masked_keeps_its_length() {
    let rules = Rules::known().unwrap();
    for (rule, path, text, secret) in one_of_each() {
        // By their files' names alone is known what the others are.
        if !["/a", TEXT].contains(&path) && rule != "variable" {
            continue;
        }
        let shown = rules.masked(&text, &[]);
        let lines: Vec<&str> = secret.lines().collect();
        assert!(lines.iter().all(|line| !shown.contains(line)), "{rule}: {shown}");
        assert_eq!((shown.len(), shown.lines().count()), (text.len(), text.lines().count()), "{rule}: {shown}");
    }
    // `ü` has two bytes.
    assert_eq!(rules.masked("ENV C=grün D=e\n", std::slice::from_ref(&(6..11))), "ENV C=***** D=e\n");
}

#[test]
fn every_shape_is_a_pattern() {
    for rule in &Rules::known().unwrap().table {
        assert!(rule.shape().is_some(), "{}", rule.row.name);
    }
}
