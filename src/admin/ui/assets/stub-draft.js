// A stub made of a call that no stub answered, and the request that a stub asks for.

/** Returns a stub that answers a call of the journal. */
export function stubOfCall(request) {
  const path = request.url.split("?")[0];
  const pattern = { method: request.method, urlPath: path };
  const parameters = Object.entries(request.queryParams ?? {});
  if (parameters.length > 0) {
    pattern.queryParameters = Object.fromEntries(
      parameters.map(([name, { values }]) => [
        name,
        values.length === 1
          ? { equalTo: values[0] }
          : { hasExactly: values.map((value) => ({ equalTo: value })) },
      ]),
    );
  }
  if (request.body) pattern.bodyPatterns = [bodyPattern(request.body)];
  return {
    name: `${request.method} ${path}`,
    request: pattern,
    response: { status: 200, headers: { "Content-Type": "application/json" }, jsonBody: {} },
  };
}

function bodyPattern(body) {
  try {
    return { equalToJson: JSON.parse(body) };
  } catch {
    return { equalTo: body };
  }
}

/** Returns a stub to begin with. */
export function emptyStub() {
  return {
    name: "",
    request: { method: "GET", urlPath: "/" },
    response: { status: 200, body: "" },
  };
}

/** Returns a request that a stub is likely to answer: method, path, headers and body. */
export function requestOf(stub) {
  const { request = {} } = stub;
  const method = !request.method || request.method === "ANY" ? "GET" : request.method;
  const parameters = Object.entries(request.queryParameters ?? {}).filter(
    ([, matcher]) => typeof matcher.equalTo === "string",
  );
  const query = new URLSearchParams(
    parameters.map(([name, matcher]) => [name, matcher.equalTo]),
  ).toString();
  const template = request.urlPathTemplate?.replaceAll(/\{[^}]*\}/g, "1");
  const path = request.url ?? request.urlPath ?? template ?? "/";
  const headers = Object.entries(request.headers ?? {}).filter(
    ([, matcher]) => typeof matcher.equalTo === "string",
  );
  const [pattern] = request.bodyPatterns ?? [];
  const body = pattern?.equalToJson ?? pattern?.equalTo ?? "";
  return {
    method,
    path: query ? `${path}?${query}` : path,
    headers: headers.map(([name, matcher]) => `${name}: ${matcher.equalTo}`).join("\n"),
    body: typeof body === "string" ? body : JSON.stringify(body, null, 2),
  };
}
