"use strict";
// Rates pairs of answers: keyboard and buttons, kept in this browser, saved as JSON lines. No network.
const data = JSON.parse(document.getElementById("pairs").textContent);
const find = (id) => document.getElementById(id);
const shown = find("pair");
const keys = {
  "1": ["polite", "left"], "2": ["polite", "tie"], "3": ["polite", "right"], "4": ["polite", "skip"],
  q: ["left", "matched"], w: ["left", "correct"], e: ["left", "failed"], r: ["left", "uncertain"],
  u: ["right", "matched"], i: ["right", "correct"], o: ["right", "failed"], p: ["right", "uncertain"],
};
let ratings = {};
let place = 0;
let since = Date.now();

function storageKey() {
  return `judge-pairs ${data.set} ${find("annotator").value.trim()}`;
}

function keep() {
  try {
    localStorage.setItem(storageKey(), JSON.stringify(ratings));
  } catch {
    find("status").textContent = "This browser keeps nothing: save before you close the page.";
  }
}

function recall() {
  try {
    ratings = JSON.parse(localStorage.getItem(storageKey())) || {};
  } catch {
    ratings = {};
  }
  const first = data.pairs.findIndex((pair) => !done(pair.id));
  show(first < 0 ? 0 : first);
}

function done(id) {
  return Boolean(ratings[id] && ratings[id].polite);
}

function show(number) {
  place = Math.max(0, Math.min(data.pairs.length - 1, number));
  since = Date.now();
  const pair = data.pairs[place];
  find("number").textContent = `${place + 1} of ${data.pairs.length}`;
  find("instruction").textContent = pair.instruction;
  find("reference").textContent = pair.reference ? `known to be right: ${pair.reference}` : "";
  find("left").textContent = pair.left;
  find("right").textContent = pair.right;
  const images = find("images");
  images.replaceChildren(...pair.images.map((source, index) => {
    const image = new Image();
    image.src = source;
    image.alt = `image ${index + 1} of the question`;
    return image;
  }));
  mark();
}

function mark() {
  const rating = ratings[data.pairs[place].id] || {};
  for (const button of document.querySelectorAll("button[data-field]")) {
    button.setAttribute("aria-pressed", String(rating[button.dataset.field] === button.dataset.value));
  }
  const count = data.pairs.filter((pair) => done(pair.id)).length;
  find("status").textContent = `${count} of ${data.pairs.length} rated`;
  find("meter").value = count;
}

function rate(field, value) {
  if (!find("annotator").value.trim()) {
    find("annotator").focus();
    find("status").textContent = "Who are you? Write a name first.";
    return;
  }
  const id = data.pairs[place].id;
  const rating = ratings[id] || {};
  rating[field] = rating[field] === value ? null : value;
  rating.seconds = Math.round((rating.seconds || 0) + (Date.now() - since) / 1000);
  since = Date.now();
  ratings[id] = rating;
  keep();
  mark();
}

function lines() {
  const annotator = find("annotator").value.trim();
  return data.pairs.filter((pair) => done(pair.id)).map((pair) => JSON.stringify({
    set: data.set, pair: pair.id, annotator, polite: ratings[pair.id].polite,
    left: ratings[pair.id].left || null, right: ratings[pair.id].right || null, seconds: ratings[pair.id].seconds,
  }) + "\n").join("");
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines()], { type: "application/jsonl" }));
  link.download = `ratings-${(find("annotator").value.trim() || "nobody").replace(/[^\w-]+/g, "_")}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function load(file) {
  const read = {};
  for (const line of (await file.text()).split("\n").filter((text) => text.trim())) {
    const row = JSON.parse(line);
    if (row.set !== data.set) {
      find("status").textContent = "These are ratings of another set of pairs.";
      return;
    }
    find("annotator").value = row.annotator;
    read[row.pair] = row;
  }
  ratings = read;
  keep();
  show(place);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-field]");
  if (button) rate(button.dataset.field, button.dataset.value);
});
document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowRight" || event.key === "Enter") {
    if (event.key === "Enter" && event.target.tagName === "BUTTON") return;
    show(place + 1);
  } else if (event.key === "ArrowLeft") show(place - 1);
  else if (keys[event.key]) rate(...keys[event.key]);
});
find("next").addEventListener("click", () => show(place + 1));
find("back").addEventListener("click", () => show(place - 1));
find("save").addEventListener("click", save);
find("load").addEventListener("change", (event) => event.target.files[0] && load(event.target.files[0]));
find("annotator").addEventListener("change", recall);
find("meter").max = data.pairs.length;
show(0);
