//! `strowger_channel.h`, from the crate `strowger-channel-abi`.

use std::path::Path;

use strowger_channel_abi::STROWGER_CHANNEL_MAGIC;

use super::{HeaderError, SHARED_STR, rewrite};

/// The file comment: the manual for plugin authors. It stands beside the types that it explains.
const INTRO: &str = include_str!("../../../channels/abi/header_intro.h");

/// The header's text.
pub(super) fn generate(root: &Path) -> Result<String, HeaderError> {
    let source = root.join("channels/abi/src/lib.rs");
    let failed =
        |problem: String| HeaderError::Generate { source_file: source.display().to_string(), problem };
    let config = cbindgen::Config::from_file(root.join("channels/abi/cbindgen.toml")).map_err(failed)?;
    let mut types = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(&source)
        .generate()
        .map_err(|error| failed(error.to_string()))?
        .write(&mut types);
    let types = String::from_utf8(types).map_err(|error| failed(error.to_string()))?;
    let types = rewrite::unlink(&types);
    let types = rewrite::remove_struct(&types, "strowger_str")?;
    let types = rewrite::constants(
        &types,
        &["STROWGER_CHANNEL_ABI_", "STROWGER_CHANNEL_FEATURE_", "STROWGER_CHANNEL_LOG_", "STROWGER_CHANNEL_"],
    )?;
    // Easier to recognise in a dump than the decimal number that cbindgen writes.
    let types = types.replace(&STROWGER_CHANNEL_MAGIC.to_string(), &format!("{STROWGER_CHANNEL_MAGIC:#X}"));
    Ok(format!(
        "{INTRO}\n#ifndef STROWGER_CHANNEL_H\n#define STROWGER_CHANNEL_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n\
         {SHARED_STR}\n{EXPORT}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{OPAQUE}\n{}\n\n{ENTRY}\n\
         #ifdef __cplusplus\n}} /* extern \"C\" */\n#endif\n\n#endif /* STROWGER_CHANNEL_H */\n",
        types.trim()
    ))
}

/// Makes the entry function visible in a library that hides everything else, as it should.
const EXPORT: &str = r#"/** Put before the definition of the entry function: it is the one symbol that a plugin exports. */
#ifndef STROWGER_CHANNEL_EXPORT
#if defined(__GNUC__) || defined(__clang__)
#define STROWGER_CHANNEL_EXPORT __attribute__((visibility("default")))
#else
#define STROWGER_CHANNEL_EXPORT
#endif
#endif
"#;

/// The types whose inside is nobody's business.
const OPAQUE: &str =
    "/** Where a call of the plugin puts its document: made by the host, valid during the call only. */
typedef struct strowger_sink strowger_sink;

/** An instance of a plugin: made by `create`, the plugin's own type behind it. */
typedef struct strowger_channel strowger_channel;

/** A conversation with a platform: made by `begin`, ended by `end`. */
typedef struct strowger_conversation strowger_conversation;
";

/// The one function that a plugin defines under a given name.
const ENTRY: &str = "/**
 * The plugin's descriptor. The plugin defines this function; a host looks it up by its name.
 *
 * @return a static descriptor, the same one at every call; never NULL.
 * @par Threads: any. It has no side effects.
 * @since ABI 1.0
 */
STROWGER_CHANNEL_EXPORT const strowger_channel_plugin *strowger_channel_entry_v1(void);
";
