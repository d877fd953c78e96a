//! The uploads of the push surface, from a company's own server of pictures to the platform, and on into a post.
//!
//! Planted faults that these tests were seen to catch: servers that are named and judged all the same, an address
//! at which whatever was written can be looked up.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::push::{KEYS, all_channels, all_channels_folder, push, sandbox, settled};
use crate::support::{Caller, Program, ask};

/// A server of pictures that only its own authority vouches for; its certificate is written to `ca.pem`.
fn pictures(folder: &Path) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(folder.join("ca.pem"), made.cert.pem()).expect("written");
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)
        })
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(config.clone()).expect("a connection");
            serve(StreamOwned::new(connection, stream));
        }
    });
    address
}

/// Answers one request; a broken one is its client's business.
fn serve(mut stream: StreamOwned<ServerConnection, std::net::TcpStream>) {
    let mut head = [0; 4096];
    let count = stream.read(&mut head).unwrap_or_default();
    let head = String::from_utf8_lossy(&head[..count]).into_owned();
    let bytes: Option<&[u8]> = match head.split(' ').nth(1) {
        Some("/cat.png") => Some(PICTURE),
        Some("/cat.mp4") => Some(VIDEO),
        Some("/page.html") => Some(b"<!doctype html>"),
        _ => None,
    };
    let status = if bytes.is_some() { "200 OK" } else { "404 Not Found" };
    let bytes = bytes.unwrap_or_default();
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
    let _ = stream.write_all(bytes);
    stream.conn.send_close_notify();
    let _ = stream.flush();
    let _ = stream.sock.shutdown(Shutdown::Write);
}

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n, and what makes a cat";
const VIDEO: &[u8] = b"\0\0\0\x18ftypmp42, and a cat that moves";

/// A gateway whose Twitter channel may fetch from that server.
fn fetching(sandbox: &str, own_servers: &str, ca: &Path) -> Program {
    let folder = all_channels_folder(sandbox, "wait_ms = 20000");
    let file = folder.path().join("gateway.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let own = "config_file = \"twitter.json\"";
    let fetching = format!("{own}\nfetch_attachments = true\nfetch_from_own_servers = [{own_servers}]");
    fs::write(&file, text.replace(own, &fetching)).expect("written");
    let twitter = folder.path().join("twitter.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&twitter).expect("text")).expect("JSON");
    config["connection"] = json!({ "ca_file": ca });
    fs::write(&twitter, config.to_string()).expect("written");
    Program::serve(folder)
}

fn media(sandbox: &str) -> Vec<Value> {
    let listed = ask(&format!("{sandbox}/_sandbox/media"), &Caller::nobody(), "GET", None);
    listed.json().as_array().cloned().expect("a list")
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text");
        hex
    })
}

#[test]
fn a_picture_and_a_video_are_uploaded_and_a_tweet_shows_them() {
    let demo = Program::demo();
    let sandbox = sandbox(&demo);
    let place = tempfile::tempdir().expect("a folder");
    let port = pictures(place.path()).port();
    let program = fetching(&sandbox, &format!("\"localhost:{port}\""), &place.path().join("ca.pem"));
    let at = |name: &str| format!("https://localhost:{port}/{name}");

    let picture = json!({ "url": at("cat.png"), "description": "A cat" });
    let picture = push(&program, "twitter/picture", "picture", &picture);
    let video = push(&program, "twitter/video", "video", &json!({ "video_url": at("cat.mp4") }));
    let mut ids = Vec::new();
    for (pushed, object, kind, bytes) in
        [(&picture, "picture", "image/png", PICTURE), (&video, "video", "video/mp4", VIDEO)]
    {
        assert_eq!(pushed.status, 200, "{}", pushed.body);
        let id = pushed.data()["post_id"].as_str().expect("an id");
        let data = json!({ "provider": "twitter", "object": object, "post_id": id, "post_location": null });
        assert_eq!(pushed.data(), &data);
        let media = media(&sandbox);
        let made = media.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("{id} of {media:?}"));
        assert_eq!((&made["mediaType"], &made["sha256"]), (&json!(kind), &json!(hex(bytes))), "{made}");
        ids.push(id.to_owned());
    }

    // The single ids of a picture and of a video can't go into one tweet: each is shown by one of its own.
    for id in ids {
        let tweet = json!({ "message": format!("Look: {id}"), "attachments": [id] });
        let pushed = push(&program, "twitter/post", "post", &tweet);
        assert_eq!(pushed.status, 200, "{}", pushed.body);
        let posts = crate::push::posts(&sandbox);
        let made = posts.last().expect("a post");
        assert!(made.to_string().contains(&format!("\"{id}\"")), "{made}");
    }
}

#[test]
fn what_may_not_be_fetched_or_is_no_picture_is_refused_and_nothing_is_left() {
    let demo = Program::demo();
    let sandbox = sandbox(&demo);
    let place = tempfile::tempdir().expect("a folder");
    let port = pictures(place.path()).port();
    let ca = place.path().join("ca.pem");
    let named = format!("\"localhost:{port}\"");
    let url = |name: &str| format!("https://localhost:{port}/{name}");
    for (own_servers, url, words) in [
        ("", url("cat.png"), "not public"),
        (&*named, format!("https://127.0.0.1:{port}/cat.png"), "not public"),
        (&*named, format!("http://localhost:{port}/cat.png"), "https"),
        (&*named, url("missing.png"), "404"),
        (&*named, url("page.html"), "no picture"),
    ] {
        let program = fetching(&sandbox, own_servers, &ca);
        let pushed = push(&program, "twitter/picture", "picture", &json!({ "url": url }));
        assert_eq!(pushed.status, 400, "{url}: {}", pushed.body);
        assert!(pushed.info().contains(words), "{url}: {}", pushed.info());
        assert_eq!(crate::push::open_states(&program, "tweets"), [""; 0], "{url}");
    }
    assert_eq!(media(&sandbox), [Value::Null; 0]);
}

/// A video of `YouTube` is taken on now and finished later.
#[test]
fn what_is_taken_on_is_told_at_its_address_until_it_is_published() {
    let demo = Program::demo();
    let sandbox = sandbox(&demo);
    let program = all_channels(&sandbox, "wait_ms = 0");
    let film = json!({ "video_url": "https://example.org/film.mp4", "title": "A film" });
    let pushed = push(&program, "youtube/video", "video", &film);
    assert_eq!(pushed.status, 202, "{}", pushed.body);
    let status_uri = pushed.data()["status_uri"].as_str().expect("an address");
    let keys = Caller::basic(KEYS.0, KEYS.1);
    let told = settled(status_uri, &keys, Duration::from_secs(60));
    assert_eq!(told.status, 200, "{}", told.text);
    let data = &told.json()["response"]["result"]["data"];
    assert_eq!((&data["provider"], &data["object"]), (&json!("youtube"), &json!("video")));
    assert!(data["post_id"].is_string(), "{data}");
    // What was pushed somewhere else, or is nothing that was pushed, is not there.
    let other = status_uri.replace("youtube/video", "twitter/post");
    let unknown = status_uri.rsplit_once('/').expect("an address").0.to_owned() + "/0000000000000000.json";
    let identity = status_uri.replace("/identities/", "/identities/x");
    for wrong in [other, unknown, identity] {
        assert_eq!(ask(&wrong, &keys, "GET", None).status, 404, "{wrong}");
    }
}
