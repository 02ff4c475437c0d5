#!/bin/sh
# dockerize-libraries FILE…: names the shared libraries that these files need, and those that these need, as the loader finds them,
# and the loader. Nothing is run for that: the files may be another processor's.
set -eu
export LC_ALL=C

kind() { readelf --file-header "$1" 2>/dev/null | sed -n -E 's/^ *(Class|Machine): *//p'; }

# Folders of other processors are among these, so each file that is found is looked at.
usual=$(
  cat /etc/ld.so.conf /etc/ld.so.conf.d/*.conf 2>/dev/null | grep '^/' || true
  printf '%s\n' "/lib/$DEB_HOST_MULTIARCH" "/usr/lib/$DEB_HOST_MULTIARCH" /lib /usr/lib
)
own=$(kind "$1")

# look NAME: `found` is where the loader finds it.
look() {
  for folder in $folders $usual; do
    found=$folder/$1
    if [ -e "$found" ] && [ "$(kind "$found")" = "$own" ]; then return 0; fi
  done
  return 1
}

said='
'
say() {
  case $said in *"
$1
"*) return 1 ;; esac
  said="$said$1
"
  echo "$1"
}

while [ $# -gt 0 ]; do
  file=$1
  shift
  facts=$(readelf --wide --dynamic --program-headers "$file")
  origin=$(dirname "$file")
  folders=$(printf '%s\n' "$facts" | sed -n -E 's/.*\((RPATH|RUNPATH)\).*\[(.*)\].*/\2/p' | tr : '\n' \
    | sed "s|\$ORIGIN|$origin|; s|\${ORIGIN}|$origin|")
  loader=$(printf '%s\n' "$facts" | sed -n 's/.*program interpreter: \(.*\)\].*/\1/p')
  if [ -n "$loader" ]; then
    # A foreign one lies where its package has it, and nothing in the root leads there.
    [ -e "$loader" ] || { mkdir -p "${loader%/*}" && ln -s "/usr$loader" "$loader"; }
    say "$loader" || true
  fi
  for name in $(printf '%s\n' "$facts" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'); do
    # Libraries name the loader as well, which the program brings.
    case $name in ld-*.so.*) continue ;; esac
    if ! look "$name"; then
      echo "dockerize-libraries: $file needs $name, which is not there" >&2
    elif say "$found"; then
      set -- "$@" "$found"
    fi
  done
done
