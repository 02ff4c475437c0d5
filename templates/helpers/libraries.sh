# shellcheck shell=sh
# Shared libraries of programs. Nothing is run for that: the programs may be for another processor.
#   libraries.sh closure FILE…               prints the libraries that these files load, and their loader
#   libraries.sh copy TO FOLDER [EXCEPT]     copies the files on standard input below TO, into the folder FOLDER, where they
#                                            are (same), or behind links (real); not those that EXCEPT matches
set -eu
export LC_ALL=C

kind() { readelf --file-header "$1" 2>/dev/null | grep -E '^ *(Class|Machine):'; }

# look NAME: sets `found` to the file that the loader finds. Some folders hold files for another processor.
look() {
  for folder in $own_folders $usual; do
    found=$folder/$1
    if [ -e "$found" ] && [ "$(kind "$found")" = "$kind" ]; then return 0; fi
  done
  echo "dockerize-libraries: $file needs $1, which is not installed" >&2
  return 1
}

closure() {
  multiarch=${DEB_HOST_MULTIARCH:-$(gcc -print-multiarch)}
  usual="$(grep -h '^/' /etc/ld.so.conf /etc/ld.so.conf.d/*.conf || true) /lib/$multiarch /usr/lib/$multiarch /lib /usr/lib"
  kind=$(kind "$1")
  printed=' '
  while [ $# -gt 0 ]; do
    file=$1
    shift
    facts=$(readelf --wide --dynamic --program-headers "$file")
    own_folders=$(echo "$facts" | sed -n -E 's/.*\((RPATH|RUNPATH)\).*\[(.*)\].*/\2/p' | tr : '\n' |
      sed "s|\$ORIGIN|$(dirname "$file")|; s|\${ORIGIN}|$(dirname "$file")|")
    loader=$(echo "$facts" | sed -n 's/.*program interpreter: \(.*\)\].*/\1/p')
    # The loader of another processor is where its package has it.
    [ -e "${loader:-/}" ] || { mkdir -p "${loader%/*}" && ln -s "/usr$loader" "$loader"; }
    for name in $loader $(echo "$facts" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'); do
      case $name in
      /*) found=$name ;;
      ld-*.so.*) continue ;;
      *) look "$name" || continue && set -- "$@" "$found" ;;
      esac
      case $printed in *" $found "*) ;; *) echo "$found" ;; esac
      printed="$printed$found "
    done
  done
}

copy() {
  while read -r file; do
    if [ ! -f "$file" ] || echo "${file##*/}" | grep -q -x -E "${3:-^}"; then continue; fi
    case $2 in same) folder=$(dirname "$file") ;; real) folder=$(realpath "$(dirname "$file")") ;; *) folder=$2 ;; esac
    install -p -D "$file" "$1$folder/${file##*/}"
  done
}

"$@"
