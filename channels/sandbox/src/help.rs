//! What `--help` and `GET /_sandbox` say beyond the flags.

use crate::endpoints::endpoints_help;
use crate::faults::faults_help;

const USE: &str = "\
For whoever writes a channel plugin:
  1. strowger-sandbox --listen 127.0.0.1:8400
  2. Give the plugin http://127.0.0.1:8400 as its base_url, and made-up credentials.
  3. Arm what shall go wrong, for the path of the request that it shall hit:
       curl -s 127.0.0.1:8400/_sandbox/faults -d '{\"fault\":\"close-after\",\"method\":\"POST\",\"path\":\"/2/tweets\"}'
  4. Publish, and look at the outcome that the plugin gives.
  5. Ask what really happened:
       curl -s 127.0.0.1:8400/_sandbox/posts
       curl -s 127.0.0.1:8400/_sandbox/requests
  6. Before the next case: curl -s -X DELETE 127.0.0.1:8400/_sandbox
  A good plugin says `unknown` whenever the request may have been performed, finds the post when it reads back,
  and never makes a second one. In a Rust test the crate strowger-sandbox does the same within the process.
";

/// How the sandbox is used, its endpoints and its faults, in plain text.
pub fn help() -> String {
    format!("{USE}\n{}\nFaults:\n{}", endpoints_help(), faults_help())
}
