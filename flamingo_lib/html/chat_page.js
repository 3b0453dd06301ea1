"use strict";
// Talks to the endpoint that served this page. What is said is set as text, never as HTML.
const find = (id) => document.getElementById(id);
const messages = [];
let pending = [];
let busy = null;

function bubble(role, text, images = []) {
  const item = document.createElement("li");
  item.className = `chat-${role}`;
  for (const source of images) {
    const image = new Image();
    image.src = source;
    image.alt = "image of the message";
    item.append(image);
  }
  const words = document.createElement("p");
  words.textContent = text;
  item.append(words);
  find("chat").append(item);
  item.scrollIntoView({ block: "end" });
  return words;
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

function status(text) {
  find("status").textContent = text;
}

async function send() {
  const text = find("text").value.trim();
  if (!text || busy) return;
  const images = pending;
  const content = images.length
    ? [...images.map((url) => ({ type: "image_url", image_url: { url } })), { type: "text", text }]
    : text;
  bubble("user", text, images);
  messages.push({ role: "user", content });
  const draft = find("draft").value.trim();
  find("text").value = "";
  find("draft").value = "";
  pending = [];
  showPending();
  busy = new AbortController();
  find("send").textContent = "Stop";
  status("answering …");
  const words = bubble("assistant", "");
  let answer = "";
  try {
    const headers = { "Content-Type": "application/json" };
    if (find("token").value) headers.Authorization = `Bearer ${find("token").value}`;
    const body = {
      messages, stream: true, temperature: Number(find("temperature").value) || 0,
      seed: Number(find("seed").value) || 0, ...(draft ? { draft } : {}),
    };
    const response = await fetch("v1/chat/completions", {
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
      }
    }
    status("");
  } catch (error) {
    status(error.name === "AbortError" ? "stopped" : `error: ${error.message}`);
  }
  if (answer) messages.push({ role: "assistant", content: answer });
  else {
    messages.pop();
    words.parentElement.remove();
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
find("files").addEventListener("change", async (event) => {
  await addImages(event.target.files);
  event.target.value = "";
});
document.addEventListener("paste", (event) => addImages(event.clipboardData.files));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  addImages(event.dataTransfer.files);
});
find("new").addEventListener("click", () => {
  if (busy) busy.abort();
  messages.length = 0;
  find("chat").replaceChildren();
  status("");
});
find("undo").addEventListener("click", undo);
