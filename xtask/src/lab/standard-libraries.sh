#!/usr/bin/env bash
# Runs inside the root of the rust image: standard libraries for other targets than its own, laid out as rustup's components
# are. For its own processor `cargo build --target …-linux-musl` then links static programs with nothing else installed, and
# for another one with that one's compiler. That for glibc is Debian's; for musl Debian has none, and it is built from
# Debian's sources of Rust.
#
# standard-libraries.sh MUSL:GNU:ARCHITECTURE:MUSL-FOLDER:GCC…: Rust's target with musl, that with glibc if it is wanted, Debian's
# architecture, the folder of Debian's musl, what the name of Debian's GCC begins with.
set -euo pipefail

sysroot=$(rustc --print sysroot)/lib/rustlib
own=$(dpkg --print-architecture)
version=$(dpkg-query --show --showformat '${Version}' rustc)
work=$(mktemp -d)
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -qq -o APT::Sandbox::User=root"

# What only this script needs goes again at its end: the public image has none of it.
foreign=() packages=(rust-src)
for row in "$@"; do
  IFS=: read -r target glibc architecture musl gnu <<<"$row"
  packages+=("musl-dev:$architecture")
  [ "$architecture" = "$own" ] && continue
  foreign+=("$architecture")
  packages+=("gcc-${gnu//_/-}")
  dpkg --add-architecture "$architecture"
done
$apt update
$apt install --yes --no-install-recommends "${packages[@]}"

# The standard library is compiled to unwind, except for the crate that stands for panic = "abort": compiled to unwind,
# it is refused by programs that abort. cargo knows no such exception within one build, so it is made here.
cat >"$work/rustc" <<'SH'
#!/bin/sh
previous=
for word in "$@"; do
  if [ "$previous $word" = '--crate-name panic_abort' ]; then exec "$@" -C panic=abort; fi
  previous=$word
done
exec "$@"
SH
chmod +x "$work/rustc"
cargo new --quiet --vcs none --lib "$work/empty"

# LLVM's unwinder is Debian's as well: that of its newest version.
unwinder=$(apt-cache search --names-only '^libunwind-[0-9]+-dev$' | cut -d ' ' -f 1 | sort -V | tail -n 1)

std_for_musl() {
  local target=$1 architecture=$2 musl=/usr/lib/$3 gcc=$4-gcc ar=$4-ar lib=$work/$1/lib
  local own=$lib/self-contained start
  mkdir -p "$own"

  # A library, because there is no way yet to link a program. Bitcode, which cargo leaves out by default, is what LTO of
  # programs works on.
  cd "$work/empty"
  RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER=$work/rustc RUSTFLAGS='-C embed-bitcode=yes' \
    cargo build --quiet --release --target "$target" \
      -Z build-std=std,panic_unwind,panic_abort,test -Z build-std-features=panic-unwind,backtrace
  rm -f "target/$target/release/deps"/libempty-*
  cp "target/$target/release/deps"/*.rlib "$lib/"

  # The published library is compiled with the C half of the compiler's built-ins, which Debian's sources lack, and which C
  # code asks for (jemalloc counts bits). GCC's are the same functions.
  start=$(dirname "$($gcc -print-libgcc-file-name)")
  mkdir "$work/$target/objects" && cd "$work/$target/objects"
  $ar t "$start/libgcc.a" \
    | grep -x -E '_popcount_tab\.o|_(popcount|parity|clrsb|bswap)[sd]i2\.o|_ffsdi2\.o' \
    | xargs $ar x "$start/libgcc.a"
  $ar r "$(echo "$lib"/libcompiler_builtins-*.rlib)" ./*.o

  # What rustc links a program with: musl's C library and start files, and the compiler's.
  cp "$musl"/{crt1.o,Scrt1.o,rcrt1.o,crti.o,crtn.o,libc.a} "$own/"
  cp "$start"/{crtbegin.o,crtbeginS.o,crtend.o,crtendS.o} "$own/"

  # The unwinder is compiled against glibc with its checks, and so asks for two functions that musl lacks.
  cd "$work/$target"
  $apt download "$unwinder:$architecture"
  dpkg-deb --extract "$unwinder"_*.deb unwind
  cp -L "$(find unwind/usr/lib -path '*llvm*' -name libunwind.a | head -n 1)" "$own/libunwind.a"
  cat >checks.c <<'C'
#include <stdarg.h>
#include <stdio.h>
int __vfprintf_chk(FILE *f, int flag, const char *format, va_list list) { return vfprintf(f, format, list); }
int __vsnprintf_chk(char *s, size_t n, int flag, size_t size, const char *format, va_list list) { return vsnprintf(s, n, format, list); }
C
  $gcc -O2 -specs "$musl/musl-gcc.specs" -c checks.c -o checks.o
  $ar r "$own/libunwind.a" checks.o
  rm -rf "$sysroot/$target"
  mkdir "$sysroot/$target"
  mv "$lib" "$sysroot/$target/"
}

for row in "$@"; do
  IFS=: read -r target glibc architecture musl gnu <<<"$row"
  std_for_musl "$target" "$architecture" "$musl" "$gnu"
  if [ -z "$glibc" ] || [ "$architecture" = "$own" ]; then continue; fi
  cd "$work"
  # Unpacked, because it asks for a compiler that runs there.
  $apt download "libstd-rust-dev:$architecture=$version"
  dpkg-deb --extract libstd-rust-dev_*_"$architecture".deb /
done

# Proof: a caught panic and a built-in; then LTO with panic = "abort"; both without a loader.
cargo new --quiet --vcs none "$work/proof"
cat >"$work/caught.rs" <<'RS'
unsafe extern "C" {
    fn __popcountdi2(bits: i64) -> i32;
}
fn main() {
    let caught = std::panic::catch_unwind(|| panic!("to be caught"));
    assert!(caught.is_err());
    assert_eq!(unsafe { __popcountdi2(0b101) }, 2);
}
RS
echo 'fn main() { println!("the standard library for musl works"); }' >"$work/plain.rs"
# As not every target does by itself.
export RUSTFLAGS='-C target-feature=+crt-static'
prove() {
  local target=$1 gnu=$2
  cd "$work/proof"
  for source in caught plain; do
    cp "$work/$source.rs" src/main.rs
    if [ "$source" = plain ]; then set -- "$1" "$2" --config profile.release.lto=true --config 'profile.release.panic="abort"'; fi
    cargo build --quiet --release --target "$target" --config "target.$target.linker='$gnu-gcc'" "${@:3}"
    if readelf --dynamic "target/$target/release/proof" | grep -q NEEDED; then
      echo "the program for $target is not static" >&2
      exit 1
    fi
    case $target in "$(uname -m)"-*) "target/$target/release/proof" ;; esac
  done
}
for row in "$@"; do
  IFS=: read -r target glibc architecture musl gnu <<<"$row"
  prove "$target" "$gnu"
done
$apt purge --yes --autoremove "${packages[@]}"
for architecture in "${foreign[@]}"; do dpkg --remove-architecture "$architecture"; done
# Once more in the state that the image is to have.
prove "$(uname -m)-unknown-linux-musl" "$(uname -m)-linux-gnu"

cd /
rm -rf "$work" /root/.cargo
$apt clean
rm -rf /var/lib/apt/lists/* /usr/share/{doc,man,locale,lintian}
