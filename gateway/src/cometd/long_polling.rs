//! Messages in the bodies of POST requests; notes go out with the connect that is held.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use strowger::{Refusal, StatusCode as Code};

use super::conversation::{Step, Transport, answer};
use super::message::{array, parse};
use crate::gateway::Gateway;
use crate::http::{Visitor, json, read_body, refuse};

/// Answers the messages of a request. A connect among them is held when the others have been answered.
pub(crate) async fn long_polling(
    State(gateway): State<Arc<Gateway>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response<Body> {
    let body = match read_body(request.into_body(), &gateway.settings.limits).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let messages = match parse(&body, gateway.settings.cometd.batch) {
        Ok(messages) => messages,
        Err(problem) => return refuse(&Refusal::new(Code::Invalid, problem)),
    };
    drop(body);
    let mut texts: Vec<Arc<str>> = Vec::new();
    let mut held = Vec::new();
    for message in messages {
        match answer(&gateway, &visitor, Transport::LongPolling, message).await {
            Step::Reply(reply) => texts.push(reply.to_text().into()),
            Step::Hold(connect) => held.push(connect),
        }
    }
    for connect in held {
        let ending = connect.wait(&gateway).await;
        let (mail, reply) = connect.finish(&gateway, ending);
        texts.extend(mail.texts);
        texts.push(reply.to_text().into());
    }
    json(200, array(texts.iter().map(|text| &**text)))
}
