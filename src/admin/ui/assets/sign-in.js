// The page on which a person types the token of the admin API.

import { get, hasToken, setToken } from "./api.js";
import { h, setText } from "./dom.js";

/** Returns the page. `onSignedIn` is called when the server has accepted a token. */
export function signInPage(onSignedIn) {
  const wasRefused = hasToken();
  setToken(null);
  const token = h("input", {
    type: "password",
    id: "token",
    autocomplete: "current-password",
    required: true,
  });
  // for password managers, which keep a token by the name of its user
  const user = h("input", {
    type: "text",
    autocomplete: "username",
    value: "standin",
    hidden: true,
  });
  const problem = h(
    "p",
    { class: "bad", role: "alert" },
    wasRefused ? "The token was not accepted." : "",
  );
  const submit = async (event) => {
    event.preventDefault();
    setToken(token.value.trim());
    try {
      await get("standin/profile");
      onSignedIn();
    } catch (error) {
      setToken(null);
      setText(problem, error.status === 0 ? error.message : "The token was not accepted.");
      token.select();
    }
  };
  return h(
    "section",
    { class: "card sign-in" },
    h("h1", {}, "Sign in"),
    h(
      "p",
      {},
      "This standin asks for the token that it was started with: ",
      h("code", {}, "--admin-token"),
      ".",
    ),
    h(
      "form",
      { onsubmit: submit },
      user,
      h("label", { class: "field" }, h("span", {}, "Token"), token),
      h("button", { class: "primary" }, "Sign in"),
    ),
    problem,
    h(
      "p",
      { class: "note" },
      "The token stays in this tab, and is forgotten when the tab is closed.",
    ),
  );
}
