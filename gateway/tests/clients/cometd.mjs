// A client as its library's documentation has it: shakes hands, subscribes whenever it has shaken hands, and
// prints what happens, one line of JSON each. Ends when its standard input does.
//
// node cometd.mjs URL TRANSPORT ACK, the credentials in the URL.
import { adapt } from "cometd-nodejs-client";
import { CometD } from "cometd/cometd.js";
import { AckExtension } from "cometd/AckExtension.js";

const [url, transport, ack] = process.argv.slice(2);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
console.log = console.info = console.warn = console.error;

adapt();
const client = new CometD();
for (const other of client.getTransportTypes().filter((type) => type !== transport)) {
  client.unregisterTransport(other);
}
if (ack === "ack") {
  client.registerExtension("ack", new AckExtension());
}
client.configure({ url, logLevel: "warn", maxBackoff: 500, backoffIncrement: 100 });
client.addListener("/meta/handshake", (reply) => {
  say({ event: "handshake", successful: reply.successful === true });
  if (reply.successful) {
    for (const topic of ["/v2/me/twitter", "/v2/me/facebook"]) {
      client.subscribe(
        topic,
        (message) => say({ event: "message", message }),
        (reply) => say({ event: "subscribed", topic, successful: reply.successful === true }),
      );
    }
  }
});
client.handshake();
process.stdin.on("data", () => {});
process.stdin.on("end", () => {
  client.disconnect((reply) => {
    say({ event: "disconnected", successful: reply.successful === true });
    process.exit(0);
  });
});
