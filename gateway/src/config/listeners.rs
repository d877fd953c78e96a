//! `[[listener]]`: where the gateway listens, and with which certificate.

use std::net::SocketAddr;
use std::path::Path;

use super::section::Section;
use crate::http::endpoints::Part;
use crate::http::{Scheme, tls_config};

/// A listener of the file.
pub(crate) struct ListenerEntry {
    pub(crate) address: SocketAddr,
    pub(crate) scheme: Scheme,
    pub(crate) part: Part,
}

pub(super) fn read(root: &Section<'_>, folder: &Path) -> Vec<ListenerEntry> {
    let sections = root.sections("listener");
    if sections.is_empty() && !root.has("listener") {
        root.wrong("listener", "is missing: expected a table [[listener]] for each address");
    }
    let mut listeners: Vec<ListenerEntry> = Vec::new();
    for section in &sections {
        let listener = read_listener(section, folder);
        section.refuse_unknown();
        let Some(listener) = listener else { continue };
        // Port 0 is another one each time.
        if listener.address.port() != 0 && listeners.iter().any(|other| other.address == listener.address) {
            section.wrong("address", "is that of another listener");
        }
        listeners.push(listener);
    }
    if !sections.is_empty()
        && listeners.len() == sections.len()
        && !listeners.iter().any(|listener| listener.part == Part::Public)
    {
        root.wrong("listener", "serves the operator alone: expected one that serves agents");
    }
    listeners
}

fn read_listener(section: &Section<'_>, folder: &Path) -> Option<ListenerEntry> {
    let address =
        section.required_text("address", "an address and a port, as `127.0.0.1:8080`").and_then(|text| {
            let address = text.parse();
            if address.is_err() {
                let expected = "expected an address and a port, as `127.0.0.1:8080` or `[::1]:8080`";
                section.wrong("address", format!("is `{text:.64}`: {expected}"));
            }
            address.ok()
        });
    let part = section.one_of("serves", &[("agents", Part::Public), ("operator", Part::Operator)]);
    let scheme = match (section.file("certificate", folder), section.file("key", folder)) {
        (None, None) => Some(Scheme::Plain),
        (Some(certificate), Some(key)) => tls_config(&certificate, &key)
            .map(Scheme::Tls)
            .map_err(|error| section.wrong("certificate", format!("can't be used: {error}")))
            .ok(),
        (Some(_), None) => {
            section.wrong("key", "is missing: the certificate needs it");
            None
        }
        (None, Some(_)) => {
            section.wrong("certificate", "is missing: the key needs it");
            None
        }
    };
    Some(ListenerEntry { address: address?, scheme: scheme?, part: part.unwrap_or(Part::Public) })
}
