// What all parts of the page share: the live channel, and what was heard on it.
import { reactive, shallowReactive } from "vue";

export { reach } from "./reach.js";

const RETRY_MS = 1000;
const STOP_ANSWER_MS = 500;
const HIDDEN_MS = 3000; // a page that nobody sees lets go of the robot's pictures

export const live = shallowReactive({
  connected: false,
  hello: null, // the robot: joints with their limits, poses
  state: null, // words, twice a second
  pose: null, // joints by name, 20 times a second
  pictures: {}, // by camera: url, ageMs when it came, cameMs
  said: null, // what the last action came to: ok, text
  refused: "", // why the arm cannot be dragged
});

// The arm while this page has it: where it is dragged to, joint by joint [rad].
export const hand = reactive({ held: false, goal: [] });

// A recording that is shown in place of the arm: name, track (see replay_track.py), second.
export const replay = shallowReactive({ name: "", track: null, second: 0, playing: false, problem: "" });

const listeners = { pose: [], plan: [] };
export function on(kind, listener) {
  listeners[kind].push(listener);
  return () => listeners[kind].splice(listeners[kind].indexOf(listener), 1);
}

let socket = null;
let hiddenTimer = null;
let stopTimer = null;

function connect() {
  if (socket !== null || document.hidden) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => (live.connected = true);
  socket.onmessage = (event) => hear(event.data);
  socket.onclose = () => {
    live.connected = false;
    socket = null;
    setTimeout(connect, RETRY_MS);
  };
}

function hear(data) {
  if (data instanceof ArrayBuffer) return hearPicture(data);
  const message = JSON.parse(data);
  if (message.k === "hello") live.hello = message;
  else if (message.k === "state") live.state = message;
  else if (message.k === "stopped") {
    clearTimeout(stopTimer);
    live.said = { ok: message.ok, text: message.text, name: "estop" };
  } else if (message.k === "refused") live.refused = message.text;
  else if (message.k === "pose") live.pose = message;
  if (replay.track && message.k in listeners) return; // the 3D view shows the recording
  for (const listener of listeners[message.k] ?? []) listener(message);
}

export const replayLength = () => (replay.track ? (replay.track.q.length - 1) / replay.track.rate_hz : 0);

export function seek(second) {
  const { track } = replay;
  if (!track) return;
  replay.second = Math.min(Math.max(0, second), replayLength());
  const row = Math.round(replay.second * track.rate_hz);
  const pose = { names: track.names, q: track.q[row], a: track.a ? track.a[row] : null };
  for (const listener of listeners.pose) listener(pose);
  for (const listener of listeners.plan) listener({ names: [], newest: [], mean: [] });
}

export function endReplay() {
  Object.assign(replay, { name: "", track: null, second: 0, playing: false, problem: "" });
  if (live.pose) for (const listener of listeners.pose) listener(live.pose);
}

// The tab Episodes asks for it; what it names is looked up there and here, and is never a path.
window.addEventListener("ac-replay", async (event) => {
  endReplay();
  replay.name = event.detail;
  try {
    const answer = await fetch(`/tracks/${encodeURIComponent(event.detail)}.json`);
    if (!answer.ok) throw new Error(await answer.text());
    replay.track = await answer.json();
    seek(0);
  } catch (error) {
    replay.problem = error.message;
  }
});

function hearPicture(data) {
  const length = new DataView(data).getUint16(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 2, length)));
  const before = live.pictures[header.camera];
  const url = URL.createObjectURL(
    new Blob([new Uint8Array(data, 2 + length)], { type: "image/jpeg" }),
  );
  live.pictures = {
    ...live.pictures,
    [header.camera]: { url, ageMs: header.age_ms, cameMs: performance.now() },
  };
  if (before) setTimeout(() => URL.revokeObjectURL(before.url), 1000);
}

export function send(message) {
  if (socket !== null && socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 10000) {
    socket.send(JSON.stringify(message));
    return true;
  }
  return false;
}

// One of the actions of the server; what came of it is also shown in the bar below.
export async function act(name, value = null) {
  let said;
  try {
    const answer = await fetch(`/do/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ value }),
      keepalive: true,
    });
    said = answer.headers.get("content-type")?.startsWith("application/json")
      ? await answer.json()
      : { ok: false, text: await answer.text() };
  } catch {
    said = { ok: false, text: `the console does not answer: '${name}' was NOT done` };
  }
  live.said = { ...said, name };
  return said;
}

// By the live channel, which is open already: a browser opens six connections to a place at most,
// and films may have them all. Where no answer comes, by a request of its own.
export function engageStop() {
  if (socket?.readyState !== WebSocket.OPEN) return act("estop", true);
  socket.send(JSON.stringify({ stop: true }));
  clearTimeout(stopTimer);
  stopTimer = setTimeout(() => act("estop", true), STOP_ANSWER_MS);
}

document.addEventListener(
  "keydown",
  (event) => {
    const target = event.target;
    const writes =
      target?.isContentEditable ||
      target?.tagName === "TEXTAREA" ||
      (target?.tagName === "INPUT" && !["range", "checkbox", "radio"].includes(target.type));
    if (event.code !== "Space" || writes) return;
    event.preventDefault(); // a button that has the focus is not pressed
    event.stopPropagation();
    if (!event.repeat) engageStop();
  },
  true,
);

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => socket?.close(), HIDDEN_MS);
  else connect();
});

connect();
