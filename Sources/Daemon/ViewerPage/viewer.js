"use strict";
// Lists the channels a token may see and plays one with the browser's own HLS support. Names come from the network:
// they are only ever set as text.

const element = (id) => document.getElementById(id);
const video = element("video");
const remembered = "access-token";
let watching = null;

function say(text, isAlarm = false) {
  const notice = element("notice");
  notice.textContent = text;
  notice.classList.toggle("alarm", isAlarm);
}

/** The entries of an M3U playlist: title, key and address. */
function readPlaylist(text) {
  const entries = [];
  let pending = null;
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#EXTINF:")) {
      const key = /tvg-id="([^"]*)"/.exec(line);
      pending = { title: line.slice(line.lastIndexOf(",") + 1).trim(), key: key ? key[1] : "" };
    } else if (line !== "" && !line.startsWith("#") && pending) {
      entries.push({ ...pending, address: new URL(line, location.href).href });
      pending = null;
    }
  }
  return entries;
}

function listAddress(token, form) {
  return `/channels.m3u?form=${form}&token=${encodeURIComponent(token)}`;
}

/** What the server says of a refusal, in its own words. */
async function refusal(response) {
  try {
    const problem = await response.json();
    return `${problem.title} ${problem.detail}`;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

async function showChannels(token) {
  say("Asking for the channels …");
  let response;
  try {
    response = await fetch(listAddress(token, "unicast"));
  } catch {
    say("The server cannot be reached. Try again in a moment.", true);
    return;
  }
  if (!response.ok) {
    say(await refusal(response), true);
    return;
  }
  const entries = readPlaylist(await response.text());
  sessionStorage.setItem(remembered, token);
  element("unicast-list").href = listAddress(token, "unicast");
  element("multicast-list").href = listAddress(token, "multicast");
  element("channels").replaceChildren(...entries.map(channelItem));
  element("room").hidden = entries.length === 0;
  say(entries.length === 0 ? "This token opens no channel." : "");
  const wanted = new URLSearchParams(location.hash.slice(1)).get("channel");
  const chosen = entries.find((entry) => entry.key === wanted || entry.title === wanted);
  if (chosen) play(chosen);
}

function channelItem(entry) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.address = entry.address;
  button.append(entry.title);
  if (entry.key && entry.key !== entry.title) {
    const key = document.createElement("small");
    key.textContent = entry.key;
    button.append(key);
  }
  button.addEventListener("click", () => play(entry));
  item.append(button);
  return item;
}

function play(entry) {
  watching = entry;
  for (const button of element("channels").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.address === entry.address));
  }
  element("title").textContent = entry.title;
  element("address").textContent = entry.address;
  document.title = `${entry.title} – live`;
  if (video.canPlayType("application/vnd.apple.mpegurl") === "") {
    say("This browser does not play HLS by itself. Give the address below to a player such as VLC or mpv.", true);
    return;
  }
  say("");
  video.src = entry.address;
  video.play().catch(() => {});
}

/** Why nothing plays, as far as the server tells. */
async function explainFailure() {
  if (!watching) return;
  const fallback = "The stream cannot be played.";
  try {
    const response = await fetch(watching.address);
    say(response.ok ? fallback : await refusal(response), true);
  } catch {
    say(fallback, true);
  }
}

function showFacts() {
  if (!watching || video.readyState === 0) return;
  const ranges = video.seekable;
  const end = ranges.length > 0 ? ranges.end(ranges.length - 1) : NaN;
  const quality = video.getVideoPlaybackQuality?.();
  const facts = [
    ["Picture", `${video.videoWidth} × ${video.videoHeight}`],
    ["Behind live", Number.isFinite(end) ? `${Math.max(0, end - video.currentTime).toFixed(1)} s` : "–"],
    ["Buffered", video.buffered.length > 0
      ? `${Math.max(0, video.buffered.end(video.buffered.length - 1) - video.currentTime).toFixed(1)} s` : "–"],
    ["Frames", quality ? `${quality.totalVideoFrames} shown, ${quality.droppedVideoFrames} dropped` : "–"],
  ];
  element("facts").replaceChildren(...facts.flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const definition = document.createElement("dd");
    term.textContent = name;
    definition.textContent = value;
    return [term, definition];
  }));
}

video.addEventListener("error", explainFailure);
setInterval(showFacts, 1000);
element("place").textContent = location.host;
element("access").addEventListener("submit", (event) => {
  event.preventDefault();
  showChannels(element("token").value.trim());
});

const given = new URLSearchParams(location.hash.slice(1)).get("token") ?? sessionStorage.getItem(remembered);
if (given) {
  element("token").value = given;
  showChannels(given);
}
