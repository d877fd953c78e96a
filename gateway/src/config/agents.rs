//! `[[agent]]`: who may log in.

use std::collections::BTreeSet;
use std::path::Path;

use strowger::{API_MULTIMEDIA, AgentId};

use super::section::Section;
use crate::auth::PasswordHash;

/// An agent of the file.
pub(crate) struct AgentEntry {
    pub(crate) id: String,
    pub(crate) password: PasswordHash,
    pub(crate) features: Vec<String>,
}

pub(super) fn read(root: &Section<'_>, folder: &Path) -> Vec<AgentEntry> {
    let mut seen = BTreeSet::new();
    let sections = root.sections("agent");
    if sections.is_empty() && !root.has("agent") {
        root.wrong("agent", "is missing: expected a table [[agent]] for each who may log in");
    }
    let agents = sections.iter().filter_map(|section| {
        let entry = read_agent(section, folder);
        if let Some(id) = section.text("id")
            && !seen.insert(id)
        {
            section.wrong("id", format!("is `{id:.64}`, and another agent has that id"));
        }
        section.refuse_unknown();
        entry
    });
    agents.collect()
}

fn read_agent(section: &Section<'_>, folder: &Path) -> Option<AgentEntry> {
    let id = section.required_text("id", "the agent's name").filter(|id| check_id(section, id));
    let password = read_password(section, folder);
    let features = section.texts("features").unwrap_or_else(|| vec![API_MULTIMEDIA]);
    let features = features.into_iter().map(str::to_owned).collect();
    Some(AgentEntry { id: id?.to_owned(), password: password?, features })
}

fn check_id(section: &Section<'_>, id: &str) -> bool {
    if let Err(error) = AgentId::parse(id) {
        section.wrong("id", format!("is no agent's id: {error}"));
        return false;
    }
    if id.contains(':') {
        section.wrong("id", "has a colon: nobody could log in with it");
        return false;
    }
    true
}

fn read_password(section: &Section<'_>, folder: &Path) -> Option<PasswordHash> {
    const HERE: &str = "password_hash";
    const IN_A_FILE: &str = "password_hash_file";
    let (name, text) = match (section.has(HERE), section.file(IN_A_FILE, folder)) {
        (true, Some(_)) => {
            section.wrong(IN_A_FILE, format!("stands beside `{HERE}`: expected one of them"));
            return None;
        }
        (true, None) => (HERE, section.text(HERE)?.to_owned()),
        (false, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(text) => (IN_A_FILE, text),
            Err(error) => {
                section.wrong(IN_A_FILE, format!("can't be read: {error}"));
                return None;
            }
        },
        (false, None) => {
            if !section.has(IN_A_FILE) {
                section.wrong(HERE, "is missing: expected what `strowger-gateway hash-password` prints");
            }
            return None;
        }
    };
    PasswordHash::parse(&text).map_err(|error| section.wrong(name, error.to_string())).ok()
}
