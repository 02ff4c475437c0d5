//! Texts that nobody wrote in earnest: no rule may fall over them, and each place is one of the text.

use super::companions::{Lying, building};
use proptest::prelude::*;

use super::{ContextFolder, Input, Level, Levels, Source, judge, rows};

/// Lines that rules look at, whole and broken.
const LINES: &[&str] = &[
    "FROM rust:1.95 AS build\n",
    "FROM scratch\n",
    "FROM --platform=$X ${BASE:-alpine} AS é\n",
    "FROM gcr.io/distroless/static-debian13:debug@sha256:0\n",
    "ARG API_KEY=é\n",
    "ENV TOKEN=\"a b\" PASSWORD=$X\n",
    "RUN --mount=type=secret,id=é,target=/é cp /é /ü > /root/.netrc && cargo login é\n",
    "RUN git clone https://ü:${API_KEY}@host/é 'http://@' ://@é https://\n",
    "RUN <<é\ncat /run/secrets/default >é\né\n",
    "RUN cargo build --target $X-musl --release && echo ghp_éR9x2Lq7TzV4mN8bK1wY5cJ6dH3sF0gPaQeUi -----BEGIN PRIVATE KEY-----\n",
    "COPY --from=build /app/target/release/é /é\n",
    "COPY --from=0 .env id_rsa é.key /\n",
    "ADD https://é@host:/x /\n",
    "USER é:é\n",
    "USER ${X:-root}\n",
    "USER\n",
    "ENTRYPOINT [\"é\"]\n",
    "CMD é $\n",
    "# dockerize: allow(é) é\n",
    " \\\n",
    "\u{feff}",
    "\r\n",
];

const OTHERS: &[&str] = &[
    "services:\n  é:\n    build: .\n    privileged: true\n",
    "    user: 0\n    volumes: [/var/run/docker.sock, {source: é}, [é]]\n",
    "    environment: {API_KEY: éé12345, TOKEN: }\n",
    "    environment: [API_KEY=é1, é]\n    build: {context: ., target: é, cache_to: [type=gha]}\n",
    "    <<: *x\n",
    "x: &x\n  user: root\n",
    "target \"é\" {\n  target = \"é\"\n  inherits = [\"é\"]\n}\n",
    "target \"b\" {\n  platforms = [\"linux/amd64\", \"linux/arm64\", é]\n  cache-to = [{type = \"gha\"}]\n}\n",
    "{\"target\": {\"a\": {\"inherits\": [\"a\"], \"target\": \"x\", \"network\": \"host\"}}}",
    "}\n",
];

fn made(lines: &'static [&'static str]) -> impl Strategy<Value = String> {
    let line = prop_oneof![4 => prop::sample::select(lines).prop_map(str::to_owned), 1 => "[ -~é\n]{0,12}"];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_rule_falls(begun in any::<bool>(), text in made(LINES), other in made(OTHERS), hcl in made(OTHERS)) {
        // Without a stage the parser says no, and no rule looks.
        let text = if begun { format!("FROM rust:1.95 AS build\n{text}") } else { text };
        let mut levels = Levels::default();
        for row in rows() {
            levels.set(&row.name, Level::Warn).unwrap();
        }
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let others = [("compose.yaml", &other), ("docker-bake.hcl", &hcl), ("docker-bake.json", &hcl)];
        let lying = others.map(|(name, text)| Lying { path: format!("/r/{name}").into(), source: source(name, text) });
        let input = Input {
            ignore: Some(source(".dockerignore", &other)),
            context: Some(ContextFolder::default()),
            companions: building("/r/Dockerfile".into(), "/r".into(), &lying),
            ..Input::alone(source("Dockerfile", &text))
        };
        for finding in judge(&input, &levels, None) {
            let source = input.source(finding.found.file);
            let places = finding.found.also.iter().map(|(span, _)| span);
            let edits = finding.found.fix.iter().map(|edit| &edit.span);
            for span in places.chain(edits).chain([&finding.found.span]) {
                prop_assert!(source.text.get(span.clone()).is_some(), "{}: {span:?}", finding.rule);
            }
        }
    }
}
