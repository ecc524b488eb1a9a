// The description of all routes, for people: what /api/v1/openapi.json says, by tag, put in as text.
"use strict";

const METHODS = ["get", "post", "put", "delete"];
const SCHEMAS = "#/components/schemas/";
const DEPTH_MAX = 6;

let all = {};

const by = (id) => document.getElementById(id);

function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = String(text);
  if (name) node.className = name;
  return node;
}

// Returns a schema and its name; a reference is what it leads to.
function resolved(schema) {
  const ref = schema && schema.$ref;
  if (typeof ref !== "string" || !ref.startsWith(SCHEMAS)) return [schema || {}, ""];
  const name = ref.slice(SCHEMAS.length);
  return [all[name] || {}, name];
}

function choices(schema) {
  return schema.oneOf || schema.anyOf || null;
}

// Says in words what a schema takes.
function kind(given) {
  const [schema, name] = resolved(given);
  if (schema.enum) return schema.enum.map((it) => JSON.stringify(it)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (choices(schema)) return (name ? name + ": " : "") + choices(schema).map(kind).join(" | ");
  const types = [].concat(schema.type || (schema.properties || schema.allOf ? "object" : "anything"));
  const text = types.map((it) => (it === "array" && schema.items ? "list of " + kind(schema.items) : it)).join(" or ");
  return [name, text === "object" && name ? "" : text, schema.format ? "(" + schema.format + ")" : ""].filter(Boolean).join(" ");
}

// Lists the fields of a schema, and those of what is inside; null: it has none. What holds itself ends.
function fields(given, above) {
  const [schema, name] = resolved(given);
  if (above.length >= DEPTH_MAX || (name && above.includes(name))) return null;
  const inside = above.concat(name || "-");
  const list = make("ul");
  (schema.allOf || []).concat(choices(schema) || []).forEach((it) => {
    const found = fields(it, inside);
    if (!found) return;
    if (!choices(schema)) { list.append(...found.childNodes); return; }
    list.appendChild(make("li", resolved(it)[1] || "one of these")).append(found);
  });
  Object.entries(schema.properties || {}).forEach(([field, it]) => {
    const item = list.appendChild(make("li"));
    item.append(make("code", field), ": " + kind(it) + ((schema.required || []).includes(field) ? ", needed" : ""));
    const what = it.description || resolved(it)[0].description;
    if (what) item.append(make("span", " - " + what, "soft"));
    const found = fields(it, inside);
    if (found) item.append(found);
  });
  [schema.items, typeof schema.additionalProperties === "object" ? schema.additionalProperties : null].filter(Boolean).forEach((it) => {
    const found = fields(it, inside);
    if (found) list.append(...found.childNodes);
  });
  return list.childElementCount ? list : null;
}

function bodies(title, told) {
  return Object.entries((told && told.content) || {}).flatMap(([type, it]) => {
    const found = it.schema ? fields(it.schema, []) : null;
    const text = title + " " + type + (it.schema ? ": " + kind(it.schema) : "") + (told.description ? " - " + told.description : "");
    return [make("p", text), found].filter(Boolean);
  });
}

function route(path, method, it) {
  const out = make("details", null, "card");
  const head = out.appendChild(make("summary"));
  const title = head.appendChild(make("span"));
  title.append(make("span", method.toUpperCase(), "method"), " ", make("code", path), make("span", " " + (it.summary || ""), "soft"));
  out.append(make("p", it.description));
  const given = make("ul");
  (it.parameters || []).forEach((one) => {
    const item = given.appendChild(make("li"));
    item.append(make("code", one.name), " (" + one.in + (one.required ? ", needed" : "") + ")", one.description ? ": " + one.description : "");
  });
  if (given.childElementCount) out.append(make("h3", "Parameters"), given);
  if (it.requestBody) out.append(make("h3", "Body" + (it.requestBody.required ? "" : " (may be left out)")), ...bodies("", it.requestBody));
  out.append(make("h3", "Answers"));
  Object.entries(it.responses || {}).forEach(([status, one]) => {
    const found = bodies(status, one);
    out.append(...(found.length ? found : [make("p", status + " " + (one.description || ""))]));
  });
  return out;
}

function show(told) {
  all = (told.components && told.components.schemas) || {};
  const tags = new Map();
  Object.entries(told.paths).forEach(([path, item]) => METHODS.filter((it) => item[it]).forEach((method) => {
    const tag = (item[method].tags || ["other"])[0];
    if (!tags.has(tag)) tags.set(tag, []);
    tags.get(tag).push(route(path, method, item[method]));
  }));
  by("asof").textContent = told.info.title + " " + told.info.version + ". " + (told.info.description || "");
  tags.forEach((routes, tag) => {
    const title = make("h2", tag);
    title.id = "tag-" + tag;
    const link = by("tags").appendChild(make("a", tag + " (" + routes.length + ")"));
    link.href = "#" + title.id;
    by("main").append(title, ...routes);
  });
}

fetch("/api/v1/openapi.json", { cache: "no-cache" }).then((it) => it.json()).then(show)
  .catch(() => { by("asof").textContent = "The node does not answer; load the page again."; });
