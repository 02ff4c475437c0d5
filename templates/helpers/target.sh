# shellcheck shell=sh
# Keeps the sources and cargo's target folder in a cache mount. File dates say nothing there: contents decide.
#   target.sh restore FOLDER           adds the compiled dependencies of FOLDER to the target folder
#   target.sh sync FROM TO [FROZEN…]   makes the folder TO the same as FROM; FROZEN are vendored packages
#   target.sh fetch [OPTION…]          downloads packages again that were pruned from cargo's cache mount
#   target.sh save FOLDER              copies the compiled dependencies to FOLDER
#   target.sh programs FOLDER          copies the programs to FOLDER
#   target.sh prune                    removes what this build and the last week's builds did not use
# cargo's messages are in $CARGO_TARGET_DIR/messages. A unit is what cargo compiles at once. Its files have the same sixteen
# digits in their paths, in both layouts of the target folder.
set -eu
export LC_ALL=C
state=$CARGO_TARGET_DIR/.dockerize
messages=$CARGO_TARGET_DIR/messages
mkdir -p "$state"
touch "$messages"

units() { grep -o -E '[-/][0-9a-f]{16}\b' | cut -c 2- | sort -u; }
artifacts() { grep -o -E '"(filenames|out_dir)":("[^"]*"|\[[^]]*\])' || true; }
fingerprints() { find . \( -path '*/.fingerprint/*' -o -path '*/build/*/*/fingerprint' \) -prune "$@"; }
# The paths of the units that the file $1 lists.
paths() { find . -path ./.dockerize -prune -o -print0 | grep -z -F -f "$1" || true; }
size() { paths "$1" | du -c -k --files0-from=- | tail -n 1 | cut -f 1; }

restore() {
  # cargo does not see the libraries of the system. Units that were compiled with others are of no use.
  cat /etc/os-release /var/lib/dpkg/status 2>/dev/null | sha256sum >"$state/system.now"
  cmp -s "$state/system.now" "$state/system" || find . -mindepth 1 ! -path './.dockerize*' ! -path ./messages -delete
  mv "$state/system.now" "$state/system"
  cmp -s "$state/system" "$1/system" || return 0
  fingerprints -print | units >"$state/present"
  comm -13 "$state/present" "$1/units" >"$state/missing"
  [ -s "$state/missing" ] || return 0
  # A unit without a fingerprint is left from a build that was interrupted.
  paths "$state/missing" | xargs -0 -r rm -rf
  rm -rf "$state/incoming"
  mkdir "$state/incoming"
  (cd "$1/target" && paths "$state/missing" | tar -c --null --no-recursion -T -) | tar -x -C "$state/incoming"
  # Links, so that no file is there in part.
  cp -a --link "$state/incoming/." .
  rm -rf "$state/incoming"
}

# cargo judges edits of these, and of the documents and container files at the top.
judged='(\.rs|/Cargo\.(toml|lock))$|^\./([^/]*\.md|LICENSE[^/]*|\.github/.*|\.gitignore|\.dockerize/.*|dockerize\.lock)$'
judged="$judged|^\\./(Dockerfile|\\.dockerignore|docker-bake|compose)[^/]*\$"

# After any other change every source counts as new: macros and build scripts read files of which cargo does not know.
sync() {
  sources=$2
  cd "$1"
  shift 2
  {
    find . -type f -print0 | xargs -0 -r sha256sum -z
    find . -type d -printf 'directory  %p\0' -o -perm /100 -printf 'executable  %p\0'
    { env | grep '^GIT_' || true; find . -type l -printf '%p %l\n'; } | sort | sha256sum | tr '\n' '\0'
  } | sort -z >"$state/contents.now"
  touch "$state/contents"
  comm -z -3 "$state/contents" "$state/contents.now" | sed -z -E 's/^\t?[^ ]+  //' | sort -z -u >"$state/changed"
  sed -z -E 's/^[^ ]+  //' "$state/contents" "$state/contents.now" | sort -z | uniq -z -u >"$state/moved"
  mv "$state/contents" "$state/contents.old"

  # Later than everything that was compiled, also where the clock went back.
  now=$(date +%s.%N)
  newest=$(find "$CARGO_TARGET_DIR" -printf '%T@\n' | sort -n | tail -n 1)
  [ "$(printf '%s\n' "$newest" "$now" | sort -n | tail -n 1)" = "$now" ] || now=$((${newest%.*} + 1))

  if [ -s "$state/moved" ] || grep -q -z -v -E "$judged" "$state/changed" ||
    grep -q -z -E '/build\.rs$' "$state/changed"; then
    find "$sources" -mindepth 1 -maxdepth 1 ! -path "$CARGO_TARGET_DIR" -exec rm -rf {} +
    cp -R -P . "$sources"
    cd "$sources"
    find . -path ./target -prune -o -exec touch --no-dereference --date "@$now" {} +
    for frozen; do find "$frozen" -exec touch --no-dereference --date @1 {} +; done
  else
    xargs -0 -r cp --parents -t "$sources" <"$state/changed"
    cd "$sources"
    xargs -0 -r touch --date "@$now" <"$state/changed"
    # Macros and build scripts also read the manifest of their package.
    grep -z '/Cargo\.toml$' "$state/changed" | sed -z 's/Cargo\.toml$//' |
      xargs -0 -r -I FOLDER find FOLDER -path ./target -prune -o -name '*.rs' -exec touch --date "@$now" {} +
  fi
  mv "$state/contents.now" "$state/contents"
}

save() {
  grep -v '"package_id":"path+' "$messages" | artifacts >"$state/artifacts"
  mkdir -p "$1/target"
  units <"$state/artifacts" >"$1/units"
  cp "$state/system" "$1/system"
  paths "$1/units" | tar -c --null --no-recursion -T - | tar -x -C "$1/target"
  saved=$(cd "$1/target" && fingerprints -print | units | comm -12 - "$1/units" | wc -l)
  named=$(grep -c '"out_dir"\|"filenames"' "$state/artifacts" || true)
  [ "$saved" = "$named" ] || echo "dockerize-target: warning: $saved of $named compiled dependencies are kept for other machines: the layout of this target folder is not known"
  # The placeholders of cargo-chef have this version. A package of the workspace that has it must not count as compiled.
  grep -E '"package_id":"path\+[^"]*[#@]0\.0\.1"' "$messages" | artifacts | units >"$state/placeholders"
  paths "$state/placeholders" | xargs -0 -r rm -rf
}

prune() {
  {
    artifacts <"$messages" | units
    # Programs and libraries of the workspace have names without digits beside those with.
    artifacts <"$messages" | grep -o '"/[^"]*"' | xargs -r stat -c ' %i ' 2>/dev/null >"$state/inodes"
    find . -type f -links +1 -printf ' %i %p\n' | grep -F -f "$state/inodes" | units
  } | sort -u >"$state/used"
  fingerprints -print0 | grep -z -F -f "$state/used" | xargs -0 -r touch
  used=$(size "$state/used")
  fingerprints -print | units | comm -23 - "$state/used" >"$state/unused"
  [ "$(size "$state/unused")" -gt "$used" ] || fingerprints -mtime +7 -print | units >"$state/unused"
  removed=$(size "$state/unused")
  paths "$state/unused" | xargs -0 -r rm -rf
  echo "dockerize-target: $used kB kept, $removed kB removed"
}

command=$1
shift
case $command in
sync) sync "$@" ;;
fetch)
  set -- "$@" --target "$CARGO_BUILD_TARGET" --target "$(rustc -vV | sed -n 's/^host: //p')"
  cargo fetch --quiet --offline "$@" 2>/dev/null || cargo fetch "$@" || {
    echo "dockerize-target: packages were pruned from the cache mount: docker build --no-cache-filter planner fetches them" >&2
    exit 1
  } ;;
programs) grep -o '"executable":"[^"]*"' "$messages" | cut -d '"' -f 4 | xargs install -D -t "$1" ;;
*) cd "$CARGO_TARGET_DIR" && "$command" "$@" ;;
esac
