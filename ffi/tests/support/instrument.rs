//! The conditions under which the same tests run once more: `STROWGER_INSTRUMENT` is `address`, `thread` or
//! `valgrind`. `scripts/sanitize` runs them under each.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{UNOPTIMISED, own, target};

/// Whose sanitizers' runtime fits what rustc's LLVM instruments.
const CLANG: (&str, &str) = ("clang-22", "clang++-22");
/// Sanitizers need a target of their own, or build scripts and macros would be instrumented as well.
const HOST: &str = "x86_64-unknown-linux-gnu";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// None: as users run it.
    Plain,
    /// `AddressSanitizer` with `LeakSanitizer`, and `UndefinedBehaviorSanitizer`.
    Address,
    Thread,
    Valgrind,
}

impl Instrument {
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Instrument> = OnceLock::new();
        *CHOSEN.get_or_init(|| match env::var("STROWGER_INSTRUMENT").as_deref() {
            Err(_) => Self::Plain,
            Ok("address") => Self::Address,
            Ok("thread") => Self::Thread,
            Ok("valgrind") => Self::Valgrind,
            Ok(other) => panic!("STROWGER_INSTRUMENT: `{other}` is not address, thread or valgrind"),
        })
    }

    /// The compilers for C and C++.
    pub fn compilers(self) -> (&'static str, &'static str) {
        if self.is_sanitizer() { CLANG } else { ("cc", "c++") }
    }

    /// What the compilers are told beside the usual.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Plain | Self::Valgrind => &[],
            Self::Address => {
                &["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
            }
            Self::Thread => &["-fsanitize=thread", "-fno-omit-frame-pointer"],
        }
    }

    /// Whether it is compiled in.
    pub fn is_sanitizer(self) -> bool {
        self.sanitizer().is_some()
    }

    fn sanitizer(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Valgrind => None,
            Self::Address => Some("address"),
            Self::Thread => Some("thread"),
        }
    }

    /// Has cargo build instrumented code, in a directory of its own: nothing else may be linked with what
    /// comes of it. Gives the directory that the profile's is in.
    pub fn build(self, cargo: &mut Command) -> PathBuf {
        let Some(sanitizer) = self.sanitizer() else {
            cargo.arg("--target-dir").arg(target());
            return target();
        };
        let directory = target().join(sanitizer);
        cargo.args(["--target", HOST, "--target-dir"]).arg(&directory);
        cargo.args(UNOPTIMISED);
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_INCREMENTAL", "0")
            .env("RUSTFLAGS", format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer"));
        // SQLite is C.
        cargo.env(format!("CC_{}", HOST.replace('-', "_")), CLANG.0);
        cargo.env(format!("CFLAGS_{}", HOST.replace('-', "_")), format!("-fsanitize={sanitizer}"));
        directory.join(HOST)
    }

    /// Runs a program of ours.
    pub fn command(self, program: &Path) -> Command {
        self.command_for(program, true)
    }

    /// Runs a program of ours that is right to keep memory: what a broken plugin has is never touched again.
    pub fn command_that_keeps(self, program: &Path) -> Command {
        self.command_for(program, false)
    }

    fn command_for(self, program: &Path, finds_leaks: bool) -> Command {
        let suppressions = |file: &str| own().join("tests/support").join(file).display().to_string();
        match self {
            Self::Plain => Command::new(program),
            Self::Address => {
                let mut command = Command::new(program);
                let leaks = u8::from(finds_leaks);
                let options =
                    format!("detect_leaks={leaks}:detect_stack_use_after_return=1:abort_on_error=0");
                command.env("ASAN_OPTIONS", options).env("UBSAN_OPTIONS", "print_stacktrace=1");
                command
            }
            Self::Thread => {
                // Its shadow memory has fixed places: none of ours may be put there.
                let mut command = Command::new("setarch");
                command.arg("-R").arg(program);
                command.env("TSAN_OPTIONS", format!("suppressions={}", suppressions("thread.supp")));
                command
            }
            Self::Valgrind => {
                let mut command = Command::new("valgrind");
                command.args(["--quiet", "--error-exitcode=9"]);
                if finds_leaks {
                    command.args([
                        "--leak-check=full",
                        "--show-leak-kinds=definite,indirect,possible",
                        "--errors-for-leak-kinds=definite,indirect,possible",
                    ]);
                }
                command.arg(format!("--suppressions={}", suppressions("valgrind.supp"))).arg(program);
                command
            }
        }
    }
}
