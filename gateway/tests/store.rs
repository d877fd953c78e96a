//! `store`: words and exit codes; what the commands do is tested where they are made.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use strowger::{API_MULTIMEDIA, Config, Engine};

fn run(arguments: &[&str], input: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger-gateway"));
    command.arg("store").args(arguments);
    if let Some(input) = input {
        command.stdin(Stdio::from(fs::File::open(input).unwrap()));
    }
    command.output().expect("the program starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn engine(path: &str) -> Engine {
    let config = format!(r#"{{"store": {{"kind": "sqlite", "path": "{path}"}}}}"#);
    Engine::open(&Config::parse(&config).unwrap()).unwrap()
}

#[test]
fn the_way_of_a_store_through_all_commands() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (store, copy, text) = (at("store.db"), at("copy.db"), at("text"));
    let owner = engine(&store);
    for id in ["agent-one", "agent-two"] {
        owner.agent(id, &[API_MULTIMEDIA]).unwrap();
    }
    let refused = run(&["check", &store], None);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("in use by process"), "{}", said(&refused));
    drop(owner);

    let sound = run(&["check", &store], None);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    assert!(said(&sound).contains("agents: 2 sound") && said(&sound).contains("the store is sound"));
    assert_eq!(run(&["export", &store, "--output", &text], None).status.code(), Some(0));
    assert_eq!(
        run(&["export", &store, "--output", &text], None).status.code(),
        Some(1),
        "no file is overwritten"
    );
    let exported = run(&["export", &store], None);
    assert_eq!(exported.stdout, fs::read(&text).unwrap());

    assert_eq!(run(&["import", &copy], Some(text.as_ref())).status.code(), Some(0));
    assert_eq!(run(&["import", &copy, &text], None).status.code(), Some(1), "it exists");
    assert_eq!(run(&["export", &copy], None).stdout, exported.stdout);
    let compacted = run(&["compact", &copy], None);
    assert_eq!(compacted.status.code(), Some(0), "{}", said(&compacted));
    assert_eq!(run(&["export", &copy], None).stdout, exported.stdout);

    // A letter of a name changes on the disk.
    let mut bytes = fs::read(&copy).unwrap();
    let place = bytes.windows(9).position(|window| window == b"agent-two").unwrap();
    bytes[place] = b'A';
    fs::write(&copy, bytes).unwrap();
    let damaged = run(&["check", &copy], None);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(
        said(&damaged).contains("damaged: ") && said(&damaged).contains("--salvage"),
        "{}",
        said(&damaged)
    );
    let refused = run(&["export", &copy], None);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("--salvage"), "{}", said(&refused));
    let salvaged = run(&["export", &copy, "--salvage"], None);
    assert_eq!(salvaged.status.code(), Some(0));
    assert!(said(&salvaged).contains("lost: "), "{}", said(&salvaged));
    assert!(String::from_utf8(salvaged.stdout).unwrap().contains("agent-one"));
}

#[test]
fn a_wrong_command_line_and_a_missing_file_have_their_own_codes() {
    assert_eq!(run(&["mend", "x"], None).status.code(), Some(2));
    assert_eq!(run(&["check"], None).status.code(), Some(2));
    let missing = run(&["check", "/nowhere/store.db"], None);
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("/nowhere/store.db"), "{}", said(&missing));
    let help = run(&["--help"], None);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(
        ["check", "export", "import", "compact", "Exit status"].iter().all(|word| help.contains(word)),
        "{help}"
    );
}
