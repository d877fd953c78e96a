//! The table of all measures as a document, and the command that makes it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::machine;
use crate::measures::Measure;
use crate::row::HEAD;

const COMMAND: &str = "cargo bench -p strowger-bench --bench measures --";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// The table, of these measures or, with no name, of all.
    Table { names: Vec<String>, writes: bool },
    /// These words, and no table.
    Words(String),
}

/// Carries out a command line: makes the table and prints it, section by section. With `--write` the document
/// goes to `path` as well. Gives the exit code: 1 if a row falls short or a measure could not be made, 2 if
/// the command line is wrong.
pub fn run(
    arguments: impl Iterator<Item = String>,
    measures: &[Measure],
    out: &mut impl Write,
    path: &Path,
) -> io::Result<u8> {
    let (names, writes) = match asked(arguments, measures) {
        Ok(Asked::Table { names, writes }) => (names, writes),
        Ok(Asked::Words(words)) => {
            writeln!(out, "{words}")?;
            return Ok(0);
        }
        Err(problem) => {
            eprintln!("measures: {problem}");
            return Ok(2);
        }
    };
    let wanted = |measure: &&Measure| names.is_empty() || names.iter().any(|name| name == measure.name);
    let mut document = String::new();
    let mut print = |part: String, out: &mut _| {
        document.push_str(&part);
        flushed(out, &part)
    };
    print(head()?, out)?;
    let (mut all, mut short) = (0, 0);
    for measure in measures.iter().filter(wanted) {
        eprintln!("{} ...", measure.name);
        let section = section(measure);
        all += section.rows;
        short += section.short;
        print(section.text, out)?;
    }
    print(verdict(all, short), out)?;
    if writes {
        fs::write(path, document)?;
    }
    Ok(u8::from(short > 0))
}

fn flushed(out: &mut impl Write, part: &str) -> io::Result<()> {
    out.write_all(part.as_bytes())?;
    out.flush()
}

struct Section {
    text: String,
    rows: usize,
    /// How many of them fall short.
    short: usize,
}

fn section(measure: &Measure) -> Section {
    let Measure { name, about, run } = measure;
    let (body, rows, short) = match run() {
        Ok(rows) => {
            let short = rows.iter().filter(|row| !row.holds()).count();
            let lines: Vec<_> = rows.iter().map(ToString::to_string).collect();
            (format!("{HEAD}{}\n", lines.join("\n")), rows.len(), short)
        }
        // The others are made all the same.
        Err(error) => (format!("**falls short**: it could not be made: {error}\n"), 1, 1),
    };
    Section { text: format!("\n## {name}\n\n{about}\n\n{body}"), rows, short }
}

fn head() -> io::Result<String> {
    let rustc = machine::rustc().map_err(io::Error::other)?;
    Ok(format!(
        "# Benchmarks\n\n\
         Made by `{COMMAND} --write` in the release profile, with {rustc}, on {}.\n\n\
         * **ours**: this engine's figure, the median of several turns.\n\
         * **beside**: what it is held against, and that one's figure, taken in turns with ours in the same run.\n\
         * **judged**: the figure that decides. A ratio is ours to the other's, the median of the pairs.\n\
         * **must be**: what the judged figure must reach; a ratio has no unit.\n\
         * The last column says whether it does.\n",
        machine::machine()
    ))
}

fn verdict(all: usize, short: usize) -> String {
    match (all, short) {
        (_, 0) => format!("\nAll {all} rows hold.\n"),
        (_, 1) => format!("\n1 of {all} rows **falls short**.\n"),
        _ => format!("\n{short} of {all} rows **fall short**.\n"),
    }
}

fn asked(arguments: impl Iterator<Item = String>, measures: &[Measure]) -> Result<Asked, String> {
    let mut arguments = arguments;
    let (mut names, mut writes, mut is_bench) = (Vec::new(), false, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => is_bench = true,
            "--write" => writes = true,
            "-h" | "--help" => return Ok(Asked::Words(help(measures))),
            "--list" => {
                let lines: Vec<_> = measures.iter().map(|it| format!("{}: benchmark", it.name)).collect();
                return Ok(Asked::Words(lines.join("\n")));
            }
            flag if ENDING.contains(&flag) => {
                return Ok(Asked::Words(format!("{flag} is for criterion's groups: no table is made")));
            }
            flag if WITH_VALUE.contains(&flag) => drop(arguments.next()),
            flag if WITHOUT_VALUE.contains(&flag) => {}
            flag if flag.split_once('=').is_some_and(|(name, _)| WITH_VALUE.contains(&name)) => {}
            flag if flag.starts_with('-') => {
                return Err(format!("there is no option {flag}: `{COMMAND} --help` tells which there are"));
            }
            _ => names.push(argument),
        }
    }
    if !is_bench {
        return Ok(Asked::Words(format!("tests measure nothing: the table is made by `{COMMAND}`")));
    }
    if let Some(name) = names.iter().find(|name| !measures.iter().any(|measure| measure.name == **name)) {
        let known: Vec<_> = measures.iter().map(|measure| measure.name).collect();
        return Err(format!(
            "there is no measure `{name}`; there are: {}. What filters criterion's groups goes to `cargo bench \
             -p strowger-bench --bench groups -- {name}`",
            known.join(", ")
        ));
    }
    if writes && !names.is_empty() {
        return Err("--write makes the whole table: name no measures".into());
    }
    Ok(Asked::Table { names, writes })
}

fn help(measures: &[Measure]) -> String {
    let lines: Vec<_> = measures.iter().map(|it| format!("  {:<12} {}", it.name, it.about)).collect();
    let lines = lines.join("\n");
    format!(
        "Makes every measure beside its floor or its peer, or those that are named, and prints the table.\n\n\
         Usage: {COMMAND} [--write] [NAME ...]\n\n\
         Options:\n  --write      Write the table of all measures to BENCHMARKS.md as well\n  \
         --list       List the measures\n  -h, --help   Print this\n\n\
         Measures:\n{lines}\n\n\
         Exits with 1 if a row falls short. Options of criterion, whose groups get the same command line when \
         no target is named, are passed over."
    )
}

/// Options with which criterion times nothing, or only for a profiler to watch.
const ENDING: [&str; 5] = ["-V", "--version", "--test", "--profile-time", "--ignored"];

/// Criterion's other options.
const WITHOUT_VALUE: [&str; 11] = [
    "-v",
    "--verbose",
    "--quiet",
    "-n",
    "--noplot",
    "--discard-baseline",
    "--exact",
    "--quick",
    "--nocapture",
    "--show-output",
    "--include-ignored",
];
const WITH_VALUE: [&str; 18] = [
    "-c",
    "--color",
    "-s",
    "--save-baseline",
    "-b",
    "--baseline",
    "--baseline-lenient",
    "--load-baseline",
    "--format",
    "--sample-size",
    "--warm-up-time",
    "--measurement-time",
    "--nresamples",
    "--noise-threshold",
    "--confidence-level",
    "--significance-level",
    "--plotting-backend",
    "--output-format",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Bound, Row};

    fn row(judged: f64) -> Row {
        Row {
            what: "work".into(),
            ours: "3 ns".into(),
            beside: "other: 2 ns".into(),
            judged,
            bound: Bound::AtMost(1.5, ""),
        }
    }

    const HOLDS: Measure =
        Measure { name: "holds", about: "What holds.", run: || Ok(vec![row(1.5), row(1.4)]) };
    const SHORT: Measure = Measure { name: "short", about: "What falls short.", run: || Ok(vec![row(1.51)]) };
    const FAILS: Measure = Measure { name: "fails", about: "What fails.", run: || Err("no disk".into()) };

    fn made(line: &str, measures: &[Measure]) -> (u8, String) {
        let mut out = Vec::new();
        let nowhere = Path::new("/nonexistent/BENCHMARKS.md");
        let arguments = line.split_whitespace().map(str::to_owned);
        let code = run(arguments, measures, &mut out, nowhere).expect("the output takes everything");
        (code, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn the_document_says_how_it_was_made_and_what_its_columns_mean() {
        let (code, text) = made("--bench", &[HOLDS]);
        assert_eq!(code, 0);
        let (head, rest) = text.split_once("\n## ").expect("a section");
        assert!(head.starts_with(
            "# Benchmarks\n\nMade by `cargo bench -p strowger-bench --bench measures -- --write`"
        ));
        for told in ["rustc ", " core", "**ours**", "**beside**", "**judged**", "**must be**"] {
            assert!(head.contains(told), "{told}: {head}");
        }
        assert_eq!(
            rest,
            "holds\n\nWhat holds.\n\n\
             | measure | ours | beside | judged | must be | |\n|---|---:|---:|---:|---:|---|\n\
             | work | 3 ns | other: 2 ns | 1.50 | ≤ 1.5 | ok |\n\
             | work | 3 ns | other: 2 ns | 1.40 | ≤ 1.5 | ok |\n\
             \nAll 2 rows hold.\n"
        );
    }

    /// Planted fault: the exit code is 0 whatever the rows say.
    #[test]
    fn a_row_that_falls_short_is_marked_and_gives_1() {
        let (code, text) = made("--bench", &[HOLDS, SHORT]);
        assert_eq!(code, 1);
        assert!(text.contains("| 1.51 | ≤ 1.5 | **falls short** |"), "{text}");
        assert!(text.ends_with("\n1 of 3 rows **falls short**.\n"), "{text}");
        assert_eq!(made("--bench holds", &[HOLDS, SHORT]).0, 0);
    }

    /// Planted fault: the first measure that can't be made ends it all.
    #[test]
    fn a_measure_that_cannot_be_made_falls_short_and_stops_no_other() {
        let (code, text) = made("--bench", &[FAILS, HOLDS]);
        assert_eq!(code, 1);
        assert!(
            text.contains("## fails\n\nWhat fails.\n\n**falls short**: it could not be made: no disk\n"),
            "{text}"
        );
        assert!(text.contains("## holds") && text.ends_with("\n1 of 3 rows **falls short**.\n"), "{text}");
    }

    /// Planted faults: an unknown name makes an empty table, or is passed over.
    #[test]
    fn an_unknown_measure_is_named() {
        let known = [HOLDS, SHORT];
        let problem = asked(["--bench", "hold"].map(str::to_owned).into_iter(), &known).unwrap_err();
        assert!(problem.starts_with("there is no measure `hold`; there are: holds, short."), "{problem}");
        assert_eq!(made("--bench hold", &known), (2, String::new()));
        assert_eq!(made("--bench --sav", &known).0, 2);
        assert_eq!(made("--bench --write holds", &known).0, 2);
    }

    #[test]
    fn criterions_options_are_passed_over_or_end_it() {
        let known = [HOLDS, SHORT];
        for line in ["--quick", "--save-baseline before", "--save-baseline=before", "-n --sample-size 10"] {
            let (code, text) = made(&format!("--bench {line} holds"), &known);
            assert!(code == 0 && text.contains("## holds") && !text.contains("## short"), "{line}: {text}");
        }
        assert_eq!(made("--bench --list", &known), (0, "holds: benchmark\nshort: benchmark\n".into()));
        for line in ["--bench --test", "--bench --profile-time 5", "", "--test"] {
            let (code, text) = made(line, &known);
            assert!(code == 0 && !text.contains("## "), "{line}: {text}");
        }
        let (code, help) = made("--bench --help", &known);
        assert!(
            code == 0 && help.contains("--write") && help.contains("short        What falls short."),
            "{help}"
        );
    }

    /// Planted fault: what is written is not what was printed.
    #[test]
    fn the_document_is_written_as_it_was_printed() {
        let directory = std::env::temp_dir().join(format!("strowger-bench-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join("BENCHMARKS.md");
        let mut out = Vec::new();
        let code = run(["--bench", "--write"].map(str::to_owned).into_iter(), &[SHORT], &mut out, &path);
        let written = fs::read(&path).expect("the document");
        fs::remove_dir_all(&directory).expect("the directory goes");
        assert_eq!(code.expect("all is written"), 1);
        assert_eq!(written, out);
    }
}
