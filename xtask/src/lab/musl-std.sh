#!/usr/bin/env bash
# Runs inside the root of the rust image. Debian has no standard library for musl: this one builds it from Debian's
# sources of Rust, and lays it out as rustup's component is, so that `cargo build --target …-linux-musl` links static
# programs with nothing else installed.
set -euo pipefail

target=$(uname -m)-unknown-linux-musl
musl=/usr/lib/$(uname -m)-linux-musl
gcc=$(dirname "$(gcc -print-libgcc-file-name)")
lib=$(rustc --print sysroot)/lib/rustlib/$target/lib
work=$(mktemp -d)

# What only this script needs goes again at its end: the public image has none of it.
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -qq -o APT::Sandbox::User=root"
$apt update
$apt install --yes --no-install-recommends musl-tools rust-src

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

# A library, because there is no way yet to link a program. Bitcode, which cargo leaves out by default, is what LTO of
# programs works on.
cargo new --quiet --vcs none --lib "$work/empty" && cd "$work/empty"
RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER=$work/rustc RUSTFLAGS='-C embed-bitcode=yes' \
  cargo build --quiet --release --target "$target" \
    -Z build-std=std,panic_unwind,panic_abort,test -Z build-std-features=panic-unwind,backtrace
mkdir -p "$lib/self-contained"
rm -f "target/$target/release/deps"/libempty-*
cp "target/$target/release/deps"/*.rlib "$lib/"

# The published library is compiled with the C half of the compiler's built-ins, which Debian's sources lack, and which C
# code asks for (jemalloc counts bits). GCC's are the same functions.
ar x "$gcc/libgcc.a" _popcount_tab.o _popcountsi2.o _popcountdi2.o _paritysi2.o _paritydi2.o _ffsdi2.o _clrsbsi2.o _clrsbdi2.o _bswapsi2.o _bswapdi2.o
ar r "$(echo "$lib"/libcompiler_builtins-*.rlib)" ./_*.o
rm ./_*.o

# What rustc links a program with: musl's C library and start files, and the compiler's.
cp "$musl"/{crt1.o,Scrt1.o,rcrt1.o,crti.o,crtn.o,libc.a} "$lib/self-contained/"
cp "$gcc"/{crtbegin.o,crtbeginS.o,crtend.o,crtendS.o} "$lib/self-contained/"

# The unwinder is LLVM's, from Debian's newest package of it. That one is compiled against glibc with its checks, and so
# asks for two functions that musl lacks.
package=$(apt-cache search --names-only '^libunwind-[0-9]+-dev$' | cut -d ' ' -f 1 | sort -V | tail -n 1)
cd "$work"
$apt download "$package"
dpkg-deb --extract "$package"_*.deb unwind
cp -L "$(find unwind/usr/lib -path '*llvm*' -name libunwind.a | head -n 1)" "$lib/self-contained/libunwind.a"
cat >checks.c <<'C'
#include <stdarg.h>
#include <stdio.h>
int __vfprintf_chk(FILE *f, int flag, const char *format, va_list list) { return vfprintf(f, format, list); }
int __vsnprintf_chk(char *s, size_t n, int flag, size_t size, const char *format, va_list list) { return vsnprintf(s, n, format, list); }
C
musl-gcc -O2 -c checks.c -o checks.o
ar r "$lib/self-contained/libunwind.a" checks.o

$apt purge --yes --autoremove musl-tools musl-dev rust-src

# Proof, in the state that the image is to have: a caught panic and a built-in; then LTO with panic = "abort"; both without a loader.
cargo new --quiet --vcs none "$work/proof" && cd "$work/proof"
cat >src/main.rs <<'RS'
unsafe extern "C" {
    fn __popcountdi2(bits: i64) -> i32;
}
fn main() {
    let caught = std::panic::catch_unwind(|| panic!("to be caught"));
    assert!(caught.is_err());
    assert_eq!(unsafe { __popcountdi2(0b101) }, 2);
}
RS
cargo run --quiet --release --target "$target"
echo 'fn main() { println!("the standard library for musl works"); }' >src/main.rs
printf '[profile.release]\nlto = "fat"\ncodegen-units = 1\npanic = "abort"\n' >>Cargo.toml
cargo run --quiet --release --target "$target"
if ldd "target/$target/release/proof" 2>&1 | grep -q '=>'; then echo 'the program is not static' >&2; exit 1; fi

cd /
rm -rf "$work" /root/.cargo
$apt clean
rm -rf /var/lib/apt/lists/* /usr/share/{doc,man,locale,lintian}
