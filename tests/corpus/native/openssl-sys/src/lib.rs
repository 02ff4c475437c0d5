//! Stands for the crate of this name: the rule goes by the name, and the linker finds the same library.

unsafe extern "C" {
    fn OpenSSL_version_num() -> core::ffi::c_ulong;
}

pub fn version() -> u64 {
    // SAFETY: it takes nothing and returns a number.
    unsafe { OpenSSL_version_num() }
}
