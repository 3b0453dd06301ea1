"use strict";
// Talks to the endpoint that the page names. What is said is set as text, never as HTML.
const find = (id) => document.getElementById(id);
const { endpoint, model } = document.body.dataset;
const messages = [];
let pending = [];
let busy = null;

function bubble(role, text, images = [], draft = "") {
  const item = document.createElement("li");
  item.className = `chat-${role}`;
  for (const source of images) {
    const image = new Image();
    image.src = source;
    image.alt = "image of the message";
    image.addEventListener("load", () => toEnd());
    item.append(image);
  }
  const words = document.createElement("p");
  words.textContent = text;
  item.append(words);
  if (draft) {
    const shown = document.createElement("p");
    shown.className = "chat-draft";
    shown.textContent = `Draft: ${draft}`;
    item.append(shown);
  }
  find("chat").append(item);
  toEnd(true);
  return words;
}

// Follows the answer, unless the reader has scrolled away from the end.
let following = true;
function toEnd(always = false) {
  following ||= always;
  if (following) find("chat").scrollTop = find("chat").scrollHeight;
}

function showPending() {
  find("pending").replaceChildren(...pending.map((source, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "take this image away";
    const image = new Image();
    image.src = source;
    image.alt = `image ${index + 1} of the next message; press to take it away`;
    button.append(image);
    button.addEventListener("click", () => {
      pending.splice(index, 1);
      showPending();
    });
    return button;
  }));
}

function readImage(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

function status(text, failed = false) {
  find("status").textContent = text;
  find("status").classList.toggle("chat-error", failed);
}

async function send() {
  const text = find("text").value.trim();
  if (!text || busy) return;
  const images = pending;
  const content = images.length
    ? [...images.map((url) => ({ type: "image_url", image_url: { url } })), { type: "text", text }]
    : text;
  const draft = find("draft")?.value.trim() || "";
  bubble("user", text, images, draft);
  messages.push({ role: "user", content });
  find("text").value = "";
  if (draft) find("draft").value = "";
  pending = [];
  showPending();
  busy = new AbortController();
  find("send").textContent = "Stop";
  status("answering …");
  const words = bubble("assistant", "");
  words.parentElement.classList.add("chat-busy");
  let answer = "";
  try {
    const headers = { "Content-Type": "application/json" };
    if (find("token").value) headers.Authorization = `Bearer ${find("token").value}`;
    const longest = Number(find("max_tokens").value);
    const body = {
      model, messages, stream: true, temperature: Number(find("temperature").value) || 0,
      seed: Number(find("seed").value) || 0, ...(draft ? { draft } : {}), ...(longest ? { max_tokens: longest } : {}),
    };
    const response = await fetch(`${endpoint}/chat/completions`, {
      method: "POST", headers, body: JSON.stringify(body), signal: busy.signal,
    });
    if (!response.ok) {
      const failed = await response.json().catch(() => ({}));
      throw new Error(failed.error ? failed.error.message : `the server says ${response.status}`);
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      rest += value;
      const events = rest.split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const data = event.replace(/^data: /, "");
        if (data === "[DONE]") continue;
        const piece = JSON.parse(data);
        if (piece.error) throw new Error(piece.error.message);
        answer += piece.choices[0]?.delta?.content || "";
        words.textContent = answer;
        toEnd();
      }
    }
    status("");
  } catch (error) {
    if (error.name === "AbortError") status("stopped");
    else status(`error: ${error.message}`, true);
  }
  words.parentElement.classList.remove("chat-busy");
  if (!words.isConnected) status(""); // a new chat has begun
  else if (answer) messages.push({ role: "assistant", content: answer });
  else {
    messages.pop();
    words.parentElement.previousElementSibling?.remove();
    words.parentElement.remove();
    if (!find("text").value) find("text").value = text;
    if (!pending.length) pending = images;
    if (draft) find("draft").value = draft;
    showPending();
  }
  busy = null;
  find("send").textContent = "Send";
  find("text").focus();
}

function undo() {
  if (busy) return;
  for (const role of ["assistant", "user"]) {
    if (messages.length && messages[messages.length - 1].role === role) {
      messages.pop();
      find("chat").lastElementChild?.remove();
    }
  }
}

async function addImages(files) {
  for (const file of files) {
    if (file.type.startsWith("image/")) pending.push(await readImage(file));
  }
  showPending();
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) busy.abort();
  else send();
});
find("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && busy) busy.abort();
});
find("files").addEventListener("change", async (event) => {
  await addImages(event.target.files);
  event.target.value = "";
});
document.addEventListener("paste", (event) => addImages(event.clipboardData.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("chat-drop");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("chat-drop");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("chat-drop");
  addImages(event.dataTransfer.files);
});
find("new").addEventListener("click", () => {
  if (busy) busy.abort();
  messages.length = 0;
  find("chat").replaceChildren();
  status("");
  find("text").focus();
});
find("undo").addEventListener("click", undo);
find("chat").addEventListener("scroll", () => {
  const list = find("chat");
  following = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
});
new ResizeObserver(() => toEnd()).observe(find("chat"));
find("text").focus();
