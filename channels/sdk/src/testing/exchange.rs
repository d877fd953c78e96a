//! Conversations written down: what is asked of a platform and what it answers, one text file each, for people to
//! compare with the platform's documentation and for tests to hold a plugin to.
//!
//! ```text
//! # What this is, and where the answers come from.
//!
//! --- job
//! { "kind": "publish", … }
//!
//! --- file cat.png, 1000 bytes, image/png
//!
//! --- request, marked
//! POST https://api.example.org/posts
//! authorization: Bearer EXAMPLE-TOKEN
//! content-type: application/json
//!
//! { "text": "Hello" }
//!
//! --- answer 201
//! content-type: application/json
//!
//! {"id":"1"}
//!
//! --- outcome
//! { … }
//! ```
//!
//! The job, the files and the answers are written by hand; `--- not sent` and `--- broken` stand for failures of
//! the connection. The requests, waits and the outcome are what the plugin makes of them. They are compared
//! letter by letter; with `STROWGER_RECORD=1` in the environment the files are written anew instead, to be
//! reviewed as any other change. Requests are shown with everything that they carry, so the configuration must
//! hold placeholders for credentials.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io, thread};

use serde_json::Value;

use super::{Made, Played, TestHost, answer, broken, job, not_sent, play};
use crate::{Body, Exchange, Part, Plugin, Step};

/// The ending of the files' names.
const ENDING: &str = "exchange";

/// A conversation as it is written down.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Where it stands.
    path: PathBuf,
    text: String,
    /// What it is about, up to the first part.
    about: String,
    job: String,
    files: Vec<String>,
    answers: Vec<String>,
}

/// The recordings of a folder, sorted by name.
///
/// # Panics
///
/// If there is none, or one can't be read.
pub fn recordings(folder: impl AsRef<Path>) -> Vec<Recording> {
    let folder = folder.as_ref();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no file *.{ENDING}", folder.display());
    paths.into_iter().map(Recording::read).collect()
}

/// Replays the recordings of a folder, each on a plugin of its own: tokens are kept in it, and nonces are counted.
/// Gives their names, and how they went.
///
/// # Panics
///
/// As [`recordings`] and [`Recording::replay`] do.
pub fn replayed<P: Plugin>(
    folder: impl AsRef<Path>,
    created: impl Fn() -> (P, TestHost),
) -> Vec<(String, Played)> {
    let replay = |recording: Recording| {
        let (plugin, host) = created();
        (recording.name(), recording.replay(&plugin, &host))
    };
    recordings(folder).into_iter().map(replay).collect()
}

impl Recording {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut parts = parts(&text);
        let about = parts.remove(0).1;
        let of = |kind: &str| -> Vec<String> {
            let wanted = parts.iter().filter(|(title, _)| title.split([' ', ',']).next() == Some(kind));
            wanted.map(|(title, body)| format!("--- {title}\n{body}")).collect()
        };
        let mut jobs = of("job");
        assert_eq!(jobs.len(), 1, "{}: there must be one job", path.display());
        let answers = parts
            .iter()
            .filter(|(title, _)| {
                title.starts_with("answer ") || ["not sent", "broken"].contains(&title.as_str())
            })
            .map(|(title, body)| format!("--- {title}\n{body}"))
            .collect();
        let (job, files) = (jobs.remove(0), of("file"));
        Self { path, text, about, job, files, answers }
    }

    /// The name of its file, without the ending.
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Runs the conversation and compares it with what is written, or writes it.
    ///
    /// # Panics
    ///
    /// If they differ, or the conversation asks for more answers than are written or fewer.
    pub fn replay<P: Plugin>(&self, plugin: &P, host: &TestHost) -> Played {
        for file in &self.files {
            let (name, size, content_type) = self.file(file);
            host.put_file(name, size, content_type);
        }
        let document = self.job.split_once('\n').map_or("", |(_, body)| body);
        let answers: Vec<Exchange> = self.answers.iter().map(|part| self.answer(part)).collect();
        let played = play(plugin, host, job(document), answers);
        let written = self.written(&played);
        if env::var_os("STROWGER_RECORD").is_some_and(|value| value == "1") {
            self.write(&written).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        } else {
            assert!(
                written == self.text,
                "{} differs from what the plugin does now. If that is meant, run the test with \
                 STROWGER_RECORD=1 and review the change. Now:\n{written}\nfirst difference: {}",
                self.path.display(),
                difference(&self.text, &written)
            );
        }
        played
    }

    /// Replaces the file at once: other tests may be reading it.
    fn write(&self, written: &str) -> io::Result<()> {
        let new = self.path.with_extension(format!("{:?}", thread::current().id()));
        fs::write(&new, written)?;
        fs::rename(new, &self.path)
    }

    /// The conversation as it is to be written.
    fn written(&self, played: &Played) -> String {
        let mut blocks = vec![self.about.trim_end().to_owned(), self.job.clone()];
        blocks.extend(self.files.iter().cloned());
        for (made, answer) in played.requests.iter().zip(&self.answers) {
            blocks.push(format!("--- request{}", shown(made)));
            blocks.push(answer.clone());
        }
        if !played.waits.is_empty() {
            let waits: Vec<String> = played.waits.iter().map(u64::to_string).collect();
            blocks.push(format!("--- waited, in milliseconds\n{}", waits.join(", ")));
        }
        if !played.kept.is_empty() {
            blocks.push(format!("--- kept\n{}", played.kept.join(", ")));
        }
        blocks.push(format!("--- outcome\n{}", pretty(&Step::Outcome(played.report.clone()).to_json())));
        blocks.iter().map(|block| block.trim_end()).collect::<Vec<_>>().join("\n\n") + "\n"
    }

    fn file<'a>(&self, part: &'a str) -> (&'a str, u64, Option<&'a str>) {
        let facts = part.lines().next().and_then(|line| line.strip_prefix("--- file ")).unwrap_or_default();
        let mut facts = facts.split(", ");
        let (name, size) = (facts.next().unwrap_or_default(), facts.next().unwrap_or_default());
        let size = size.strip_suffix(" bytes").and_then(|size| size.parse().ok());
        let size = size.unwrap_or_else(|| panic!("{}: `{part}` has no size", self.path.display()));
        (name, size, facts.next())
    }

    fn answer(&self, part: &str) -> Exchange {
        let (title, rest) = part.split_once('\n').unwrap_or((part, ""));
        let status = match title {
            "--- not sent" => return not_sent(),
            "--- broken" => return broken(),
            title => title.strip_prefix("--- answer ").and_then(|status| status.parse().ok()),
        };
        let status = status.unwrap_or_else(|| panic!("{}: `{title}` is no answer", self.path.display()));
        let (head, body) = match rest.strip_prefix('\n') {
            Some(body) => ("", body),
            None => rest.split_once("\n\n").unwrap_or((rest, "")),
        };
        let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
        answer(status, &headers, body.trim())
    }
}

/// The titles of a file's parts and what stands beneath each; the first one has no title.
fn parts(text: &str) -> Vec<(String, String)> {
    let mut parts = vec![(String::new(), String::new())];
    for line in text.lines() {
        match line.strip_prefix("--- ") {
            Some(title) => parts.push((title.to_owned(), String::new())),
            None => {
                if let Some((_, body)) = parts.last_mut() {
                    body.push_str(line);
                    body.push('\n');
                }
            }
        }
    }
    for (_, body) in &mut parts {
        body.truncate(body.trim_end().len());
    }
    parts
}

/// A request, from what stands in its title on.
fn shown(made: &Made) -> String {
    let request = &made.request;
    let marked = if made.marked { ", marked" } else { "" };
    let mut text = format!("{marked}\n{} {}\n", request.method, request.url);
    // Writing to a string does not fail.
    for (name, value) in &request.headers {
        let _ = writeln!(text, "{name}: {}", value.expose());
    }
    let (content_type, body) = body(&request.body);
    if let Some(content_type) = content_type {
        let _ = writeln!(text, "content-type: {content_type}\n\n{body}");
    }
    text
}

/// The media type of a body, and the body as people read it: forms decoded, files named.
fn body(body: &Body) -> (Option<&'static str>, String) {
    match body {
        Body::None => (None, String::new()),
        Body::Json(json) => (Some("application/json"), pretty(json)),
        Body::JsonWithFiles(json, files) => {
            let mut json = json.clone();
            for piece in files {
                let range = format!("{} from {}, {} bytes", piece.file, piece.offset, piece.length);
                json[&piece.member] = Value::String(format!("<base64 of {range}>"));
            }
            (Some("application/json"), pretty(&json))
        }
        Body::Form(fields) => {
            let lines: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name} = {}", value.expose().escape_default()))
                .collect();
            (Some("application/x-www-form-urlencoded"), lines.join("\n"))
        }
        Body::Multipart(parts) => {
            let lines: Vec<String> = parts.iter().map(part).collect();
            (Some("multipart/form-data"), lines.join("\n"))
        }
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Text { name, text } => format!("{name} = {}", text.expose().escape_default()),
        Part::File { name, file, offset, length, filename, content_type } => format!(
            "{name} = <{file} from {offset}, {length} bytes; filename {filename}, content-type {content_type}>"
        ),
    }
}

fn pretty(json: &Value) -> String {
    // A JSON value has no form that can't be written.
    serde_json::to_string_pretty(json).unwrap_or_default()
}

/// The first line in which two texts differ.
fn difference(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines()).enumerate();
    match lines.find(|(_, (expected, found))| expected != found) {
        Some((line, (expected, found))) => format!("line {}: `{expected}` is now `{found}`", line + 1),
        None => "one of them is longer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;
    use crate::{Host, Job, Outcome, Outgoing, Refusal, Request, Secret, StepResult, manifest};

    struct Sample;

    impl Plugin for Sample {
        const NAME: &'static str = "sample";
        const VERSION: &'static str = "1";
        type Conversation = ();

        fn create(_: Host, _: &str) -> Result<Self, ConfigError> {
            Ok(Self)
        }

        fn manifest(&self) -> manifest::Manifests {
            manifest::Manifests { channels: vec![] }
        }

        fn check(&self, _: &Outgoing<'_>) -> Result<(), Refusal> {
            Ok(())
        }

        fn begin(&self, job: Job) -> ((), Step) {
            let fields = vec![("text".to_owned(), job.message.into())];
            let request = Request::post("https://example.org/posts")
                .header("authorization", Secret::new("EXAMPLE"))
                .form(fields);
            ((), Step::marked(request))
        }

        fn resume(&self, (): &mut (), result: StepResult) -> Step {
            match result {
                StepResult::Exchange(Exchange::Response(response)) => {
                    Outcome::published(String::from_utf8_lossy(&response.body)).into()
                }
                _ => Outcome::unknown("it broke").into(),
            }
        }
    }

    const WRITTEN: &str = "# A sample.\n\n--- job\n{ \"kind\": \"publish\", \"deliveryId\": \"d\", \"channel\": \"c\", \
        \"account\": \"a\", \"message\": \"one\\ntwo\",\n  \"attempt\": { \"number\": 1, \"startedMs\": 5 } }\n\n\
        --- request, marked\nPOST https://example.org/posts\nauthorization: EXAMPLE\n\
        content-type: application/x-www-form-urlencoded\n\ntext = one\\ntwo\n\n\
        --- answer 201\nx-a: b\n\n17\n\n\
        --- outcome\n{\n  \"step\": \"outcome\",\n  \"outcome\": {\n    \"outcome\": \"published\",\n    \"id\": \"17\"\n  }\n}\n";

    fn replay(text: &str) -> Played {
        let folder = env::temp_dir().join(format!("strowger-exchange-{}-{}", std::process::id(), text.len()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("sample.exchange"), text).unwrap();
        let recordings = recordings(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(recordings[0].name(), "sample");
        recordings[0].replay(&Sample, &TestHost::at(0))
    }

    #[test]
    fn what_is_written_is_what_is_played() {
        assert_eq!(replay(WRITTEN).requests.len(), 1);
    }

    #[test]
    #[should_panic(expected = "line 12: `text = one\\nthree` is now `text = one\\ntwo`")]
    fn a_request_that_differs_in_a_letter_fails() {
        let _ = replay(&WRITTEN.replace("text = one\\ntwo", "text = one\\nthree"));
    }
}
