//! Which library this is.

use crate::entry::reading;
use crate::str::strowger_str;

/// The ABI that this header describes: its major times 65536, and its minor. The major is the number in
/// the name libstrowger.so.0; the minor counts what was added since.
pub const STROWGER_ABI_VERSION: u32 = 1;

/// The ABI of the library that is running.
///
/// @return its major times 65536, and its minor. A program that was built for STROWGER_ABI_VERSION works
///   with a library of the same major and the same minor or a later one.
/// @par Threads: any; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strowger_abi_version() -> u32 {
    reading(0, |_| STROWGER_ABI_VERSION)
}

/// The version of the library that is running.
///
/// @return the version, as "0.1.0". Static: never freed.
/// @par Threads: any; callbacks may call it.
/// @since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn strowger_version() -> strowger_str {
    reading(strowger_str::EMPTY, |_| strowger_str::of(env!("CARGO_PKG_VERSION")))
}
