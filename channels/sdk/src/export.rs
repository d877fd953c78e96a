//! The one function that a plugin's library exports.

use crate::abi::{self, strowger_channel_plugin, strowger_str};
use crate::{Plugin, raw};

/// Exports a [`Plugin`] from a `cdylib`: exactly one symbol, `strowger_channel_entry_v1`.
///
/// Put it into a package of its own beside the plugin's logic. Two libraries with the same entry can't be
/// linked into one program, so what other Rust code (tests, tools) links is the logic alone.
#[macro_export]
macro_rules! export_channel {
    ($plugin:ty) => {
        /// The plugin's descriptor: static, without side effects. Any thread may call it.
        #[unsafe(no_mangle)]
        pub extern "C" fn strowger_channel_entry_v1() -> *const $crate::abi::strowger_channel_plugin {
            static DESCRIPTOR: $crate::abi::strowger_channel_plugin = $crate::export::descriptor::<$plugin>();
            &raw const DESCRIPTOR
        }
    };
}

/// The descriptor of a plugin. Its strings are those of the trait, static.
pub const fn descriptor<P: Plugin>() -> strowger_channel_plugin {
    strowger_channel_plugin {
        magic: abi::STROWGER_CHANNEL_MAGIC,
        struct_size: raw::size_in_u32::<strowger_channel_plugin>(),
        abi_major: abi::STROWGER_CHANNEL_ABI_MAJOR,
        abi_minor: abi::STROWGER_CHANNEL_ABI_MINOR,
        needs: P::NEEDS,
        name: strowger_str::borrow(P::NAME),
        version: strowger_str::borrow(P::VERSION),
        origin: strowger_str::borrow(P::ORIGIN),
        create: Some(raw::create::<P>),
        destroy: Some(raw::destroy::<P>),
        manifest: Some(raw::manifest::<P>),
        check: Some(raw::check::<P>),
        begin: Some(raw::begin::<P>),
        resume: Some(raw::resume::<P>),
        end: Some(raw::end::<P>),
        ingest: if P::INGEST.is_some() { Some(raw::ingest::<P>) } else { None },
    }
}
