//! The sandbox's own endpoints, under `/_sandbox`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::help::help;
use crate::http::{Request, Response};
use crate::options::Options;
use crate::route::World;

pub(crate) fn answer(request: &Request, world: &mut World, options: &Options) -> Response {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let done = || Response::new(204, "text/plain", "");
    match (request.method.as_str(), &segments[..]) {
        ("GET", []) => {
            Response::new(200, "text/plain; charset=utf-8", format!("strowger-sandbox\n\n{}", help()))
        }
        ("DELETE", []) => {
            world.forget();
            done()
        }
        ("GET", ["posts"]) => list(world.state.posts()),
        ("DELETE", ["posts"]) => {
            world.state.clear();
            done()
        }
        ("GET", ["media"]) => list(&world.state.uploads.list()),
        ("GET", ["relations"]) => list(&world.state.relations().collect::<Vec<_>>()),
        ("GET", ["requests"]) => list(&world.log.all()),
        ("DELETE", ["requests"]) => {
            world.log.clear();
            done()
        }
        ("GET", ["faults"]) => Response::json(200, &world.faults.to_json()),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            done()
        }
        ("POST", ["faults"]) => arm(request, world, options),
        (_, [] | ["posts" | "media" | "relations" | "requests" | "faults"]) => {
            complain(405, "this method does nothing here; see GET /_sandbox")
        }
        _ => complain(404, "there is nothing here; see GET /_sandbox"),
    }
}

fn arm(request: &Request, world: &mut World, options: &Options) -> Response {
    let document: Value = match serde_json::from_slice(&request.body) {
        Ok(document) => document,
        Err(error) => return complain(400, &format!("the body is no JSON: {error}")),
    };
    let armed = Fault::from_json(&document).and_then(|fault| {
        let shown = fault.to_json();
        world.faults.arm(fault, options.limits.faults).map(|()| shown)
    });
    match armed {
        Ok(shown) => Response::json(201, &shown),
        Err(error) => complain(400, &error.to_string()),
    }
}

fn list<T: Serialize + ?Sized>(items: &T) -> Response {
    match serde_json::to_value(items) {
        Ok(value) => Response::json(200, &value),
        Err(error) => complain(500, &error.to_string()),
    }
}

fn complain(status: u16, why: &str) -> Response {
    Response::json(status, &json!({ "error": why }))
}
