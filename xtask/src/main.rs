//! Development chores: `cargo run -p xtask -- headers`, `… -- docs`, `… -- install --prefix DIR`,
//! `… -- facts x FILE`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::install::{Installation, install};

#[derive(Parser)]
#[command(name = "xtask", about = "Development chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write the C headers in ffi/include from the Rust sources
    Headers {
        /// Write nothing; fail if a header differs from what would be written
        #[arg(long)]
        check: bool,
    },
    /// Build the reference of the C surface as a site (needs doxygen)
    Docs {
        /// The folder to write into
        #[arg(long, default_value = xtask::docs::SITE)]
        output: PathBuf,
    },
    /// Build and install the C library, its headers, the files by which builds find them, the plugins and
    /// the programs
    Install {
        /// The folder to install into, an absolute path
        #[arg(long, default_value = "/usr/local")]
        prefix: PathBuf,
        /// Stands before every path that is written, for packagers
        #[arg(long)]
        destdir: Option<PathBuf>,
        /// Install a debug build instead of a release build
        #[arg(long)]
        debug: bool,
    },
    /// Take from a platform's own document what tests hold the plugins' requests to
    Facts {
        #[command(subcommand)]
        platform: Platform,
    },
}

#[derive(Subcommand)]
enum Platform {
    /// X: the document that <https://api.x.com/2/openapi.json> answers; printed for
    /// channels/twitter/tests/exchanges/x-api.json
    X {
        /// The document
        document: PathBuf,
    },
    /// Facebook: the Graph specification; printed for channels/facebook/tests/exchanges/graph-api.json
    Graph {
        /// The folder `api_specs/specs` of the repository facebook/facebook-business-sdk-codegen
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let Arguments { chore } = Arguments::parse();
    match run(chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<(), Box<dyn Error>> {
    match chore {
        Chore::Headers { check: false } => xtask::headers::write_all()?,
        Chore::Headers { check: true } => xtask::headers::check_all()?,
        Chore::Docs { output } => {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
            println!("{}", xtask::docs::build(root, &root.join(output))?.display());
        }
        Chore::Facts { platform } => {
            let facts = match platform {
                Platform::X { document } => xtask::facts::x(&document)?,
                Platform::Graph { folder } => xtask::facts::graph(&folder)?,
            };
            println!("{}", serde_json::to_string_pretty(&facts)?);
        }
        Chore::Install { prefix, destdir, debug } => {
            for path in install(&Installation { prefix, destdir, debug })? {
                println!("{}", path.display());
            }
        }
    }
    Ok(())
}
