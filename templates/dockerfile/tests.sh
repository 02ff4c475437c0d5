#!/bin/sh
# Compiles the tests, runs them, and leaves what came of it as JUnit: dockerize-tests ROOT RUNNER DOC [ARGUMENT…]. A step that
# fails leaves no layer, so results go into a cache mount, under a name of the run's own; where all is well into a layer too.
set -eu
root=$1 runner=$2 doc=$3
shift 3
kept=/var/cache/dockerize-tests

cargo test --no-run --locked --profile "$CARGO_PROFILE" --message-format json-render-diagnostics "$@" \
  >"$CARGO_TARGET_DIR/.dockerize/messages"
dockerize-target prune "$root"

run=$(cat /proc/sys/kernel/random/uuid)
mkdir -p "$kept/$run"
cd "$kept"
ls -t | tail -n +9 | xargs -r rm -rf
cd - >/dev/null
results=$kept/$run
echo "dockerize-tests: $run"

# Of a pipe only the last command's status is known.
logged() {
  { code=0; "$@" 2>&1 || code=$?; echo "$code" >>"$results/codes"; } | tee -a "$results/output.log"
}

nextest=$CARGO_TARGET_DIR/nextest/dockerize/junit.xml
rm -f "$nextest"
if [ "$runner" = cargo-nextest ]; then
  # The project's own configuration is stronger than a tool's.
  cat >"$results/nextest.toml" <<'toml'
[profile.dockerize]
fail-fast = false
[profile.dockerize.junit]
path = "junit.xml"
toml
  logged cargo nextest run --locked --cargo-profile "$CARGO_PROFILE" --profile dockerize --no-tests pass \
    --tool-config-file "dockerize:$results/nextest.toml" "$@"
  rm "$results/nextest.toml"
  # What it says is in its own report.
  mv "$results/output.log" "$results/nextest.log"
  : >"$results/output.log"
  [ "$doc" = no ] || logged cargo test --doc --no-fail-fast --locked --profile "$CARGO_PROFILE" "$@"
else
  logged cargo test --no-fail-fast --locked --profile "$CARGO_PROFILE" "$@"
fi

reports=$results/output.log
[ ! -f "$nextest" ] || reports="$nextest $reports"
awk '
{% include "dockerfile/junit.awk" %}
' $reports | iconv -c -f UTF-8 -t UTF-8 >"$results/junit.xml"

code=$(sort -n "$results/codes" | tail -n 1)
rm "$results/codes"
[ "$code" = 0 ] || exit "$code"
mkdir -p /test-results
cp "$results/junit.xml" "$results"/*.log /test-results/
