// The forms that send JSON to the API: a person, and an import. Everything else works without this file.
//
// What comes back is shown as text, never as HTML: names are whatever anybody stored.
"use strict";

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** An element with attributes and children; strings become text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Tells the next page what was done; the server shows it once. */
function tellNext(what) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `connexion-notice=${what}; Max-Age=60; Path=/; SameSite=Strict${secure}`;
}

/** A text that nobody has used before. `crypto.randomUUID` is there over HTTPS only. */
function unique() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Shows a problem above a form, and moves the focus there. */
function showProblem(title, ...children) {
  const box = document.getElementById("problem");
  box.replaceChildren(element("h2", {}, title), ...children);
  box.hidden = false;
  document.title = `Error: ${document.title.replace(/^Error: /, "")}`;
  box.focus();
}

function clearProblems() {
  document.getElementById("problem").hidden = true;
  for (const error of document.querySelectorAll(".error")) error.hidden = true;
  for (const field of document.querySelectorAll(".wrong")) field.classList.remove("wrong");
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    describe(input);
  }
}

/** Ties an input to its hint, and to its error if there is one. */
function describe(input) {
  const parts = ["error", "hint"].map((part) => document.getElementById(`${input.name}-${part}`));
  const ids = parts.filter((part) => part && !part.hidden).map((part) => part.id);
  if (ids.length > 0) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}

/** Shows an error at its field; the entry for the summary leads there. */
function showAtField(name, message) {
  const error = document.getElementById(`${name}-error`);
  error.textContent = message;
  error.hidden = false;
  document.getElementById(`${name}-field`).classList.add("wrong");
  const inputs = document.querySelectorAll(`[name="${name}"]`);
  for (const input of inputs) {
    input.setAttribute("aria-invalid", "true");
    describe(input);
  }
  const link = element("a", { href: `#${name}-field` }, message);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    inputs[0].focus();
  });
  return element("li", {}, link);
}

/** What an answer without success means for whoever looks at the form. */
function showRefusal(status, problem) {
  if (status === 401) {
    const link = element("a", { href: "/session", target: "_blank", rel: "noopener" }, "Enter your key in another tab");
    showProblem("A key is needed", element("p", {}, link, ", then come back and try again. Nothing is lost."));
  } else if (status === 403) {
    showProblem("Not allowed", element("p", {}, "Your key is not enough for this."));
  } else if (status === 0) {
    showProblem("The service can’t be reached", element("p", {}, "Please try again in a moment. Nothing is lost."));
  } else {
    showProblem("This did not work", element("p", {}, (problem && problem.detail) || `The status is ${status}.`));
  }
}

async function json(response) {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

/* A person */

function labelOf(form, name) {
  return form.querySelector(`#${name}-field legend, #${name}-field label`).textContent;
}

/** The value of a member as JSON; `undefined` if nothing was entered. What is no number is sent as the text that it is: the
 *  contract says what is wrong with it. */
function valueOf(form, name) {
  const input = form.elements[name];
  if (name === "name") return input.value;
  if (name === "survived") return input.value === "true";
  const text = input.value.trim();
  if (text === "") return undefined;
  return name !== "sex" && JSON_NUMBER.test(text) ? Number(text) : text;
}

function setValue(form, name, value) {
  form.elements[name].value = String(value);
}

/** A value as the form shows it. */
function shown(form, name, value) {
  if (value === undefined) return "nothing";
  const choice = form.querySelector(`[name="${name}"][type="radio"][value="${CSS.escape(String(value))}"]`);
  return choice ? choice.parentElement.textContent.trim() : String(value);
}

/** A fault of the contract in words that fit its field. */
function sentence(form, name, fault) {
  const label = labelOf(form, name);
  const isNumber = "number" in (form.elements[name].dataset || {});
  switch (fault.code) {
    case "missing":
      return isNumber || name === "name" ? `Enter a value for “${label}”` : `Choose a value for “${label}”`;
    case "wrong-type":
      return name === "fare" ? `“${label}” must be a number such as 7.25` : `“${label}” must be a whole number`;
    case "wrong-format":
    case "too-small":
    case "too-large":
      return isNumber ? `“${label}” is out of range: at most 2,147,483,647` : fault.detail;
    case "too-long":
      return `“${label}” must have at most 100 characters, and has ${[...form.elements[name].value].length}`;
    default:
      return fault.detail;
  }
}

const MEMBERS = [
  "name", "sex", "age", "passengerClass", "fare", "siblingsOrSpousesAboard", "parentsOrChildrenAboard", "survived",
];

function showFaults(form, problem) {
  const member = (fault) => (fault.in === "body" ? (fault.pointer || "").slice(1) : "");
  const entries = problem.errors.map((fault) => {
    const name = member(fault);
    return MEMBERS.includes(name)
      ? [MEMBERS.indexOf(name), showAtField(name, sentence(form, name, fault))]
      : [-1, element("li", {}, fault.detail)];
  });
  entries.sort(([a], [b]) => a - b);
  showProblem("Please look at this again", element("ul", {}, ...entries.map(([, entry]) => entry)));
}

/** Shows what somebody else has made of the person meanwhile, and lets choose where both changed something. */
async function showConflict(form, state) {
  const response = await fetch(state.address, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (response.status === 404) {
    showProblem("Somebody else has deleted this person", element("p", {}, "What you entered is still here, but can’t be saved."));
    return;
  }
  if (!response.ok) {
    showRefusal(response.status, await json(response));
    return;
  }
  const theirs = await response.json();
  const rows = [];
  for (const name of MEMBERS) {
    const [before, yours] = [state.person[name], valueOf(form, name)];
    if (theirs[name] === before || theirs[name] === yours) continue;
    const text = (value) => element("bdi", {}, shown(form, name, value));
    const cells = [element("td", {}, text(before))];
    if (yours === before) {
      setValue(form, name, theirs[name]);
      cells.push(element("td", {}, text(theirs[name]), " (taken over)"), element("td", {}, "not changed"));
    } else {
      for (const [whose, value, entered] of [
        ["theirs", theirs[name], theirs[name]],
        ["yours", yours, form.elements[name].value],
      ]) {
        const id = `${name}-${whose}`;
        const radio = element("input", { type: "radio", name: `choice-${name}`, id });
        radio.checked = whose === "yours";
        radio.addEventListener("change", () => setValue(form, name, entered));
        cells.push(element("td", {}, element("label", { class: "choice", for: id }, radio, " ", text(value))));
      }
    }
    rows.push(element("tr", {}, element("th", { scope: "row" }, labelOf(form, name)), ...cells));
  }
  state.person = theirs;
  // A proxy that compresses makes it a weak one, which never matches.
  state.etag = response.headers.get("ETag").replace(/^W\//, "");
  const heads = ["", "Before", "Theirs", "Yours"].map((text) =>
    text === "" ? element("td") : element("th", { scope: "col" }, text),
  );
  showProblem(
    "Somebody else changed this person while you did",
    element("p", {}, "Nothing of yours is saved yet. Choose what shall stay, then save again."),
    element("table", { class: "compare" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)),
  );
}

function changes(form, person) {
  const entered = MEMBERS.map((name) => [name, valueOf(form, name)]);
  // An emptied field is a change, too: the contract says that it must not be.
  return Object.fromEntries(
    entered.filter(([name, value]) => value !== person[name]).map(([name, value]) => [name, value === undefined ? "" : value]),
  );
}

async function save(form, state) {
  const { address } = state;
  const isNew = address === "";
  const body = isNew
    ? Object.fromEntries(MEMBERS.map((name) => [name, valueOf(form, name)]).filter(([, value]) => value !== undefined))
    : changes(form, state.person);
  if (!isNew && Object.keys(body).length === 0) {
    location.assign(address);
    return;
  }
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  if (isNew) headers["Idempotency-Key"] = form.dataset.idempotencyKey;
  else headers["If-Match"] = state.etag;
  const response = await fetch(isNew ? "/people" : address, {
    method: isNew ? "POST" : "PUT",
    headers,
    body: JSON.stringify(body),
  });
  const answer = await json(response);
  if (response.ok && answer) {
    tellNext(isNew ? "added" : "changed");
    location.assign(`/people/${answer.uuid}`);
  } else if (response.status === 412) {
    await showConflict(form, state);
  } else if (response.status === 404) {
    showProblem("Somebody else has deleted this person", element("p", {}, "What you entered is still here, but can’t be saved."));
  } else if (response.status === 400 && answer && answer.errors.length > 0) {
    showFaults(form, answer);
  } else {
    showRefusal(response.status, answer);
  }
}

function preparePerson(form) {
  const state = {
    address: form.dataset.address,
    etag: form.dataset.etag,
    person: JSON.parse(form.dataset.person),
  };
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearProblems();
    button.disabled = true;
    try {
      await save(form, state);
    } catch {
      showRefusal(0, null);
    } finally {
      button.disabled = false;
    }
  });
}

/* An import */

const number = new Intl.NumberFormat("en");

function showBadRows(problem) {
  const cell = (text, attributes) => element("td", attributes, text === undefined ? "" : String(text));
  const rows = problem.errors.map((fault) => {
    const where = fault.column || (fault.pointer || "").slice(1);
    return element("tr", {}, cell(fault.line, { class: "number" }), cell(where, {}), cell(fault.detail, {}));
  });
  const heads = ["Line", "Column", "What is wrong"].map((text) => element("th", { scope: "col" }, text));
  const count = problem.badRows || rows.length;
  const few = new Set(problem.errors.map((fault) => fault.line)).size;
  showProblem(
    count === 1 ? "One row is wrong" : `${number.format(count)} rows are wrong`,
    element("p", {}, "Nobody was added."),
    element("table", { class: "bad" },
      element("caption", { class: "hidden" }, "Rows that are wrong"),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)),
    ...(count > few ? [element("p", {}, `These are the first ${few}; ${number.format(count - few)} more are not shown.`)] : []),
  );
}

function showImported(answer) {
  const people = (count) => (count === 1 ? "1 person" : `${number.format(count)} people`);
  const parts = [answer.dryRun
    ? `The file is good: ${people(answer.imported)} would be added.`
    : `${people(answer.imported)} ${answer.imported === 1 ? "was" : "were"} added.`];
  if (answer.agesCut > 0) parts.push(`${number.format(answer.agesCut)} of the ages had a fraction, which is cut off.`);
  const children = [element("p", { class: "notice" }, parts.join(" "))];
  if (!answer.dryRun) children.push(element("p", {}, element("a", { href: "/people" }, "Go to the list of people")));
  document.getElementById("result").replaceChildren(...children);
}

function prepareImport(form) {
  const [button, cancel] = [form.querySelector("button"), document.getElementById("cancel")];
  const [progress, bar, text] = ["progress", "bar", "progress-text"].map((id) => document.getElementById(id));
  const file = form.elements.file;
  // The same for the same file until it is stored: sent again after a lost answer it is not stored twice.
  let key = unique();
  form.addEventListener("change", () => (key = unique()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearProblems();
    document.getElementById("result").replaceChildren();
    const chosen = file.files[0];
    const wrong = !chosen ? "Choose a file" : chosen.size === 0 ? "This file is empty" : "";
    if (wrong) {
      showProblem("Please look at this again", element("ul", {}, showAtField("file", wrong)));
      return;
    }
    const request = new XMLHttpRequest();
    const working = (is) => {
      button.disabled = is;
      cancel.hidden = !is;
      progress.hidden = !is;
    };
    const isLines = /\.(ndjson|jsonl)$/i.test(chosen.name);
    const dryRun = form.elements.dryRun.checked;
    request.open("POST", dryRun ? "/people/import?dryRun=true" : "/people/import");
    request.setRequestHeader("Content-Type", isLines ? "application/x-ndjson" : "text/csv");
    request.setRequestHeader("Accept", "application/json");
    if (!dryRun) request.setRequestHeader("Idempotency-Key", key);
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = loaded / total;
      text.textContent = `Sending: ${Math.floor((loaded / total) * 100)}%`;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      text.textContent = "Sent. The rows are being checked and stored.";
    });
    request.addEventListener("loadend", () => {
      working(false);
      const { status, response } = request;
      if (status === 200 && response) {
        key = unique();
        showImported(response);
      } else if (status === 400 && response && response.errors.some((fault) => fault.line)) {
        showBadRows(response);
      } else if (!cancelled) {
        showRefusal(status, response);
      }
    });
    let cancelled = false;
    cancel.onclick = () => {
      cancelled = true;
      request.abort();
      document.getElementById("result").replaceChildren(element("p", {}, "You cancelled the import."));
      button.focus();
    };
    bar.value = 0;
    text.textContent = "Sending";
    working(true);
    request.send(chosen);
  });
}

const person = document.querySelector("form.person");
if (person) preparePerson(person);
const files = document.querySelector("form.import");
if (files) prepareImport(files);
