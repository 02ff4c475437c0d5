# shellcheck shell=sh
# Runs the tests and keeps what they print: tests.sh SOURCES cargo|nextest DOC [OPTION…]
# A step that fails leaves no layer. The results are in a cache mount as well, under a name that is printed first.
set -eu
sources=$1 runner=$2 doc=$3
shift 3
sh /dockerize/target.sh restore /deps
sh /dockerize/target.sh sync /context "$sources"
# The current folder is another one now.
cd "$PWD"
sh /dockerize/target.sh cargo test --no-run --locked --profile "$CARGO_PROFILE" "$@"
sh /dockerize/target.sh finish

run=$(cat /proc/sys/kernel/random/uuid)
results=/var/cache/dockerize-tests/$run
mkdir -p "$results" /test-results
echo "dockerize-tests: $run"
find "${results%/*}" -mindepth 1 -maxdepth 1 -mtime +1 -exec rm -rf {} +

# A pipe has the status of its last command.
logged() {
  log=$1
  shift
  { "$@" 2>&1 || touch "$results/failed"; } | tee -a "$results/$log"
}
if [ "$runner" = nextest ]; then
  logged nextest.log cargo nextest run --locked --offline --cargo-profile "$CARGO_PROFILE" --profile dockerize --no-tests pass \
    --tool-config-file dockerize:/dockerize/nextest.toml "$@"
  cp "$CARGO_TARGET_DIR/nextest/dockerize/junit.xml" "$results/nextest.xml"
  set -- --doc "$@"
fi
touch "$results/output.log"
if [ "$runner" = cargo ] || [ "$doc" = doc ]; then
  logged output.log cargo test --no-fail-fast --locked --offline --profile "$CARGO_PROFILE" "$@"
fi
[ ! -f "$results/failed" ] || exit 1
cp -r "$results/." /test-results
