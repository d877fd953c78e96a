//! `strowger.h`, from the crate `strowger-ffi`.

use std::path::Path;

use super::{HeaderError, SHARED_STR, rewrite};

/// The file comment: the conventions that every function obeys. It stands beside the functions.
const INTRO: &str = include_str!("../../../ffi/header_intro.h");

/// The files that hold what is exported, in the header's order.
const SOURCES: &[&str] = &[
    "status",
    "version",
    "str",
    "error",
    "buf",
    "host",
    "http",
    "engine",
    "agent",
    "subscription",
    "inbound",
    "delivery",
    "upkeep",
    "log",
];

/// The header's text.
pub(super) fn generate(root: &Path) -> Result<String, HeaderError> {
    let ffi = root.join("ffi");
    let failed = |problem: String| HeaderError::Generate { source_file: ffi.display().to_string(), problem };
    let config = cbindgen::Config::from_file(ffi.join("cbindgen.toml")).map_err(failed)?;
    let builder = SOURCES.iter().fold(cbindgen::Builder::new().with_config(config), |builder, name| {
        builder.with_src(ffi.join("src").join(name).with_extension("rs"))
    });
    let mut text = Vec::new();
    builder.generate().map_err(|error| failed(error.to_string()))?.write(&mut text);
    let text = String::from_utf8(text).map_err(|error| failed(error.to_string()))?;
    let text = rewrite::untag(&rewrite::unlink(&text));
    let text = rewrite::remove_struct(&text, "strowger_str")?;
    let text = rewrite::constants(&text, &["STROWGER_HTTP_", "STROWGER_LOG_", "STROWGER_ABI_", "STROWGER_"])?;
    Ok(format!(
        "{INTRO}\n#ifndef STROWGER_H\n#define STROWGER_H\n\n#include <stdbool.h>\n#include <stddef.h>\n\
         #include <stdint.h>\n\n{SHARED_STR}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{}\n\n\
         #ifdef __cplusplus\n}} /* extern \"C\" */\n#endif\n\n#endif /* STROWGER_H */\n",
        text.trim()
    ))
}
