// The tree of stubs: services, files and stubs, flattened into the rows of a list.

import { get } from "./api.js";

/** Returns all stubs in short, read in parts; `onPart(stubs, total)` is called after each. */
export async function readStubs(onPart, signal) {
  const stubs = [];
  for (;;) {
    const part = await get(`ui/stubs?offset=${stubs.length}`, { signal });
    stubs.push(...part.stubs);
    onPart(stubs, part.total);
    if (part.stubs.length === 0 || stubs.length >= part.total) return stubs;
  }
}

/**
 * Returns the rows of a tree.
 *
 * A row is `{key, level, kind, text, isOpen, stubs}` for a service or a file, `{key, level, kind,
 * stub}` for a stub. `closed` holds the keys of the branches that are closed.
 */
export function treeRows(stubs, closed) {
  const rows = [];
  for (const [service, ofService] of grouped(stubs, serviceOf)) {
    const serviceKey = `service:${service}`;
    const isOpen = !closed.has(serviceKey);
    rows.push({
      key: serviceKey,
      level: 1,
      kind: "service",
      text: service,
      isOpen,
      stubs: ofService,
    });
    if (!isOpen) continue;
    for (const [file, ofFile] of grouped(ofService, (stub) => stub.place?.file ?? "")) {
      const level = file === "" ? 2 : 3;
      const fileKey = `file:${service}/${file}`;
      const isFileOpen = !closed.has(fileKey);
      if (file !== "")
        rows.push({
          key: fileKey,
          level: 2,
          kind: "file",
          text: file,
          isOpen: isFileOpen,
          stubs: ofFile,
        });
      if (file === "" || isFileOpen)
        rows.push(...ofFile.map((stub) => ({ key: stub.id, level, kind: "stub", stub })));
    }
  }
  return rows;
}

/** Returns the stubs whose name, URL, method or file contains all words of a text. */
export function search(stubs, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return stubs;
  return stubs.filter((stub) => {
    const searched = [
      stub.name,
      stub.method,
      stub.url,
      stub.place?.file,
      stub.place?.service,
      stub.id,
    ]
      .filter(Boolean)
      .join(" ")
      .toLowerCase();
    return words.every((word) => searched.includes(word));
  });
}

function serviceOf(stub) {
  return stub.place === null ? "from the API" : (stub.place.service ?? "files");
}

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (groups.has(key)) groups.get(key).push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
