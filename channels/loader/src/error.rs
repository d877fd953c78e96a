//! Why a plugin was not loaded.

use std::io;
use std::path::PathBuf;

use strowger::channel::ManifestError;

/// Why a plugin was not loaded: what was expected, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The plugin was given neither by an absolute path nor by a bare file name.
    #[error(
        "`{}` is neither an absolute path nor a plain file name: give the absolute path, or the name of a file in the plugin directory",
        path.display()
    )]
    Relative {
        /// What was given.
        path: PathBuf,
    },
    /// A bare file name was given, but the host named no directory.
    #[error("`{name}` is a file name, but no plugin directory is set: set one, or give the absolute path")]
    NoDirectory {
        /// What was given.
        name: String,
    },
    /// The plugin directory is not an absolute path.
    #[error("the plugin directory `{}` is not an absolute path: give it from the root", path.display())]
    RelativeDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no file `{}`: build or install the plugin, or correct the path", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The path's last part is a symbolic link.
    #[error("`{}` is a symbolic link: name the file that it leads to", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The file could not be opened or examined.
    #[error("`{}` could not be opened: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The path names something else than a file.
    #[error("`{}` is {found}, not a regular file: name the plugin's shared library", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it is, as `a directory`.
        found: &'static str,
    },
    /// Somebody else owns the file, and could change it.
    #[error(
        "`{}` belongs to user {owner}; a plugin must belong to root or to user {process}, who runs this process: chown it",
        path.display()
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// The owner's user id.
        owner: u32,
        /// The process's effective user id.
        process: u32,
    },
    /// Everybody may write to the file.
    #[error("`{}` (mode {mode:04o}) can be written by everybody: chmod o-w it", path.display())]
    WorldWritable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A group that is not the process's own may write to the file.
    #[error(
        "`{}` (mode {mode:04o}) can be written by group {group}, and this process runs as group {process}: chmod g-w it",
        path.display()
    )]
    GroupWritable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The file's group id.
        group: u32,
        /// The process's effective group id.
        process: u32,
    },
    /// The dynamic loader did not accept the file.
    #[error("`{}` is not a library that can be loaded here: {message}", path.display())]
    NotLoadable {
        /// The file.
        path: PathBuf,
        /// The dynamic loader's words.
        message: String,
    },
    /// The library is not a channel plugin.
    #[error(
        "`{library}` does not export `{symbol}`, so it is no channel plugin of ABI 1: export it, or name another file"
    )]
    NoSymbol {
        /// The library.
        library: String,
        /// The symbol that was looked for.
        symbol: &'static str,
    },
    /// The entry function returned NULL or a misaligned address.
    #[error(
        "the entry function of `{library}` returned no descriptor (address {address:#x}): return a static one"
    )]
    NoDescriptor {
        /// The library.
        library: String,
        /// What it returned.
        address: usize,
    },
    /// The descriptor does not begin with the magic number.
    #[error(
        "the descriptor of `{library}` begins with {found:#018x} instead of {expected:#018x}: it was not built for this ABI"
    )]
    Magic {
        /// The library.
        library: String,
        /// [`STROWGER_CHANNEL_MAGIC`](strowger_channel_abi::STROWGER_CHANNEL_MAGIC).
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// The plugin was built for another major version.
    #[error("`{library}` was built for channel ABI {found}, this host speaks {expected}: rebuild the plugin")]
    Major {
        /// The library.
        library: String,
        /// The host's major version.
        expected: u16,
        /// The plugin's major version.
        found: u16,
    },
    /// The descriptor ends before the members that every plugin has.
    #[error(
        "the descriptor of `{library}` says it is {found} bytes long; the mandatory members take {expected}: set struct_size to sizeof(strowger_channel_plugin)"
    )]
    Short {
        /// The library.
        library: String,
        /// The size up to the last mandatory member, in bytes.
        expected: usize,
        /// The plugin's `struct_size`.
        found: u32,
    },
    /// A mandatory function is NULL.
    #[error("the descriptor of `{library}` has no function `{function}`, which is mandatory: define it")]
    MissingFunction {
        /// The library.
        library: String,
        /// The member that is NULL.
        function: &'static str,
    },
    /// The plugin needs something that this host does not offer.
    #[error("`{library}` needs {}, which this host does not offer", missing.join(", "))]
    Features {
        /// The library.
        library: String,
        /// The features that are missing, by name; a bit without a name as a number.
        missing: Vec<String>,
    },
    /// A string of the descriptor is not what it must be.
    #[error("`{member}` in the descriptor of `{library}` {problem}")]
    Text {
        /// The library.
        library: String,
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It is another plugin than the host expected.
    #[error("`{library}` holds the plugin `{found}`, but `{expected}` was expected: correct the path")]
    Name {
        /// The library.
        library: String,
        /// The name that the host expected.
        expected: String,
        /// The plugin's name.
        found: String,
    },
    /// The configuration is not a JSON object.
    #[error("the configuration of `{plugin}` is not a JSON object: {problem}")]
    Config {
        /// The plugin.
        plugin: String,
        /// What is wrong, without any of its values.
        problem: String,
    },
    /// A secret that the configuration refers to could not be had.
    #[error("the configuration of `{plugin}`: `{member}`: {source}")]
    Secret {
        /// The plugin.
        plugin: String,
        /// The member's path, as `accounts[0].auth.token`.
        member: String,
        /// Why.
        source: SecretError,
    },
    /// A base address can't be used.
    #[error("the base address in `{member}` of `{plugin}` {problem}")]
    Base {
        /// The plugin.
        plugin: String,
        /// The member's path, as `accounts[0].transport.base_url`; of a manifest `bases[0]`.
        member: String,
        /// What is wrong, and what would be right.
        problem: &'static str,
    },
    /// Something that the host's options name can't be used.
    #[error("the option `{option}`: {problem}")]
    Option {
        /// The member of [`Options`](crate::Options), or of the engine's configuration that they were made of.
        option: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The plugin did not accept its configuration.
    #[error("the plugin `{plugin}` does not accept its configuration: {message}")]
    Refused {
        /// The plugin.
        plugin: String,
        /// The plugin's words.
        message: String,
    },
    /// The plugin failed while it was being set up.
    #[error("the plugin `{plugin}` failed: {message}")]
    Failed {
        /// The plugin.
        plugin: String,
        /// What happened.
        message: String,
    },
    /// The plugin's manifest is not what it must be.
    #[error("the plugin `{plugin}`: {source}")]
    Manifest {
        /// The plugin.
        plugin: String,
        /// What is wrong with it.
        source: ManifestError,
    },
}

/// Why a secret that a configuration refers to could not be had. Never shows a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment has no such variable.
    #[error("the environment variable `{name}` is not set: set it for this process")]
    NotSet {
        /// The variable.
        name: String,
    },
    /// The variable or file is not text.
    #[error("{place} is not UTF-8 text")]
    NotText {
        /// The variable or the file.
        place: String,
    },
    /// The file could not be read.
    #[error("the file `{path}` could not be read: {source}")]
    File {
        /// The file.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is larger than a secret can be.
    #[error("the file `{path}` is larger than {limit} bytes: is it the right one?")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
}
