// What pages do beyond plain forms: a person's form keeps what was entered when the service can't be reached, and a file is
// imported with its progress. Everything but the import works without this file.
//
// What comes back is shown as text, or is a page of this service, of which no script is run.
"use strict";

/** An element with attributes and children; strings become text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A text that nobody has used before. `crypto.randomUUID` is there over HTTPS only. */
function unique() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Fills a box for problems, and moves the focus there. */
function showProblem(box, title, ...children) {
  box.replaceChildren(element("h2", {}, title), ...children);
  box.hidden = false;
  document.title = `Error: ${document.title.replace(/^Error: /, "")}`;
  box.focus();
}

/** Says why nothing was done; what was entered stays. `words` are the service's own. */
function showRefusal(box, status, words) {
  if (status === 401) {
    const link = element("a", { href: "/session", target: "_blank", rel: "noopener" }, "Enter your key in another tab");
    showProblem(box, "A key is needed", element("p", {}, link, ", then come back and try again. Nothing is lost."));
  } else if (status === 403) {
    showProblem(box, "Not allowed", element("p", {}, "Your key does not allow this."));
  } else if (status === 0) {
    showProblem(box, "The service can’t be reached", element("p", {}, "Please try again in a moment. Nothing is lost."));
  } else {
    const [title, ...others] = words.length > 0 ? words : [`The status is ${status}.`];
    showProblem(box, title, ...others.map((text) => element("p", {}, text)), element("p", {}, "What you entered is still here."));
  }
}

/* A person */

/** The box above the form, made if there is none. */
function troubleOf(form) {
  const box = element("div", { class: "problem", id: "problem", tabindex: "-1" });
  form.querySelector("#trouble").replaceChildren(box);
  return box;
}

const here = () => location.pathname + location.search;

/** Which page is shown. */
let shown = here();

/** Shows a page of this service in place of this one. */
function show(page, address) {
  if (address) {
    history.pushState(null, "", address);
    shown = here();
  }
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  (document.getElementById("problem") || document.getElementById("main")).focus();
  if (address) scrollTo(0, 0);
}

async function save(form) {
  const response = await fetch(form.action, {
    method: "POST",
    headers: { Accept: "text/html" },
    body: new URLSearchParams(new FormData(form)),
  });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (response.ok || page.querySelector("form.person")) {
    show(page, response.redirected ? response.url : "");
  } else {
    const words = Array.from(page.querySelectorAll("h1, .advice"), (one) => one.textContent);
    showRefusal(troubleOf(form), response.status, words);
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form.person")) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await save(form);
  } catch {
    showRefusal(troubleOf(form), 0, []);
  } finally {
    button.disabled = false;
  }
});

// Where `show` has left an address in the history its page has to be loaded; a link within a page changes nothing.
addEventListener("popstate", () => {
  if (here() !== shown) location.reload();
});

/* An import */

const number = new Intl.NumberFormat("en");
const problemBox = () => document.getElementById("problem");
const people = (count) => (count === 1 ? "1 person" : `${number.format(count)} people`);

/** How much of a file is looked at before it is sent, how many rows are shown of it, and how much of a cell. */
const LOOKED_AT = 64 * 1024;
const ROWS = 5;
const CELL = 60;

/** What the first bytes of a file say that is no text that is imported here. */
const OTHER_KINDS = [
  [[0x50, 0x4b, 0x03, 0x04], "This is a ZIP archive or an Excel workbook. Save the table as CSV first."],
  [[0x25, 0x50, 0x44, 0x46], "This is a PDF. Save the table as CSV first."],
  [[0xd0, 0xcf, 0x11, 0xe0], "This is a workbook of an old Excel. Save the table as CSV first."],
];

function isLines(file) {
  return /\.(ndjson|jsonl)$/i.test(file.name);
}

/** The records of a text of CSV (RFC 4180), as many as are wanted; quoted cells may have line breaks. */
function records(text, separator, most) {
  const all = [];
  let [record, cell, quoted] = [[], "", false];
  for (let at = 0; at < text.length && all.length < most; at++) {
    const one = text[at];
    if (quoted) {
      if (one !== '"') cell += one;
      else if (text[at + 1] === '"') cell += text[++at];
      else quoted = false;
    } else if (one === '"' && cell === "") {
      quoted = true;
    } else if (one === separator) {
      record.push(cell);
      cell = "";
    } else if (one === "\n" || one === "\r") {
      if (one === "\r" && text[at + 1] === "\n") at++;
      if (record.length > 0 || cell !== "") all.push([...record, cell]);
      [record, cell] = [[], ""];
    } else {
      cell += one;
    }
  }
  if (all.length < most && (record.length > 0 || cell !== "")) all.push([...record, cell]);
  return all;
}

/** The first rows of a file as a table: the heads, and the cells. */
function table(text, file) {
  if (isLines(file)) {
    const read = (line) => {
      try {
        return JSON.parse(line);
      } catch {
        return null;
      }
    };
    const objects = text.split(/\r?\n/).filter((line) => line.trim()).slice(0, ROWS).map(read);
    const good = objects.filter((one) => one && typeof one === "object");
    const heads = [...new Set(good.flatMap(Object.keys))];
    return [heads, good.map((one) => heads.map((head) => one[head] ?? ""))];
  }
  const header = text.split(/[\r\n]/, 1)[0];
  const count = (separator) => header.split(separator).length;
  const separator = [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best));
  const [heads = [], ...rows] = records(text, separator, ROWS + 1);
  return [heads, rows];
}

async function preview(file) {
  const box = document.getElementById("preview");
  const show = (...children) => {
    box.replaceChildren(...children);
    box.hidden = children.length === 0;
  };
  show();
  if (!file || file.size === 0) return;
  const bytes = new Uint8Array(await file.slice(0, LOOKED_AT).arrayBuffer());
  const other = OTHER_KINDS.find(([start]) => start.every((byte, at) => bytes[at] === byte));
  if (other) {
    show(element("p", { class: "error" }, other[1]));
    return;
  }
  // Packed files are unpacked by the service.
  if ((bytes[0] === 0x1f && bytes[1] === 0x8b) || (bytes[0] === 0x28 && bytes[1] === 0xb5)) return;
  const encoding = { 0xfffe: "utf-16le", 0xfeff: "utf-16be" }[(bytes[0] << 8) | bytes[1]] || "utf-8";
  const [heads, rows] = table(new TextDecoder(encoding).decode(bytes), file);
  const cut = (value) => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return element("bdi", {}, text.length > CELL ? `${text.slice(0, CELL)}…` : text);
  };
  const head = heads.map((one) => element("th", { scope: "col" }, cut(one)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cut(cell)))));
  show(
    element("h2", {}, "The first rows of the file"),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The first rows of the file" },
      element("table", { class: "preview" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body))),
  );
}

function showAtFile(message) {
  const [error, field, input] = [document.getElementById("file-error"), document.getElementById("file-field"), document.getElementById("file")];
  error.textContent = message;
  error.hidden = false;
  field.classList.add("wrong");
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", "file-error file-hint");
  const link = element("a", { href: "#file" }, message);
  showProblem(problemBox(), "Please look at this again", element("ul", {}, element("li", {}, link)));
}

function clearProblems() {
  problemBox().hidden = true;
  document.getElementById("file-error").hidden = true;
  document.getElementById("file-field").classList.remove("wrong");
  document.getElementById("file").removeAttribute("aria-invalid");
  document.getElementById("file").setAttribute("aria-describedby", "file-hint");
}

function showBadRows(problem) {
  const cell = (text, attributes) => element("td", attributes, text === undefined ? "" : String(text));
  const rows = problem.errors.map((fault) => {
    const where = fault.column || (fault.pointer || "").slice(1);
    return element("tr", {}, cell(fault.line, { class: "number" }), cell(where, {}), cell(fault.detail, {}));
  });
  const heads = ["Line", "Column", "What is wrong"].map((text) => element("th", { scope: "col" }, text));
  const few = new Set(problem.errors.map((fault) => fault.line)).size;
  const count = problem.badRows || few;
  showProblem(
    problemBox(),
    count === 1 ? "One row is wrong" : `${number.format(count)} rows are wrong`,
    element("p", {}, "Nobody was added."),
    element("table", { class: "bad" },
      element("caption", { class: "hidden" }, "Rows that are wrong"),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)),
    ...(count > few ? [element("p", {}, `These are the first ${few}; ${number.format(count - few)} more are not shown.`)] : []),
  );
}

/** What kept a file from being stored. */
function showFailed(status, problem) {
  if (problem && problem.errors && problem.errors.some((fault) => fault.line)) showBadRows(problem);
  else showRefusal(problemBox(), status, problem ? ["The file was not imported", problem.detail] : []);
}

function showImported(answer) {
  const parts = [answer.dryRun
    ? `The file is good: ${people(answer.imported)} would be added.`
    : `${people(answer.imported)} ${answer.imported === 1 ? "was" : "were"} added.`];
  if (answer.agesCut > 0) parts.push(`${number.format(answer.agesCut)} of the ages had a fraction, which is cut off.`);
  const children = [element("p", { class: "notice" }, parts.join(" "))];
  if (!answer.dryRun) {
    const list = document.querySelector(".back a").getAttribute("href");
    children.push(element("p", {}, element("a", { href: list }, "Go to the list of people")));
  }
  document.getElementById("result").replaceChildren(...children);
}

/** Asks whoever is about to leave the page. */
function warn(event) {
  event.preventDefault();
}

/** The last line of an answer that tells its progress in lines; an answer of one JSON document is a line, too. */
function lastOf(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  try {
    return JSON.parse(lines.at(-1));
  } catch {
    return null;
  }
}

/** Sends a file, and shows how far it is. `ended` gets the status, the last line and whether it was cancelled. */
function send(file, dryRun, key, ended) {
  const [bar, text, said] = ["bar", "progress-text", "progress-said"].map((id) => document.getElementById(id));
  const request = new XMLHttpRequest();
  let [cancelled, phase, read] = [false, "", 0];
  const tell = (words) => {
    text.textContent = words;
    // Screen readers are told of each step, not of each row.
    const step = words.split(":")[0];
    if (said.textContent !== step) said.textContent = step;
  };
  request.open("POST", dryRun ? "/people/import?dryRun=true" : "/people/import");
  request.setRequestHeader("Content-Type", isLines(file) ? "application/x-ndjson" : "text/csv");
  request.setRequestHeader("Accept", "application/x-ndjson, application/json;q=0.5");
  if (!dryRun) request.setRequestHeader("Idempotency-Key", key);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = loaded / total;
    tell(`Sending: ${Math.floor((loaded / total) * 100)}%`);
  });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    tell("Sent. The rows are being checked and stored.");
  });
  request.addEventListener("progress", () => {
    // The last line may not be whole yet.
    const end = request.responseText.lastIndexOf("\n") + 1;
    const line = end > read ? lastOf(request.responseText.slice(read, end)) : null;
    read = end;
    if (!line || !("rows" in line)) return;
    phase = line.phase;
    tell(`${phase === "storing" ? "Storing" : "Checking"}: ${number.format(line.rows)} ${line.rows === 1 ? "row" : "rows"}`);
  });
  request.addEventListener("loadend", () => ended(request.status, lastOf(request.responseText), cancelled, phase));
  bar.value = 0;
  tell("Sending");
  request.send(file);
  return () => {
    cancelled = true;
    request.abort();
  };
}

function prepareImport(form) {
  const [button, cancel, progress] = [form.querySelector("button"), document.getElementById("cancel"), document.getElementById("progress")];
  const file = form.elements.file;
  // The same for the same file until it is stored: sent again after a lost answer it is not stored twice.
  let key = unique();
  form.hidden = false;
  file.addEventListener("change", () => {
    clearProblems();
    preview(file.files[0]);
  });
  form.addEventListener("change", () => (key = unique()));
  const working = (is) => {
    button.disabled = is;
    cancel.hidden = !is;
    progress.hidden = !is;
    if (is) addEventListener("beforeunload", warn);
    else removeEventListener("beforeunload", warn);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearProblems();
    document.getElementById("result").replaceChildren();
    const chosen = file.files[0];
    const wrong = !chosen ? "Choose a file" : chosen.size === 0 ? "This file is empty" : "";
    if (wrong) {
      showAtFile(wrong);
      return;
    }
    working(true);
    cancel.onclick = send(chosen, form.elements.dryRun.checked, key, (status, answer, cancelled, phase) => {
      working(false);
      if (cancelled) {
        const rest = phase === "storing" ? " Look at the list to see whether people were added." : " Nobody was added.";
        document.getElementById("result").replaceChildren(element("p", {}, `You cancelled the import.${rest}`));
        button.focus();
      } else if (status !== 200) {
        showFailed(status, answer);
      } else if (answer && answer.phase === "failed") {
        showFailed(answer.problem.status, answer.problem);
      } else if (answer && "imported" in answer) {
        key = unique();
        showImported(answer);
      } else {
        // The connection broke before the last line.
        showRefusal(problemBox(), 0, []);
      }
    });
  });
}

const files = document.querySelector("form.import");
if (files) prepareImport(files);
