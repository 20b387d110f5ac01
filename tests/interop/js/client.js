// Talks to a server as programs in JavaScript do, and says what went wrong, if anything.
//
//   node client.js 127.0.0.1:4222 [reconnect]
"use strict";

const { connect, createInbox, headers, Empty, StringCodec } = require("nats");

const text = StringCodec();
const servers = process.argv[2];

function expect(what, got, wanted) {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
  }
}

async function take(subscription, count) {
  const messages = [];
  for await (const message of subscription) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

const steps = {
  connect: async (one) => {
    expect("major version", one.info.version.split(".")[0], "2");
    expect("max_payload", one.info.max_payload, 1048576);
    expect("headers", one.info.headers, true);
    expect("server", one.getServer(), servers);
    if (!((await one.rtt()) >= 0)) throw new Error("no round trip");
  },
  "publish and subscribe": async (one, other) => {
    const subscription = one.subscribe("js.*.x");
    await one.flush();
    for (const subject of ["js.a.x", "js.b", "js.b.x"]) other.publish(subject, text.encode(subject));
    const got = await take(subscription, 2);
    expect("messages", got.map((message) => text.decode(message.data)), ["js.a.x", "js.b.x"]);
  },
  "queue groups": async (one, other) => {
    const members = [one, one, other].map((conn) => conn.subscribe("js.q", { queue: "workers" }));
    await Promise.all([one.flush(), other.flush()]);
    for (let i = 0; i < 300; i++) one.publish("js.q", Empty);
    await Promise.all([one.flush(), other.flush()]);
    await other.flush();
    const counts = members.map((member) => member.getReceived() + member.getPending());
    if (Math.min(...counts) === 0) throw new Error("a member got nothing");
  },
  "request and reply": async (one, other) => {
    one.subscribe("js.echo", { callback: (_, message) => message.respond(message.data) });
    await one.flush();
    for (const noMux of [false, true]) {
      for (let i = 0; i < 20; i++) {
        const options = { timeout: 10000, noMux, reply: noMux ? createInbox() : undefined };
        const reply = await other.request("js.echo", text.encode(`${i}`), options);
        expect("reply", text.decode(reply.data), `${i}`);
      }
    }
  },
  headers: async (one, other) => {
    const subscription = one.subscribe("js.headers");
    await one.flush();
    const sent = headers();
    sent.append("Key", "one");
    sent.append("Key", "two");
    other.publish("js.headers", text.encode("body"), { headers: sent });
    const [message] = await take(subscription, 1);
    expect("header", message.headers.values("Key"), ["one", "two"]);
    expect("body", text.decode(message.data), "body");
  },
  "no responders": async (one) => {
    let code = "an answer";
    try {
      await one.request("js.nobody", Empty, { timeout: 10000 });
    } catch (error) {
      code = error.code;
    }
    expect("outcome", code, "503");
  },
  "automatic unsubscribe": async (one, other) => {
    const subscription = one.subscribe("js.auto", { max: 2 });
    await one.flush();
    for (const number of ["1", "2", "3"]) other.publish("js.auto", text.encode(number));
    const got = await take(subscription, 9);
    expect("messages", got.map((message) => text.decode(message.data)), ["1", "2"]);
  },
  drain: async (one, other) => {
    let count = 0;
    one.subscribe("js.drain", { callback: () => count++ });
    await one.flush();
    for (let i = 0; i < 100; i++) other.publish("js.drain", Empty);
    await other.flush();
    await one.drain();
    expect("count", count, 100);
  },
};

async function all() {
  for (const [name, step] of Object.entries(steps)) {
    const pair = [await connect({ servers }), await connect({ servers })];
    await step(...pair);
    for (const conn of pair) await conn.close();
    console.log(`${name}: ok`);
  }
}

async function reconnect() {
  const conn = await connect({ servers, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
  const subscription = conn.subscribe("js.back");
  await conn.flush();
  console.log("subscribed");
  for await (const status of conn.status()) {
    if (status.type === "disconnect") console.log("disconnect");
    if (status.type === "reconnect") break;
  }
  console.log("reconnect");
  conn.publish("js.back", text.encode("again"));
  const [message] = await take(subscription, 1);
  console.log(`received ${text.decode(message.data)}`);
  await conn.close();
}

(process.argv[3] ? reconnect() : all()).catch((error) => {
  console.log(`${error.stack || error}`);
  process.exit(1);
});
