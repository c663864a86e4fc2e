// Requests to the admin API, with the token if one is needed.

const BASE = new URL("../../", import.meta.url);
const TOKEN_KEY = "standin-token";

/** An answer of the admin API other than a success. */
export class ApiError extends Error {
  constructor(status, message, errors = []) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** Returns the address of a path below `/__admin/`. */
export function address(path) {
  return new URL(path, BASE);
}

/** Returns true if a token is kept for this tab. */
export function hasToken() {
  return sessionStorage.getItem(TOKEN_KEY) !== null;
}

/** Keeps a token for this tab; null forgets it. */
export function setToken(token) {
  if (token === null) sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, token);
}

/** Sends a request and returns the response, which is a success. */
export async function request(path, { method = "GET", body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (hasToken()) headers.Authorization = `Bearer ${sessionStorage.getItem(TOKEN_KEY)}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address(path), { method, body, signal, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "standin does not answer");
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** Returns the JSON of an answer. */
export async function get(path, options) {
  return (await request(path, options)).json();
}

/** Sends a value as JSON and returns the response. */
export function send(method, path, value) {
  return request(path, { method, body: value === undefined ? undefined : JSON.stringify(value) });
}

async function refusal(response) {
  const text = await response.text();
  try {
    const { errors } = JSON.parse(text);
    return new ApiError(
      response.status,
      errors.map((error) => error.detail ?? error.title).join("\n"),
      errors,
    );
  } catch {
    return new ApiError(response.status, text.trim() || `status ${response.status}`);
  }
}
