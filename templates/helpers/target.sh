# shellcheck shell=sh
# Keeps the sources and cargo's target folder in a cache mount. File dates say nothing there: contents decide.
# A unit is what cargo compiles at once. Its files have the same sixteen digits in their paths, in both of cargo's layouts.
set -eu
export LC_ALL=C
target=$CARGO_TARGET_DIR state=$CARGO_TARGET_DIR/.dockerize messages=$CARGO_TARGET_DIR/.dockerize/messages
mkdir -p "$state"

units() { grep -o -E '[-/][0-9a-f]{16}\b' | cut -c 2- | sort -u; }
artifacts() { grep -o -E '"(filenames|out_dir)":("[^"]*"|\[[^]]*\])' || true; }
fingerprints() { find . \( -path '*/.fingerprint/*' -o -path '*/build/*/*/fingerprint' \) -prune "$@"; }
# The paths of the units in a file, below the current folder.
paths() { find . -path ./.dockerize -prune -o -print0 | grep -z -F -f "$1" || true; }
size() { paths "$1" | du -c -k --files0-from=- | tail -n 1 | cut -f 1; }
copy() { paths "$1" | tar -c --null --no-recursion -T - | tar -x -C "$2"; }

# restore FOLDER: adds the compiled dependencies that FOLDER has and the target folder has not.
restore() {
  cd "$target"
  # cargo does not see the libraries of the system. Units that were compiled with others are of no use.
  cat /etc/os-release /var/lib/dpkg/status 2>/dev/null | sha256sum >"$state/system.now"
  cmp -s "$state/system.now" "$state/system" || find . -mindepth 1 ! -path './.dockerize*' -delete
  mv "$state/system.now" "$state/system"
  cmp -s "$state/system" "$1/system" || return 0
  fingerprints -print | units | comm -13 - "$1/units" >"$state/missing"
  # A unit without a fingerprint is left from a build that was interrupted.
  paths "$state/missing" | xargs -0 -r rm -rf
  rm -rf "$state/incoming" && mkdir "$state/incoming"
  (cd "$1/target" && copy "$state/missing" "$state/incoming")
  # Links, so that no file is there in part.
  cp -a --link "$state/incoming/." . && rm -rf "$state/incoming"
}

# cargo judges edits of Rust sources and manifests, and all changes of documents and container files at the top. After any other
# change every source counts as new, because macros and build scripts read files of which cargo does not know.
top='[^/]*\.md|LICENSE[^/]*|\.github/.*|\.gitignore|\.dockerize/.*|dockerize\.lock|(Dockerfile|\.dockerignore|docker-bake|compose)[^/]*'
top="^\\./($top)\$"

# sync FROM TO: makes the folder TO the same as FROM.
sync() {
  sources=$2
  cd "$1"
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
  newest=$(find "$target" -printf '%T@\n' | sort -n | tail -n 1)
  [ "$(printf '%s\n' "$newest" "$now" | sort -n | tail -n 1)" = "$now" ] || now=$((${newest%.*} + 1))
  if ! grep -z -v -E "$top" "$state/moved" | grep -q . && ! grep -q -z -E '/build\.rs$' "$state/changed" &&
    ! grep -q -z -v -E "(\\.rs|/Cargo\\.(toml|lock))\$|$top" "$state/changed"; then
    (cd "$sources" && xargs -0 -r rm -f <"$state/moved")
    tar -c --null --no-recursion -T "$state/changed" 2>/dev/null | tar -x -C "$sources"
    cd "$sources"
    xargs -0 -r touch --no-create --date "@$now" <"$state/changed"
    # Macros and build scripts also read the manifest of their package.
    grep -z '/Cargo\.toml$' "$state/changed" | sed -z 's/Cargo\.toml$//' |
      xargs -0 -r -I FOLDER find FOLDER -path ./target -prune -o -name '*.rs' -exec touch --date "@$now" {} +
  else
    find "$sources" -mindepth 1 -maxdepth 1 ! -path "$target" -exec rm -rf {} +
    cp -R -P . "$sources"
    cd "$sources"
    find . -path ./target -prune -o -exec touch --no-dereference --date "@$now" {} +
    # Vendored packages have this file. They do not change under their version.
    find . -path ./target -prune -o -name .cargo-checksum.json -printf '%h\0' |
      xargs -0 -r -I PACKAGE find PACKAGE -exec touch --no-dereference --date @1 {} +
  fi
  mv "$state/contents.now" "$state/contents"
}

# cargo COMMAND [OPTION…]: runs cargo without the network. Packages that were pruned from its cache mount are downloaded first.
offline_cargo() {
  case " $* " in *' --locked '*) locked=--locked ;; *) locked= ;; esac
  fetch="cargo fetch $locked --target $CARGO_BUILD_TARGET --target $(rustc -vV | sed -n 's/^host: //p')"
  $fetch --quiet --offline 2>/dev/null || $fetch || {
    echo "dockerize-target: packages were pruned from the cache mount: docker build --no-cache-filter planner downloads them" >&2
    exit 1
  }
  cargo "$@" --offline --message-format json-render-diagnostics >"$messages"
}

# save FOLDER: copies the compiled dependencies to FOLDER.
save() {
  cd "$target"
  mkdir -p "$1/target"
  grep -v '"package_id":"path+' "$messages" | artifacts >"$state/artifacts"
  units <"$state/artifacts" >"$1/units"
  cp "$state/system" "$1/system"
  copy "$1/units" "$1/target"
  saved=$(cd "$1/target" && fingerprints -print | units | comm -12 - "$1/units" | wc -l)
  named=$(wc -l <"$state/artifacts")
  [ "$saved" = "$named" ] || echo "dockerize-target: warning: $saved of $named compiled dependencies are kept for other machines:" \
    "the layout of this target folder is not known"
  # The placeholders of cargo-chef have this version. A package of the workspace that has it must not count as compiled.
  grep -E '"package_id":"path\+[^"]*[#@]0\.0\.1"' "$messages" | artifacts | units >"$state/placeholders"
  paths "$state/placeholders" | xargs -0 -r rm -rf
}

# finish [FOLDER]: copies the programs to FOLDER, and removes what builds did not use for a week, or all that this build does not
# use where that is the larger part.
finish() {
  [ $# = 0 ] || grep -o '"executable":"[^"]*"' "$messages" | cut -d '"' -f 4 | xargs install -D -t "$1"
  cd "$target"
  # Programs and libraries of the workspace also have names without digits.
  artifacts <"$messages" | grep -o '"/[^"]*"' | xargs -r stat -c ' %i ' >"$state/inodes" 2>/dev/null || true
  find . -type f -links +1 -printf ' %i %p\n' | grep -F -f "$state/inodes" | cat - "$state/messages" | units >"$state/used"
  fingerprints -print0 | grep -z -F -f "$state/used" | xargs -0 -r touch
  fingerprints -print | units | comm -23 - "$state/used" >"$state/unused"
  used=$(size "$state/used")
  [ "$(size "$state/unused")" -gt "$used" ] || fingerprints -mtime +7 -print | units >"$state/unused"
  removed=$(size "$state/unused")
  paths "$state/unused" | xargs -0 -r rm -rf
  echo "dockerize-target: $used kB kept, $removed kB removed"
}

command=$1
shift
case $command in cargo) offline_cargo "$@" ;; *) "$command" "$@" ;; esac
