#!/bin/sh
# Cargo's target folder as a cache mount: right whatever a file's date says, and no larger than it must be. What cargo compiles
# at once is a unit; sixteen digits in the names of its files are its own.
set -eu
export LC_ALL=C
workspace=$PWD
state=$CARGO_TARGET_DIR/.dockerize
mkdir -p "$state"
cd "$CARGO_TARGET_DIR"

# The units in cargo's messages.
units() {
  grep -o -E '"(filenames|out_dir)":("[^"]*"|\[[^]]*\])' | grep -o -E -e '-[0-9a-f]{16}' | cut -c 2- | sort -u
}

# The files of these units, below the current folder; their size there, in kilobytes.
files() { find . -path ./.dockerize -prune -o -print0 | grep -z -F -f "$1" || true; }
size() { files "$1" | du -c -k --files0-from=- | tail -n 1 | cut -f 1; }

fingerprints() { find . -path '*/.fingerprint/*' -prune "$@"; }

# fill [FOLDER]: units that an earlier step or build left there and the mount has not.
fill() {
  cat /etc/os-release /var/lib/dpkg/status 2>/dev/null | sha256sum >"$state/system.now"
  # What was compiled beside other libraries of the system's is not for here, which cargo cannot tell.
  cmp -s "$state/system.now" "$state/system" || find . -mindepth 1 ! -path ./.dockerize ! -name system.now -delete
  mv "$state/system.now" "$state/system"
  # Whether or not the last build succeeded, these build scripts have run.
  touch "$state/messages" "$state/scripts"
  grep '"reason":"build-script-executed","package_id":"path+' "$state/messages" | units | sort -u - "$state/scripts" >"$state/scripts.now"
  mv "$state/scripts.now" "$state/scripts"
  [ $# -gt 0 ] && cmp -s "$state/system" "$1/system" || return 0
  fingerprints | sed 's/.*-//' | sort -u >"$state/present"
  comm -13 "$state/present" "$1/units" >"$state/missing"
  [ -s "$state/missing" ] || return 0
  # Remains of a unit that has no fingerprint are of a build that was broken off.
  files "$state/missing" | xargs -0 -r rm -rf
  rm -rf "$state/incoming"
  mkdir "$state/incoming"
  (cd "$1/target" && files "$state/missing" | tar --create --format posix --null --no-recursion --files-from -) \
    | tar --extract --directory "$state/incoming"
  # Should this be broken off, a file is there whole or not at all.
  cp -a --link "$state/incoming/." .
  rm -rf "$state/incoming"
}

# date ROOT [FROZEN…]: a source is as old as its contents are known to the mount; what is new is newer than everything that was
# compiled, whatever the clock says. Frozen are vendored packages, which never change under their version.
redate() {
  root=$1
  shift
  for frozen; do
    find "$frozen" -exec touch --no-dereference --date @1 {} +
    set -- "$@" -o -samefile "$frozen"
    shift
  done
  set -- "$root" \( -samefile "$CARGO_TARGET_DIR" "$@" \) -prune -o

  touch "$state/known" "$state/environment"
  newest=$({
    find . \( -path '*/.fingerprint/*/*' -o -path '*/build/*/output' \) -prune -printf '%T@\n'
    cut -d ' ' -f 1 "$state/known"
  } | sort -n | tail -n 1)
  stamp=$(date +%s.%N | awk -v newest="${newest:-0}" '{ printf "%.3f", (newest >= $1 ? newest + 0.01 : $1) }')
  # cargo-chef's placeholders have this version; a member that has it as well must not pass for compiled. Where a link leads
  # elsewhere, dates tell nothing.
  links=$state/links-$(echo "$root" | cksum | cut -d ' ' -f 1)
  find "$@" -type l -printf '%p %l\n' | sort | sha256sum >"$links.now"
  cmp -s "$links.now" "$links" || : >"$state/known"
  mv "$links.now" "$links"
  if [ -f "$workspace/Cargo.lock" ] && tr -d '\r' <"$workspace/Cargo.lock" \
    | awk 'BEGIN { RS = "" } /\nversion = "0\.0\.1"/ && !/\nsource = / { found = 1 } END { exit !found }'; then
    : >"$state/known"
  fi

  newline='
'
  {
    find "$@" -type f -print0 | xargs -0 -r sha256sum | grep -v '^\\' || true
    find "$@" -type d ! -path "*$newline*" ! -path '*\\*' -printf 'folder  %p\n'
  } >"$state/contents"
  awk -v stamp="$stamp" -v root="$root" -v any="$([ ! -f "$state/any" ] || echo 1)" -v mark="$state/any" '
    function path(line) { return substr(line, index(line, "  ") + 2) }
    function above(place) { sub(/\/[^\/]*$/, "", place); return place }
    # Sources cargo knows itself, and what else is read is for no one to know: a macro takes in a folder and says nothing of it.
    function tell(place) {
      if (place ~ /\/Cargo\.toml$/) whole[above(place)]
      else if (place !~ /(\.rs|\/Cargo\.lock)$/ && !(("folder  " place) in folders)) any = 1
    }
    FILENAME == ARGV[1] {
      known[++old] = $0
      content = substr($0, index($0, " ") + 1)
      if ($2 == "folder") folders[content]
      date[content] = $1
      was[path(content)]
      next
    }
    { contents[++new] = $0; is[path($0)]; if ($1 == "folder") folders[$0] }
    END {
      for (place in is) if (!(place in was)) { changed[above(place)]; tell(place) }
      for (i = 1; i <= old; i++) {
        place = path(known[i])
        if (place != root && index(place, root "/") != 1) print known[i]
        else if (!(place in is)) {
          folder = above(place)
          changed[folder]
          tell(place)
          # A build script that says nothing of what it reads goes by the newest file, which a removed one is not.
          while (folder != "" && !((folder "/Cargo.toml") in is)) folder = above(folder)
          changed[folder "/Cargo.toml"]
        }
      }
      for (i = 1; i <= new; i++) if (!(contents[i] in date)) tell(path(contents[i]))
      # Until a build has succeeded, also where this root is a part of its sources.
      if (any) print any >mark
      for (i = 1; i <= new; i++) {
        place = path(contents[i])
        fresh = !(contents[i] in date) || place in changed
        if (place ~ /\.rs$/) {
          for (folder = place; !fresh && folder != ""; folder = above(folder)) fresh = folder in whole
          fresh = fresh || any
        }
        print (fresh ? stamp : date[contents[i]]) " " contents[i]
      }
    }' "$state/known" "$state/contents" >"$state/known.now"
  mv "$state/known.now" "$state/known"
  cut -d ' ' -f 1 "$state/known" | sort -u | while read -r date; do
    awk -v date="$date" '$1 == date { print substr($0, index($0, "  ") + 2) }' "$state/known" \
      | xargs -r -d '\n' touch --no-create --date "@$date"
  done
  find "$@" \( -path "*$newline*" -o -path '*\\*' \) -exec touch --date "@$stamp" {} +

  # A build script need not say which variables it reads, or that it asks git. One that writes into the sources has to do so
  # again: they are as they were sent.
  {
    env | grep '^GIT_' | sort
    git -C "$root" rev-parse HEAD 2>/dev/null || true
    cat "$workspace"/.cargo/config* 2>/dev/null || true
  } | sha256sum >"$state/environment.now"
  if [ -f "$state/written" ] || ! cmp -s "$state/environment.now" "$state/environment"; then
    files "$state/scripts" | xargs -0 -r rm -rf
  fi
  mv "$state/environment.now" "$state/environment"
  cp "$state/known" "$state/written"
}

# export FOLDER: what cargo's messages name of other people's packages goes there; placeholders go away.
export_units() {
  mkdir -p "$1/target"
  grep -v '"package_id":"path+' "$state/messages" | units >"$1/units"
  cp "$state/system" "$1/system"
  files "$1/units" | tar --create --format posix --null --no-recursion --files-from - | tar --extract --directory "$1/target"
  grep -E '"package_id":"path\+[^"]*[#@]0\.0\.1"' "$state/messages" >"$state/placeholders" || return 0
  grep -o '"filenames":\[[^]]*\]' "$state/placeholders" | grep -o '"/[^"]*"' | xargs -r rm -rf
  units <"$state/placeholders" >"$state/unwanted"
  files "$state/unwanted" | xargs -0 -r rm -rf
}

# prune ROOT: after a build. Units that none has used for a week go, and all that this one does not use where they outweigh what
# it does.
prune() {
  find "$1" -samefile "$CARGO_TARGET_DIR" -prune -o -type f -cnewer "$state/written" -print | grep -q . || rm "$state/written"
  rm -f "$state/any"
  {
    units <"$state/messages"
    # The file that a program is linked into has another name for itself among the units.
    grep -o '"executable":"[^"]*"' "$state/messages" | cut -d '"' -f 4 | while read -r program; do
      find "$(dirname "$program")/deps" -samefile "$program" -printf '%f\n' | sed 's/.*-//'
    done
  } | sort -u >"$state/used"
  fingerprints -print0 | grep -z -F -f "$state/used" | xargs -0 -r touch
  fingerprints | sed 's/.*-//' | sort -u | comm -23 - "$state/used" >"$state/unused"
  used=$(size "$state/used")
  unused=$(size "$state/unused")
  if [ "$unused" -le "$used" ]; then
    fingerprints -mtime +7 -print | sed 's/.*-//' | sort -u >"$state/unused"
  fi
  removed=$(size "$state/unused")
  files "$state/unused" | xargs -0 -r rm -rf
  echo "dockerize-target: $used kB kept, $removed kB removed"
}

command=$1
shift
case $command in
fill) fill "$@" ;;
date) redate "$@" ;;
export) export_units "$@" ;;
prune) prune "$@" ;;
esac
