//! `[engine]`: the engine's own configuration, as its JSON form has it.

use std::path::Path;

use serde_json::Value;
use strowger::{Config, ConfigError};
use toml::de::DeValue;

use super::section::{Section, steps, to_json};

/// The engine finds one mistake at a time: what is wrong is taken out, and it is asked again.
const MOST_MISTAKES: usize = 100;

pub(super) fn read(root: &Section<'_>, folder: &Path) -> Config {
    let Some(section) = root.section("engine") else { return Config::default() };
    let Some(value) = root.value("engine") else { return Config::default() };
    for (name, instead) in [
        ("channels", "channels are tables headed [[channel]]"),
        ("manifests", "the gateway delivers through plugins"),
        ("plugins", "the tables [secrets] and [[channel]] say what plugins may use"),
    ] {
        if section.has(name) {
            section.wrong(name, format!("is not known here: {instead}"));
        }
    }
    let mut json = match to_json(value.get_ref(), "engine") {
        Ok(json) => json,
        Err(problem) => {
            section.wrong_itself(format!("can't be read: {problem}"));
            return Config::default();
        }
    };
    if let Some(members) = json.as_object_mut() {
        members.shift_remove("channels");
        members.shift_remove("manifests");
        members.shift_remove("plugins");
    }
    place_store(&section, &mut json, folder);
    let mut removed: Vec<String> = Vec::new();
    for _ in 0..MOST_MISTAKES {
        match Config::parse(&json.to_string()) {
            Ok(config) => return config,
            Err(ConfigError::Member { path, problem }) => {
                // What is missing only since it was taken out is no mistake of the file's.
                if !removed.iter().any(|removed| removed.starts_with(&format!("{path}."))) {
                    let member = if path == "." { "engine".into() } else { format!("engine.{path}") };
                    section.wrong_at(
                        section.place_of(&path),
                        member,
                        format!("is wrong: {}", plain(&problem)),
                    );
                }
                removed.push(path.clone());
                if !remove(&mut json, &path) {
                    break;
                }
            }
            Err(error @ ConfigError::Json(_)) => {
                section.wrong_itself(error.to_string());
                break;
            }
        }
    }
    Config::default()
}

/// The store's file is taken from the configuration's folder, which must be there.
fn place_store(section: &Section<'_>, json: &mut Value, folder: &Path) {
    let Some(Value::String(path)) = json.pointer_mut("/store/path") else { return };
    let file = folder.join(&*path);
    if !file.parent().is_some_and(Path::is_dir) {
        let place = section.place_of("store.path");
        section.wrong_at(place, "engine.store.path".into(), "is in a folder that does not exist");
    }
    if let Some(file) = file.to_str() {
        file.clone_into(path);
    }
}

/// The problem without the place in the JSON form, which nobody wrote.
fn plain(problem: &str) -> &str {
    problem.rsplit_once(" at line ").map_or(problem, |(problem, _)| problem)
}

/// Takes what a path leads to out of the document.
fn remove(json: &mut Value, path: &str) -> bool {
    let steps: Vec<_> = steps(path).collect();
    let Some((last, way)) = steps.split_last() else { return false };
    let mut place = json;
    for step in way {
        let next = match place {
            Value::Object(members) => members.get_mut(*step),
            Value::Array(items) => step.parse().ok().and_then(|index: usize| items.get_mut(index)),
            _ => None,
        };
        let Some(next) = next else { return false };
        place = next;
    }
    match place {
        Value::Object(members) => members.shift_remove(*last).is_some(),
        // The others keep their places, so that their mistakes are told where they stand.
        Value::Array(items) => {
            let item = last.parse().ok().and_then(|index: usize| items.get_mut(index));
            item.is_some_and(|item| std::mem::replace(item, "/queues/removed".into()) != "/queues/removed")
        }
        _ => false,
    }
}

/// The JSON of a member, for other parts of the file.
pub(super) fn member_json(section: &Section<'_>, name: &str) -> Option<Value> {
    let value: &DeValue<'_> = section.value(name)?.get_ref();
    to_json(value, &section.path(name))
        .map_err(|problem| section.wrong(name, format!("can't be read: {problem}")))
        .ok()
}
