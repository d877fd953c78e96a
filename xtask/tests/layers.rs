//! The arrows between the packages: which may depend on which. A wrong one fails here by name.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each package, and the packages of this workspace that it may depend on (tests aside).
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("strowger", &[]),
    ("strowger-channel-abi", &[]),
    ("strowger-channel-line", &[]),
    ("strowger-channel", &["strowger-channel-abi", "strowger-channel-line"]),
    ("strowger-oneall", &["strowger-channel"]),
    ("strowger-oneall-plugin", &["strowger-oneall", "strowger-channel"]),
    ("strowger-twitter", &["strowger-channel", "strowger-oneall"]),
    ("strowger-twitter-plugin", &["strowger-twitter", "strowger-channel"]),
    ("strowger-facebook", &["strowger-channel", "strowger-oneall"]),
    ("strowger-facebook-plugin", &["strowger-facebook", "strowger-channel"]),
    ("strowger-sandbox", &[]),
    ("strowger-loader", &["strowger", "strowger-channel-abi", "strowger-channel-line"]),
    ("strowger-ffi", &["strowger", "strowger-loader"]),
    // The push surface takes requests by the table that the channel makes them by: there is one.
    ("strowger-gateway", &["strowger", "strowger-loader", "strowger-oneall", "strowger-sandbox"]),
    ("strowger-durability", &["*"]),
    // A plugin is measured on both sides of the line: loaded, and linked in.
    ("strowger-bench", &["strowger", "strowger-channel", "strowger-loader", "strowger-twitter"]),
    ("xtask", &["*"]),
];

/// Crates that do I/O over a network, or wait for it: no plugin may link one, however indirectly.
const IO: &[&str] = &[
    // HTTP
    "attohttpc",
    "curl",
    "h2",
    "h3",
    "http",
    "httparse",
    "hyper",
    "hyper-util",
    "isahc",
    "minreq",
    "quinn",
    "reqwest",
    "surf",
    "tungstenite",
    "ureq",
    "ureq-proto",
    // TLS
    "aws-lc-rs",
    "boring",
    "native-tls",
    "openssl",
    "openssl-sys",
    "ring",
    "rustls",
    "schannel",
    "security-framework",
    "webpki-roots",
    // Sockets, names, processes
    "hickory-resolver",
    "mio",
    "nix",
    "polling",
    "rustix",
    "socket2",
    "trust-dns-resolver",
    // Async
    "async-io",
    "async-std",
    "futures",
    "futures-core",
    "glommio",
    "monoio",
    "smol",
    "tokio",
];

/// Every crate that a plugin may link, however indirectly: a new one is looked at before its name is added. (`libc`
/// asks what the processor can do, on other platforms than this one.)
const PLUGINS_MAY_LINK: &[&str] = &[
    // Ours
    "strowger-channel",
    "strowger-channel-abi",
    "strowger-channel-line",
    "strowger-facebook",
    "strowger-oneall",
    "strowger-twitter",
    // Documents
    "itoa",
    "memchr",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "serde_path_to_error",
    "zmij",
    // Collections
    "allocator-api2",
    "equivalent",
    "foldhash",
    "hashbrown",
    "indexmap",
    "tinyvec",
    // Signatures and encodings
    "base64",
    "block-buffer",
    "cfg-if",
    "cmov",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "digest",
    "hmac",
    "hybrid-array",
    "libc",
    "percent-encoding",
    "sha1",
    "sha2",
    "typenum",
    "zeroize",
    // Text and addresses
    "phf",
    "phf_shared",
    "punycode",
    "siphasher",
    "tld",
    "unicode-normalization",
    "unicode-properties",
    "unicode-segmentation",
    // Time
    "deranged",
    "num-conv",
    "powerfmt",
    "time",
    "time-core",
    "time-macros",
    // Macros
    "proc-macro2",
    "quote",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
];

/// Runtimes that neither the engine nor the C library may link.
const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "futures"];

struct Graph {
    /// The normal dependencies of each package, by name.
    edges: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

fn graph() -> Graph {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let names: BTreeMap<String, String> = array(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let edges = array(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let normal = array(&node["deps"]).into_iter().filter(|dependency| {
                array(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
            });
            let targets = normal.map(|dependency| names[&text(&dependency["pkg"])].clone()).collect();
            (names[&text(&node["id"])].clone(), targets)
        })
        .collect();
    let members = array(&metadata["workspace_members"]).iter().map(|id| names[&text(id)].clone()).collect();
    Graph { edges, members }
}

impl Graph {
    /// Everything that a package links.
    fn closure(&self, package: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut next = vec![package.to_owned()];
        while let Some(package) = next.pop() {
            for target in self.edges.get(&package).into_iter().flatten() {
                if seen.insert(target.clone()) {
                    next.push(target.clone());
                }
            }
        }
        seen
    }
}

#[test]
fn packages_depend_on_each_other_only_as_the_architecture_says() {
    let graph = graph();
    let known: BTreeSet<_> = MAY_DEPEND_ON.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(graph.members, known, "the table above names every package of the workspace");
    for (package, allowed) in MAY_DEPEND_ON {
        let wrong: Vec<_> = graph.edges[*package]
            .iter()
            .filter(|target| graph.members.contains(*target))
            .filter(|target| !allowed.contains(&"*") && !allowed.contains(&target.as_str()))
            .collect();
        assert!(wrong.is_empty(), "{package} must not depend on {wrong:?}");
    }
}

/// The packages that plugins are made of: every cdylib's, and what they stand on.
const PLUGINS: &[&str] =
    &["strowger-channel", "strowger-twitter-plugin", "strowger-facebook-plugin", "strowger-oneall-plugin"];

/// Planted fault: `ureq` among the dependencies of any of them.
#[test]
fn plugins_do_no_io() {
    let graph = graph();
    for package in PLUGINS {
        let closure = graph.closure(package);
        let linked: Vec<_> = IO.iter().filter(|name| closure.contains(**name)).collect();
        assert!(linked.is_empty(), "{package} links {linked:?}");
    }
    for (host, seen) in [("strowger-loader", "ureq"), ("strowger-loader", "rustls")] {
        assert!(graph.closure(host).contains(seen) && IO.contains(&seen), "a linked {seen} would be seen");
    }
    let every_plugin: Vec<_> = graph.members.iter().filter(|name| name.ends_with("-plugin")).collect();
    assert!(every_plugin.iter().all(|name| PLUGINS.contains(&name.as_str())), "{every_plugin:?}");
}

/// Planted fault: any further dependency, or a name in the list that nothing links any more.
#[test]
fn plugins_link_only_what_was_looked_at() {
    let graph = graph();
    let linked: BTreeSet<String> = PLUGINS.iter().flat_map(|package| graph.closure(package)).collect();
    let allowed: BTreeSet<String> = PLUGINS_MAY_LINK.iter().map(|name| (*name).to_owned()).collect();
    let new: Vec<_> = linked.difference(&allowed).collect();
    assert!(new.is_empty(), "plugins link {new:?}: see that they do no I/O, then name them");
    let gone: Vec<_> = allowed.difference(&linked).collect();
    assert!(gone.is_empty(), "no plugin links {gone:?} any more: take them off the list");
}

#[test]
fn the_core_has_no_async_runtime() {
    let graph = graph();
    for package in ["strowger", "strowger-ffi"] {
        let closure = graph.closure(package);
        let linked: Vec<_> = RUNTIMES.iter().filter(|name| closure.contains(**name)).collect();
        assert!(linked.is_empty(), "{package} links {linked:?}");
    }
}
